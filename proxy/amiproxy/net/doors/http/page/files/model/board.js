/** Board: what there is now at all servers, from a snapshot and events.  It knows neither the document nor timers. */

import { get, number } from "./fields.js";
import { Side } from "./side.js";

/** @typedef {import("./types.js").Data} Data */
/** @typedef {import("./types.js").Snapshot} Snapshot */
/** @typedef {import("./types.js").Server} Server */
/** @typedef {import("./types.js").Totals} Totals */

/** The kinds that the board can show, and the classes of the events that change them. */
export const KINDS = [
  ...["channels", "bridges", "queues", "agents", "parked", "conferences"],
  ...["extensions", "presence", "endpoints", "peers"],
];
export const CLASSES = ["call", "agent", "system"];

export class Board {
  /** @param {{now: () => number}} clock */
  constructor(clock) {
    this.clock = clock;
    /** What has changed since whoever draws cleared it. @type {Set<import("./types.js").Group>} */
    this.changed = new Set();
    /** Whether calls have ended since the last snapshot of queues: no event tells averages and levels exactly. */
    this.wantsFigures = false;
    /** Kinds that the user cannot see, or that are not known now. @type {Set<string>} */
    this.missing = new Set();
    /** @type {Map<string, Server>} */
    this.servers = new Map();
    /** Whether a snapshot has come, and nothing has been lost since. */
    this.isWhole = false;
    this.user = "";
    /** By the name that messages have: "" if there is only one. @type {Map<string, Side>} */
    this.sides = new Map();
    /** Parts of snapshots that are not complete, by their ids. @type {Map<string, Snapshot[]>} */
    this.parts = new Map();
  }

  // -- from the feed

  /** @param {import("./types.js").Hello} message */
  hello(message) {
    if (message.user !== this.user) this.clear();
    this.user = message.user;
    this.parts.clear();
    const before = this.servers;
    this.servers = new Map();
    for (const { name, up, started } of message.servers) {
      const since = before.get(name)?.isUp === up ? (before.get(name)?.since ?? null) : null;
      this.servers.set(name, { name, isUp: up, since, started: started ?? null });
    }
    const names = this.servers.size > 1 ? [...this.servers.keys()] : [""];
    for (const name of this.sides.keys()) if (!names.includes(name)) this.sides.delete(name);
    for (const name of names) this.sideOf(name).touchCounts();
    this.changeAll();
  }

  /** @param {Snapshot} message */
  snapshot(message) {
    const id = message.id ?? "";
    const parts = [...(this.parts.get(id) ?? []), message];
    if (message.more) {
      this.parts.set(id, parts);
      return;
    }
    this.parts.delete(id);
    this.load(parts, message, id === "");
  }

  /** @param {Snapshot[]} parts @param {Snapshot} last @param {boolean} isFull */
  load(parts, last, isFull) {
    const missing = last.kindsMissing ?? [];
    const told = [...(last.kinds ?? []), ...missing];
    for (const kind of told) this.missing.delete(kind);
    if (isFull) this.missing.clear();
    for (const kind of missing) this.missing.add(kind);
    const kinds = new Set(isFull ? KINDS : told);
    const absent = new Set(last.serversMissing ?? []);
    /** @type {Map<string, Map<string, Data[]>>} */
    const groups = new Map();
    for (const name of this.servers.size > 1 ? this.servers.keys() : [""]) if (!absent.has(name)) groups.set(name, new Map());
    for (const { server = "", data = {} } of parts) {
      const mine = groups.get(server) ?? new Map();
      groups.set(server, mine);
      for (const [group, items] of Object.entries(data)) mine.set(group, [...(mine.get(group) ?? []), ...items]);
    }
    for (const [name, mine] of groups) {
      this.sideOf(name).load(mine, kinds, this.clock.now());
      const server = this.serverOf(name);
      if (server && !server.isUp) this.link(name, true, this.clock.now());
    }
    if (kinds.has("queues")) this.wantsFigures = false;
    if (isFull || KINDS.every((kind) => kinds.has(kind))) this.isWhole = true;
    this.changeAll();
  }

  /** Events from now on are those since the last snapshot or event. */
  resumed() {
    this.isWhole = true;
    this.changeAll();
  }

  /** @param {Data} data @param {string} server @param {number|null} at epoch seconds; null if that is not known */
  event(data, server, at) {
    const side = this.sideOf(server);
    const now = at ?? this.clock.now();
    if (data.Event === "FullyBooted" && data.Uptime !== undefined) {
      const known = this.serverOf(server);
      if (known) known.started = now - number(get(data, "Uptime"));
      side.touchCounts();
    }
    side.event(data, now, at !== null);
  }

  /** The link of a server is lost or back. @param {string} server @param {boolean} isUp @param {number} since */
  link(server, isUp, since) {
    const known = this.serverOf(server);
    if (!known) return;
    known.isUp = isUp;
    known.since = since;
    if (!isUp) known.started = null; // it may be another one that comes back
    this.changeAll();
  }

  /** Events are missing: what is known is not right any more. */
  lost() {
    this.isWhole = false;
    this.changeAll();
  }

  /** Forget everything, such as when somebody has logged out. */
  clear() {
    this.sides.clear();
    this.servers.clear();
    this.parts.clear();
    this.missing.clear();
    this.isWhole = this.wantsFigures = false;
    this.user = "";
    this.changeAll();
  }

  changeAll() {
    for (const group of /** @type {const} */ (["queues", "calls", "agents", "lines"])) this.changed.add(group);
  }

  /** @param {string} name @returns {Side} */
  sideOf(name) {
    let side = this.sides.get(name);
    if (!side) {
      side = new Side(name, this);
      this.sides.set(name, side);
    }
    return side;
  }

  /** @param {string} name as messages have it @returns {Server|undefined} */
  serverOf(name) {
    return this.servers.get(name) ?? (this.servers.size === 1 ? [...this.servers.values()][0] : undefined);
  }

  /** @param {string} name as messages have it */
  startOf(name) {
    return this.serverOf(name)?.started ?? null;
  }

  // -- for views

  /** @template Row @param {(side: Side) => import("./rows.js").Rows<Row>} of @returns {Row[]} */
  rows(of) {
    if (this.sides.size === 1) for (const side of this.sides.values()) return of(side).all();
    return [...this.sides.values()].flatMap((side) => of(side).all());
  }

  queues() {
    return this.rows((side) => side.queueRows);
  }

  calls() {
    return this.rows((side) => side.callRows);
  }

  agents() {
    return this.rows((side) => side.agentRows);
  }

  extensions() {
    return this.rows((side) => side.extensionRows);
  }

  trunks() {
    return this.rows((side) => side.trunkRows);
  }

  /** @returns {Totals} */
  totals() {
    /** @type {Totals} */
    const totals = {
      ...{ waiting: 0, longestSince: null, calls: this.calls().length },
      ...{ free: 0, ringing: 0, talking: 0, paused: 0, away: 0, completed: 0, abandoned: 0, serviceLevel: null },
    };
    let within = 0;
    let judged = 0;
    for (const { waiting, longestSince, completed, abandoned, serviceLevel } of this.queues()) {
      totals.waiting += waiting;
      totals.completed += completed;
      totals.abandoned += abandoned;
      if (longestSince !== null) totals.longestSince = Math.min(totals.longestSince ?? longestSince, longestSince);
      if (serviceLevel === null) continue;
      within += serviceLevel * completed;
      judged += completed;
    }
    if (judged) totals.serviceLevel = within / judged;
    for (const { state } of this.agents()) totals[state] += 1;
    return totals;
  }
}
