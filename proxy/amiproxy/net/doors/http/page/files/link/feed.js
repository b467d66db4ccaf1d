/**
 * Feed: one WebSocket after another, for ever.  Each goes on where the last one ended, or begins with a snapshot.
 *
 * The sink, to which the messages go, has a whole picture after each snapshot, and after ``resumed`` as well.  Between ``lost``
 * or a link that is down and the next snapshot it has none.
 */

import { TIMERS } from "./session.js";

/** Milliseconds between two looks at how long nothing has come. */
const LOOK = 1_000;
/** Seconds by which the sink may know late that a message has come. */
const TELL = 1;
/** Seconds without a message after which the server is asked for one, and after which the socket is given up. */
const QUIET = 5;
const DEAD = 15;
/** Seconds that an answer to a ping may take, even if nothing has come for long because this machine slept. */
const ANSWER = 5;
/** Seconds before the first and the last attempts to connect again. */
const SHORTEST = 0.5;
const LONGEST = 15;
/** Seconds between two looks whether somebody has logged in. */
const LOGIN = 30;
/** Close codes: the session has ended (1008: the user was disabled), or could not begin; and the server wants to be left alone. */
const SESSION_OVER = new Set([1008, 4001, 4002, 4003]);
const LATER = new Set([1001, 1013, 4029]);
/** Most snapshots that are asked for because a server is not in them: perhaps the user may not see any of it. */
const MOST_MISSES = 20;
/** Most times that a kind is asked for again because Asterisk may not have listed it yet; others the user may not see. */
const MOST_LISTINGS = 4;
/** Kinds whose items have times that events do not tell when they are sent after a break. */
const TIMED = ["channels", "queues", "parked"];

/**
 * @typedef {object} Sink
 * @property {(message: import("../model/types.js").Hello) => void} hello
 * @property {(message: import("../model/types.js").Snapshot) => void} snapshot
 * @property {() => void} resumed
 * @property {(data: import("../model/types.js").Data, server: string, at: number|null) => void} event ``at`` is null for an
 *   event that has happened at an unknown time before
 * @property {(server: string, isUp: boolean, since: number) => void} link
 * @property {() => void} lost
 * @property {(state: import("../model/types.js").FeedState) => void} state
 */
/**
 * @typedef {object} Socket what a WebSocket has
 * @property {(text: string) => void} send
 * @property {(code?: number) => void} close
 * @property {((event: any) => any)|null} onmessage
 * @property {((event: any) => any)|null} onclose
 */
/** @typedef {{state: string, find: () => Promise<void>}} Finder what ``Session`` has */
/**
 * @typedef {object} Settings
 * @property {string} url as ``socketUrl`` returns it
 * @property {string[]} kinds of the snapshots
 * @property {string[]} classes of the events
 * @property {import("./clock.js").Clock} clock
 * @property {Sink} sink
 * @property {Finder} [session] says whether a login is needed; without one, that is what the close codes say
 * @property {(url: string) => Socket} [open]
 * @property {import("./session.js").Timers} [timers]
 * @property {(call: () => void) => void} [wakes] has this called when a connection may be possible again
 * @property {() => number} [random] from 0 to 1
 */

/** @param {string} path of the WebSocket, relative to the document @param {string} base URL of the document */
export function socketUrl(path, base) {
  const url = new URL(path, base);
  url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
  url.search = url.hash = "";
  return url.href;
}

export class Feed {
  /** @param {Settings} settings */
  constructor({ url, kinds, classes, clock, sink, session, open, timers = TIMERS, wakes = whenAwake, random = Math.random }) {
    this.url = url;
    this.kinds = kinds;
    this.classes = classes;
    this.clock = clock;
    this.sink = sink;
    this.session = session;
    this.open = open ?? ((/** @type {string} */ address) => new WebSocket(address, "ami.json"));
    this.timers = timers;
    this.random = random;
    /** @type {import("../model/types.js").FeedState} */
    this.state = { socket: "closed", lastHeard: null, code: null, loginNeeded: false };
    this.isRunning = false;
    /** @type {Socket|null} */
    this.socket = null;
    /** The timer of the next attempt or look. @type {any} */
    this.timer = null;
    this.attempts = 0;
    /** Monotonic seconds of the last message, or of the attempt; and of the ping that nothing has followed. */
    this.heard = 0;
    /** @type {number|null} */
    this.pinged = null;
    this.isGreeted = false;
    /** The position at each server; only those of a whole picture are any good. @type {Map<string, string>} */
    this.positions = new Map();
    this.isWhole = false;
    /** Kinds of each snapshot that was asked for. @type {Map<string, string[]>} */
    this.asked = new Map();
    /** Timers of those that are to be asked for again. @type {Set<any>} */
    this.again = new Set();
    /** Servers whose link is up and that no snapshot has shown since -> how many have not. @type {Map<string, number>} */
    this.awaited = new Map();
    /** Kinds that snapshots lacked -> how often they were asked for again. @type {Map<string, number>} */
    this.unlisted = new Map();
    this.number = 0;
    /** The snapshot after which the times of events are known again. */
    this.catchUp = "";
    wakes(() => this.hurry());
  }

