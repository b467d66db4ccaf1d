/** Whether what the board shows is true now, and if not, since when and why. */

/** A page whose socket broke this long ago shows old figures; shorter breaks happen when networks change. */
const BROKEN = 2;
/** The proxy answers pings after 5 seconds of silence, so this is more than a slow network. */
const SILENT = 10;

/**
 * @typedef {object} Verdict
 * @property {"waiting" | "live" | "stale"} state of the whole board
 * @property {"" | "socket" | "silence" | "link" | "snapshot"} reason
 * @property {number | null} since epoch seconds of the last that was true; null if nothing was
 * @property {string[]} servers the servers whose rows are old, if only some are
 */

/** Is told what the feed says, and judges it. */
export class Freshness {
  constructor() {
    /** When the socket broke; until what was missed has come. @type {number | null} */
    this.brokenSince = null;
    /** @type {number | null} */
    this.lastHeard = null;
    /** The last message at which all figures were true. @type {number | null} */
    this.trueUntil = null;
    this.isComplete = false;
    this.isConnecting = true;
    /** @type {Map<string, {since: number, isUp: boolean}>} servers that are down, or not read again yet */
    this.away = new Map();
    this.isSingle = true;
  }

  /**
   * @param {{socket: string, lastHeard: number | null}} feed @param {number} now epoch seconds
   */
  feed(feed, now) {
    this.lastHeard = feed.lastHeard;
    this.isConnecting = feed.socket !== "open";
    if (this.isConnecting) this.brokenSince ??= now;
  }

  /** @param {{name: string, up: boolean}[]} servers @param {number} now */
  hello(servers, now) {
    const before = this.away;
    this.away = new Map();
    this.isSingle = servers.length === 1;
    for (const each of servers) {
      const name = this.#name(each.name);
      if (!each.up) this.away.set(name, before.get(name) ?? { since: this.trueUntil ?? now, isUp: false });
    }
  }

  /** @param {string} server @param {boolean} isUp @param {number} since epoch seconds */
  link(server, isUp, since) {
    const name = this.#name(server);
    const known = this.away.get(name);
    if (isUp && !known) return;
    this.away.set(name, { since: known?.since ?? since, isUp });
  }

  /** Rows have no server if there is only one. @param {string} server */
  #name(server) {
    return this.isSingle ? "" : server;
  }

  /**
   * A snapshot of all kinds is complete: the servers in it are connected, which not every user is told otherwise.
   * @param {string[]} absent servers that are not in it
   */
  complete(absent) {
    this.isComplete = true;
    this.brokenSince = null;
    const kept = new Set(absent.map((server) => this.#name(server)));
    for (const server of [...this.away.keys()]) if (!kept.has(server)) this.away.delete(server);
  }

  /** All events have come that were missed: what was known before is true again, of servers that are up. */
  resumed() {
    this.isComplete = true;
    this.brokenSince = null;
    for (const [server, state] of this.away) if (state.isUp) this.away.delete(server);
  }

  /** Nothing is known any more, such as after a logout. */
  forget() {
    this.isComplete = false;
    this.brokenSince = this.trueUntil = null;
    this.away.clear();
  }

  /**
   * @param {number} now epoch seconds @param {number} servers how many there are
   * @returns {Verdict}
   */
  judge(now, servers) {
    const verdict = this.#judged(now, servers);
    if (verdict.state === "live") this.trueUntil = this.lastHeard;
    return verdict;
  }

  /** @param {number} now @param {number} servers @returns {Verdict} */
  #judged(now, servers) {
    const since = this.trueUntil ?? this.lastHeard ?? this.brokenSince;
    if (!this.isComplete) {
      const reason = this.isConnecting ? "socket" : this.away.size ? "link" : "";
      return { state: "waiting", reason, since, servers: [] };
    }
    if (this.brokenSince !== null && now - this.brokenSince > BROKEN) {
      const reason = this.isConnecting ? "socket" : this.away.size ? "link" : "snapshot";
      return { state: "stale", reason, since, servers: [] };
    }
    if (this.lastHeard !== null && now - this.lastHeard > SILENT)
      return { state: "stale", reason: "silence", since, servers: [] };
    if (!this.away.size) return { state: "live", reason: "", since, servers: [] };
    const states = [...this.away.values()];
    const reason = states.some((state) => !state.isUp) ? "link" : "snapshot";
    const oldest = Math.min(...states.map((state) => state.since));
    if (this.away.size >= servers) return { state: "stale", reason, since: oldest, servers: [] };
    return { state: "live", reason, since: oldest, servers: [...this.away.keys()] };
  }
}
