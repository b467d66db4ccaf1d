/** Agents of one server: each is a member of one or more queues, an agent of app_agent_pool, or both. */

import { partnerOf } from "./calls.js";
import { deviceOf } from "./fields.js";

/** @typedef {import("./queues.js").Member} Member */
/** @typedef {import("./types.js").AgentRow} AgentRow */
/** @typedef {import("./types.js").AgentState} AgentState */
/** @typedef {{address: string, members: Map<string, Member>, names: string[], state: AgentState|null, since: number|null}} Agent */

/** Status of a member -> its state, unless it is paused. @type {Map<string, AgentState>} */
const STATES = new Map([
  ["1", "free"],
  ["2", "talking"],
  ["3", "talking"],
  ["8", "talking"],
  ["6", "ringing"],
  ["7", "ringing"],
]);

/** @param {Member} member @returns {AgentState} */
export function stateOf(member) {
  const state = STATES.get(member.status) ?? "away";
  if (member.isInCall || state === "talking") return "talking";
  return member.isPaused ? "paused" : state;
}

/** What an agent of several queues does: talking counts more than ringing, and a pause only if it is one in all. */
const RANKS = { talking: 4, ringing: 3, free: 2, away: 1, paused: 0 };

/** How app_agent_pool's agent with this number is called where it is a device. @param {string} id */
const poolDevice = (id) => `Agent:${id}`;
const POOL = "pool\0";

export class Agents {
  /**
   * @param {(key: string) => void} changed a row
   * @param {(device: string) => void} renamed the name of whom a device belongs to
   * @param {(hint: string) => string} deviceBehind a member's ``hint:101@phones``; "" if that is not known
   */
  constructor(changed, renamed, deviceBehind) {
    this.changed = changed;
    this.renamed = renamed;
    this.deviceBehind = deviceBehind;
    /** By the interface of its members. @type {Map<string, Agent>} */
    this.agents = new Map();
    /** @type {Map<string, Agent>} */
    this.ofDevice = new Map();
  }

  /** Who has this device; "" if nobody. @param {string} device */
  nameOf(device) {
    const agent = this.ofDevice.get(device);
    if (!agent) return "";
    for (const member of agent.members.values()) if (member.name) return member.name;
    return "";
  }

  /** The device has other channels, or its call has changed. @param {string} device */
  deviceChanged(device) {
    const agent = this.ofDevice.get(device);
    if (agent) this.changed(agent.address);
  }

  /** An agent of app_agent_pool has changed. @param {string} id */
  poolChanged(id) {
    this.changed(this.ofDevice.get(poolDevice(id))?.address ?? POOL + id);
  }

  /** @param {Member} member @param {boolean} isThere @param {number|null} at */
  memberChanged(member, isThere, at) {
    const address = member.interface;
    let agent = this.agents.get(address);
    if (!isThere) {
      if (agent?.members.get(member.queue.name) !== member) return;
      agent.members.delete(member.queue.name);
      if (!agent.members.size) this.end(agent);
    } else {
      if (!agent) {
        agent = { address, members: new Map(), names: [], state: null, since: null };
        this.agents.set(address, agent);
      }
      agent.members.set(member.queue.name, member);
      if (!agent.names.includes(member.device) || !agent.names.includes(address)) this.nameDevices(agent);
    }
    this.judge(agent, at);
    this.changed(address);
  }

  /** @param {Agent} agent */
  nameDevices(agent) {
    const devices = [...agent.members.values()].map((member) => member.device).filter(Boolean);
    agent.names = [...new Set([agent.address, ...devices, ...devices.map(this.deviceBehind).filter(Boolean)])];
    for (const device of agent.names) {
      this.ofDevice.set(device, agent);
      this.renamed(device);
      if (device.startsWith("Agent:")) this.changed(POOL + device.slice(6)); // it is no row of its own any more
    }
  }

  /** @param {Agent} agent */
  end(agent) {
    this.agents.delete(agent.address);
    for (const device of agent.names) {
      if (this.ofDevice.get(device) === agent) this.ofDevice.delete(device);
      this.renamed(device);
      if (device.startsWith("Agent:")) this.changed(POOL + device.slice(6));
    }
  }