  /** Connect, and stay connected.  Also to be called after a login. */
  start() {
    this.isRunning = true;
    if (this.socket === null) this.connect();
  }

  stop() {
    this.isRunning = false;
    this.drop();
    this.isWhole = false;
    this.become({ socket: "closed", loginNeeded: false });
  }

  /** Connect now instead of after a pause; a socket that is open is asked whether it still works. */
  hurry() {
    if (!this.isRunning) return;
    if (this.socket === null && this.state.loginNeeded) void this.lookForLogin();
    else if (this.socket === null) this.connect();
    else if (this.isGreeted && this.quiet() >= QUIET) this.ping();
  }

  /** Ask for a snapshot of some kinds.  Without a connection nothing is asked: the next one begins with a snapshot. @param {string[]} kinds */
  ask(kinds) {
    if (this.socket === null || !this.isGreeted) return "";
    for (const [id, others] of this.asked) if (kinds.every((kind) => others.includes(kind))) return id;
    const id = `s${++this.number}`;
    this.asked.set(id, kinds);
    this.say({ type: "snapshot", id, kinds });
    return id;
  }

  // -- the socket

  connect() {
    this.drop();
    let query = `?classes=${this.classes.join(",")}&kinds=${this.kinds.join(",")}`;
    if (this.isWhole && this.positions.size) query += `&last=${[...this.positions.values()].join(".")}`;
    this.heard = this.clock.monotonic();
    /** @type {Socket} */
    let socket;
    try {
      socket = this.open(this.url + query);
    } catch {
      this.ended(null, 1006);
      return;
    }
    this.socket = socket;
    socket.onmessage = ({ data }) => this.take(socket, data);
    socket.onclose = ({ code }) => this.ended(socket, code);
    this.become({ socket: "connecting", loginNeeded: false });
    this.timer = this.timers.set(() => this.look(), LOOK);
  }

