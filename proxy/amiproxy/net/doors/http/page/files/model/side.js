/** Side: everything that is known of one server, and its rows. */

import { Agents, agentRow, stateOf } from "./agents.js";
import { callRow } from "./calls.js";
import { Channels } from "./channels.js";
import { Lines, extensionRow, trunkRow } from "./lines.js";
import { Places } from "./places.js";
import { Pool } from "./pool.js";
import { Queues } from "./queues.js";
import { Rows } from "./rows.js";

/** @typedef {import("./types.js").Data} Data */
/** @typedef {import("./types.js").QueueRow} QueueRow */
/** @typedef {(event: Data, at: number) => void} Handler */
/** @typedef {{changed: Set<import("./types.js").Group>, wantsFigures: boolean, startOf: (server: string) => number|null}} Owner */

/** Seconds after the start of Asterisk in which counters that went back have done so because of it. */
const STARTING = 120;

export class Side {
  /** @param {string} name "" if there is only one server @param {Owner} owner */
  constructor(name, owner) {
    this.name = name;
    this.owner = owner;
    /** When the event happened that is being taken; null if that is not known. @type {number|null} */
    this.at = null;
    this.queueRows = new Rows((key) => this.queueRow(key));
    this.callRows = new Rows((/** @type {string} */ key) => {
      const call = this.channels.calls.get(key);
      return call ? callRow(call, name, this) : null;
    });
    this.agentRows = new Rows((/** @type {string} */ key) => agentRow(key, this));
    this.extensionRows = new Rows((/** @type {string} */ key) => extensionRow(key, this));
    this.trunkRows = new Rows((/** @type {string} */ key) => trunkRow(key, this));
    this.queues = new Queues({
      queueChanged: (queue) => this.touch("queues", this.queueRows, queue),
      memberChanged: (member, isThere) => this.agents.memberChanged(member, isThere, this.at),
      callerChanged: (uniqueid) => this.channelChanged(uniqueid),
      figuresChanged: () => {
        owner.wantsFigures = true;
      },
    });
    this.channels = new Channels({
      callChanged: (call) => this.callChanged(call),
      deviceChanged: (device) => {
        if (this.trunkRows.rows.has(device)) this.touch("lines", this.trunkRows, device);
      },
    });
    this.places = new Places((uniqueid) => this.channelChanged(uniqueid));
    this.agents = new Agents(
      (key) => this.touch("agents", this.agentRows, key),
      (device) => this.deviceRenamed(device),
      (hint) => this.lines.deviceBehind(hint),
    );
    this.pool = new Pool((id) => this.agents.poolChanged(id));
    this.lines = new Lines(
      (key) => this.touch("lines", this.extensionRows, key),
      (device) => this.touch("lines", this.trunkRows, device),
    );
    /** @type {Map<string, Handler[]>} */
    this.handlers = new Map();
    for (const { events } of [this.queues, this.channels, this.pool, this.places, this.lines]) {
      for (const [event, handler] of events) this.handlers.set(event, [...(this.handlers.get(event) ?? []), handler]);
    }
  }

  /**
   * @param {Data} data @param {number} now
   * @param {boolean} isNow whether it has just happened; else it happened before, at an unknown time
   */
  event(data, now, isNow) {
    const handlers = typeof data.Event === "string" ? this.handlers.get(data.Event) : undefined;
    if (!handlers) return;
    this.at = isNow ? now : null;
    for (const handle of handlers) handle(data, now);
  }

  /** Replace what a snapshot tells. @param {Map<string, Data[]>} groups @param {Set<string>} kinds @param {number} now */
  load(groups, kinds, now) {
    this.at = null;
    if (kinds.has("extensions")) this.lines.replaceExtensions(groups);
    if (kinds.has("presence")) this.lines.replacePresences(groups);
    if (kinds.has("endpoints")) this.lines.replaceEndpoints(groups);
    if (kinds.has("peers")) this.lines.replacePeers(groups);
    if (kinds.has("channels")) this.channels.replace(groups, now);
    if (kinds.has("queues")) this.queues.replace(groups, now);
    if (kinds.has("agents")) this.pool.replace(groups);
    if (kinds.has("parked")) this.places.replaceParked(groups, now);
    if (kinds.has("conferences")) this.places.replaceConferences(groups);
  }

  // -- what has changed

  /** @template Row @param {import("./types.js").Group} group @param {Rows<Row>} rows @param {string} key */
  touch(group, rows, key) {
    rows.touch(key);
    this.owner.changed.add(group);
  }

  /** @param {import("./channels.js").Call} call */
  callChanged(call) {
    this.touch("calls", this.callRows, call.id);
    for (const channel of call.channels) this.agents.deviceChanged(channel.device);
  }

  /** @param {string} uniqueid */
  channelChanged(uniqueid) {
    const call = this.channels.channels.get(uniqueid)?.call;
    if (call) this.callChanged(call);
  }

  /** @param {string} device */
  deviceRenamed(device) {
    for (const channel of this.channels.ofDevice.get(device) ?? []) if (channel.call) this.callChanged(channel.call);
  }

  /** When the server has begun to count, and that can tell otherwise. */
  touchCounts() {
    this.queueRows.touchAll();
    this.owner.changed.add("queues");
  }

  // -- queues

  /** @param {string} key @returns {QueueRow|null} */
  queueRow(key) {
    const queue = this.queues.queues.get(key);
    if (!queue) return null;
    const { completed, abandoned, target, level, hold, talk } = queue.counters;
    const states = { free: 0, ringing: 0, talking: 0, paused: 0, away: 0 };
    for (const member of queue.members.values()) states[stateOf(member)] += 1;
    const started = this.owner.startOf(this.name);
    const again = queue.countedAgain;
    const isReset = again !== null && (started === null || again > started + STARTING);
    return {
      key: `${this.name}\0${key}`,
      server: this.name,
      name: queue.name,
      waiting: queue.callers.length,
      longestSince: queue.callers.reduce((/** @type {number|null} */ first, { since }) => Math.min(first ?? since, since), null),
      callers: queue.callers.map(({ name, number, since }, before) => ({ position: before + 1, name, number, since })),
      ...states,
      serviceLevel: target && completed + abandoned ? level : null,
      target,
      completed,
      abandoned,
      hold,
      talk,
      countedSince: isReset ? again : started,
      countedSinceReset: isReset,
    };
  }
}