  /** @param {Agent} agent @param {number|null} at */
  judge(agent, at) {
    const state = stateIn(agent);
    if (state === agent.state) return;
    const isFirst = agent.state === null;
    agent.state = state;
    agent.since = isFirst ? null : at;
  }
}

/** @param {Agent} agent @returns {AgentState} */
function stateIn(agent) {
  /** @type {AgentState} */
  let best = "paused";
  for (const member of agent.members.values()) {
    const state = stateOf(member);
    if (RANKS[state] > RANKS[best]) best = state;
  }
  return best;
}

/**
 * @param {string} key an interface, or the key of an agent of app_agent_pool
 * @param {import("./side.js").Side} side
 * @returns {AgentRow|null}
 */
export function agentRow(key, side) {
  if (key.startsWith(POOL)) return poolRow(key.slice(POOL.length), side);
  const agent = side.agents.agents.get(key);
  if (!agent?.state) return null;
  let [name, device, reason, taken, isPaused] = ["", "", "", 0, true];
  /** @type {(number|null)[]} */
  let [lastCall, lastPause, loggedIn] = [null, null, null];
  const queues = [];
  for (const member of agent.members.values()) {
    name ||= member.name;
    device ||= member.device;
    reason ||= member.reason;
    taken += member.taken;
    isPaused &&= member.isPaused;
    lastCall = later(lastCall, member.lastCall);
    if (member.isPaused) lastPause = later(lastPause, member.lastPause);
    if (member.isDynamic && member.loginTime !== null) loggedIn = Math.min(loggedIn ?? member.loginTime, member.loginTime);
    queues.push({ name: member.queue.name, isPaused: member.isPaused });
  }
  const pooled = device.startsWith("Agent:") ? side.pool.agents.get(device.slice(6)) : undefined;
  let { state, since } = agent;
  if (state === "paused") since = lastPause ?? since;
  if (pooled?.state === "talking" && state === "talking") since = pooled.since ?? since;
  return {
    key: `${side.name}\0${key}`,
    server: side.name,
    name: name || key,
    device: device || key,
    state,
    isPaused,
    reason,
    since,
    queues,
    taken,
    lastCall,
    loggedIn: pooled ? pooled.loggedIn : loggedIn,
    partner: state === "talking" ? partner(agent, pooled, side) : null,
  };
}

/** @param {string} id @param {import("./side.js").Side} side @returns {AgentRow|null} */
function poolRow(id, side) {
  const agent = side.pool.agents.get(id);
  if (!agent || side.agents.ofDevice.has(poolDevice(id))) return null;
  return {
    key: `${side.name}\0${POOL}${id}`,
    server: side.name,
    name: agent.name || id,
    device: poolDevice(id),
    state: agent.state === "talking" ? "talking" : agent.state === "idle" ? "free" : "away",
    isPaused: false,
    reason: "",
    since: agent.since,
    queues: [],
    taken: 0,
    lastCall: null,
    loggedIn: agent.loggedIn,
    partner: agent.state === "talking" ? poolPartner(agent, side) : null,
  };
}

/** @param {Agent} agent @param {import("./pool.js").PoolAgent|undefined} pooled @param {import("./side.js").Side} side */
function partner(agent, pooled, side) {
  const found = pooled && poolPartner(pooled, side);
  if (found) return found;
  for (const device of agent.names) {
    for (const channel of side.channels.ofDevice.get(device) ?? []) {
      const party = channel.call?.isTalking ? partnerOf(channel, side) : null;
      if (party) return party;
    }
  }
  for (const member of agent.members.values()) if (member.partner) return member.partner;
  return null;
}

/** @param {import("./pool.js").PoolAgent} agent @param {import("./side.js").Side} side */
function poolPartner(agent, side) {
  const channel = side.channels.channels.get(agent.uniqueid);
  const found = channel && partnerOf(channel, side);
  if (found || !agent.peers) return found ?? null;
  const device = deviceOf(agent.peers.split(",", 1)[0]);
  return { name: "", number: device.slice(device.indexOf("/") + 1), agent: side.agents.nameOf(device) };
}

/** @param {number|null} one @param {number|null} other */
function later(one, other) {
  return one === null || (other !== null && other > one) ? other : one;
}