  /** Leave the socket, and forget what was asked of it. */
  drop() {
    const socket = this.socket;
    this.socket = null;
    this.isGreeted = false;
    this.pinged = null;
    this.catchUp = "";
    this.asked.clear();
    this.timers.clear(this.timer);
    for (const timer of this.again) this.timers.clear(timer);
    this.again.clear();
    this.awaited.clear();
    this.unlisted.clear();
    if (socket) {
      socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  /** @param {Socket|null} socket @param {number} code */
  ended(socket, code) {
    if (socket !== this.socket) return;
    const isRefused = !this.isGreeted || SESSION_OVER.has(code);
    this.drop();
    this.become({ socket: "closed", code });
    if (isRefused && this.session) void this.askSession(code);
    else if (SESSION_OVER.has(code)) this.needLogin();
    else this.later(code);
  }

  /** @param {number} code */
  async askSession(code) {
    await this.session?.find();
    if (!this.isRunning || this.socket !== null) return;
    if (this.session?.state === "out") this.needLogin();
    else this.later(code);
  }

  needLogin() {
    this.drop();
    this.isWhole = false; // somebody else may log in
    this.become({ socket: "closed", loginNeeded: true });
    this.timer = this.timers.set(() => this.lookForLogin(), LOGIN * 1000);
  }

  async lookForLogin() {
    await this.session?.find();
    if (!this.isRunning || this.socket !== null) return;
    if (this.session?.state === "out") this.needLogin();
    else this.connect();
  }

  /** Connect after a pause. @param {number} code with which the last socket was closed */
  later(code) {
    const growing = Math.min(LONGEST, SHORTEST * 2 ** Math.min(this.attempts++, 10));
    const pause = LATER.has(code) ? Math.max(LONGEST / 2, growing) : growing;
    this.timers.clear(this.timer);
    this.timer = this.timers.set(() => this.connect(), pause * (0.5 + 0.5 * this.random()) * 1000);
  }

  quiet() {
    return this.clock.monotonic() - this.heard;
  }

  look() {
    const quiet = this.quiet();
    const waited = this.pinged === null ? 0 : this.clock.monotonic() - this.pinged;
    if (quiet >= DEAD && (!this.isGreeted || waited >= ANSWER)) {
      this.ended(this.socket, 1006);
      return;
    }
    if (quiet >= QUIET && this.isGreeted) this.ping();
    this.timer = this.timers.set(() => this.look(), LOOK);
  }

  ping() {
    if (this.pinged !== null) return;
    this.pinged = this.clock.monotonic();
    this.say({ type: "ping" });
  }

  /** @param {object} message */
  say(message) {
    this.socket?.send(JSON.stringify(message));
  }

  /** @param {Partial<import("../model/types.js").FeedState>} changes */
  become(changes) {
    this.state = { ...this.state, ...changes };
    this.sink.state(this.state);
  }

  // -- what comes

  /** @param {Socket} socket @param {string} text */
  take(socket, text) {
    if (socket !== this.socket) return;
    this.heard = this.clock.monotonic();
    this.pinged = null;
    const { lastHeard } = this.state;
    const now = this.clock.now();
    if (lastHeard === null || Math.abs(now - lastHeard) >= TELL) this.become({ lastHeard: now });
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      this.ended(socket, 4004);
      return;
    }
    this.carryOut(message);
  }

  /** @param {any} message */
  carryOut(message) {
    const server = message.server ?? "";
    switch (message.type) {
      case "event":
        this.follow(server, message.seq);
        this.sink.event(message.data, server, this.catchUp ? null : this.clock.now());
        if (message.data.Event === "FullyBooted") {
          this.unlisted.clear();
          this.ask(this.kinds);
        }
        break;
      case "heartbeat":
        this.follow(server, message.seq);
        break;
      case "snapshot":
        this.show(message);
        break;
      case "hello":
        this.clock.set(message.time);
        this.isGreeted = true;
        this.attempts = 0;
        for (const { name, up } of message.servers) if (up) this.awaited.set(name, 0);
        this.sink.hello(message);
        this.become({ socket: "open", lastHeard: this.clock.now(), loginNeeded: false });
        break;
      case "resumed":
        this.sink.resumed();
        this.catchUp = this.ask(TIMED.filter((kind) => this.kinds.includes(kind)));
        break;
      case "link":
        this.isWhole = false; // tokens from before are no longer good
        this.sink.link(server, message.state === "up", this.clock.now());
        this.awaited.delete(server);
        if (message.state === "up") {
          this.awaited.set(server, 0);
          this.unlisted.clear();
          this.ask(this.kinds);
        }
        break;
      case "lost":
        this.isWhole = false;
        this.sink.lost();
        this.ended(this.socket, 1000);
        break;
      case "login_required":
        this.ended(this.socket, 4001);
        break;
      case "error":
        this.failed(message);
        break;
    }
  }

  /** @param {string} server @param {string|undefined} position */
  follow(server, position) {
    if (position) this.positions.set(server, position);
  }

  /** @param {import("../model/types.js").Snapshot} message */
  show(message) {
    this.sink.snapshot(message);
    if (message.more) return;
    const kinds = this.asked.get(message.id ?? "") ?? this.kinds;
    this.asked.delete(message.id ?? "");
    if (message.id && message.id === this.catchUp) this.catchUp = "";
    if (kinds.length === this.kinds.length) {
      this.isWhole = true;
      this.positions.clear();
      this.askForMissing(message.serversMissing ?? []);
    }
    this.askForUnlisted(message.kindsMissing ?? []);
    if (message.positions) for (const [name, position] of Object.entries(message.positions)) this.follow(name, position);
    else this.follow(message.server ?? "", message.seq);
  }

  /** @param {{id?: string, status: number}} message */
  failed({ id = "", status }) {
    const kinds = this.asked.get(id);
    this.asked.delete(id);
    const isCatchUp = id !== "" && id === this.catchUp;
    if (isCatchUp) this.catchUp = "";
    // There is no snapshot now, such as before Asterisk has booted.
    if (kinds && status === 503 && (isCatchUp || kinds.length === this.kinds.length)) this.askLater(kinds, 2);
  }

  /** @param {string[]} missing */
  askForUnlisted(missing) {
    const kinds = missing.filter((kind) => (this.unlisted.get(kind) ?? 0) < MOST_LISTINGS);
    if (!kinds.length) return;
    for (const kind of kinds) this.unlisted.set(kind, (this.unlisted.get(kind) ?? 0) + 1);
    this.askLater(kinds, QUIET);
  }

  /** Of several servers, a snapshot has those that have booted. @param {string[]} missing */
  askForMissing(missing) {
    const rest = [...this.awaited].filter(([name]) => missing.includes(name));
    this.awaited = new Map(rest.map(([name, misses]) => [name, misses + 1]));
    const misses = Math.min(...this.awaited.values());
    if (misses <= MOST_MISSES) this.askLater(this.kinds, Math.min(LONGEST, 2 * misses));
  }

  /** @param {string[]} kinds @param {number} seconds up to twice as many */
  askLater(kinds, seconds) {
    const timer = this.timers.set(() => {
      this.again.delete(timer);
      this.ask(kinds);
    }, seconds * (1 + this.random()) * 1000);
    this.again.add(timer);
  }
}

/** @param {() => void} call */
function whenAwake(call) {
  globalThis.addEventListener?.("online", call);
  globalThis.document?.addEventListener("visibilitychange", () => {
    if (!document.hidden) call();
  });
}
