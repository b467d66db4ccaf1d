/** Agents of app_agent_pool at one server, and with whom those that are logged in talk. */

import { get, has, number, only, time } from "./fields.js";

/** @typedef {import("./types.js").Data} Data */
/**
 * @typedef {object} PoolAgent
 * @property {string} id
 * @property {string} name "" if not known
 * @property {"off"|"idle"|"talking"} state
 * @property {string} uniqueid of the channel with which it is logged in; "" if none
 * @property {number|null} loggedIn
 * @property {number|null} since since when it has this state
 * @property {string} peers names of the channels that it talks to
 */

/** @type {Map<string, "off"|"idle"|"talking">} */
const STATES = new Map([
  ["AGENT_LOGGEDOFF", "off"],
  ["AGENT_IDLE", "idle"],
  ["AGENT_ONCALL", "talking"],
]);

export class Pool {
  /** @param {(agent: string) => void} changed */
  constructor(changed) {
    this.changed = changed;
    /** @type {Map<string, PoolAgent>} */
    this.agents = new Map();
    /** Uniqueid of the channel -> the agent that is logged in with it. @type {Map<string, PoolAgent>} */
    this.channels = new Map();
    /** A bridge in which channels talk -> Uniqueid and name of each. @type {Map<string, Map<string, string>>} */
    this.bridges = new Map();
    /** @type {Map<string, (event: Data, at: number|null) => void>} */
    this.events = new Map();
    this.events.set("AgentLogin", (event, at) => this.loggedIn(event, at));
    this.events.set("AgentLogoff", (event, at) => this.loggedOff(event, at));
    this.events.set("BridgeEnter", (event, at) => this.entered(event, at));
    this.events.set("BridgeLeave", (event, at) => this.left(event, at));
    this.events.set("BridgeDestroy", (event) => void this.bridges.delete(only(event, "BridgeUniqueid")));
  }

  /** @param {Map<string, Data[]>} groups */
  replace(groups) {
    const before = this.agents;
    this.agents = new Map();
    this.channels.clear();
    for (const item of groups.get("agents") ?? []) {
      const id = only(item, "Agent");
      if (!id) continue;
      const state = STATES.get(get(item, "Status")) ?? "off";
      const agent = this.newAgent(id, state, before.get(id)?.state === state ? (before.get(id)?.since ?? null) : null);
      agent.name = get(item, "Name");
      agent.uniqueid = only(item, "Uniqueid");
      agent.loggedIn = time(get(item, "LoggedInTime"));
      agent.peers = get(item, "TalkingToChan");
      if (state === "talking") agent.since = time(get(item, "CallStarted")) ?? agent.since;
      if (agent.uniqueid) this.channels.set(agent.uniqueid, agent);
    }
    if (!this.agents.size) this.bridges.clear();
    for (const id of new Set([...before.keys(), ...this.agents.keys()])) this.changed(id);
  }

  /** @param {string} id @param {"off"|"idle"|"talking"} state @param {number|null} since @returns {PoolAgent} */
  newAgent(id, state, since) {
    const agent = { id, name: "", state, uniqueid: "", loggedIn: null, since, peers: "" };
    this.agents.set(id, agent);
    return agent;
  }

  /** @param {PoolAgent} agent @param {"off"|"idle"|"talking"} state @param {number|null} at */
  become(agent, state, at) {
    if (agent.state !== state) agent.since = at;
    agent.state = state;
    if (state !== "talking") agent.peers = "";
    this.changed(agent.id);
  }

  /** @param {Data} event @param {number|null} at */
  loggedIn(event, at) {
    const id = only(event, "Agent");
    const uniqueid = only(event, "Uniqueid");
    if (!id || !uniqueid) return;
    const agent = this.agents.get(id) ?? this.newAgent(id, "off", at);
    if (agent.uniqueid === uniqueid) return; // the snapshot has told it already, and perhaps more
    if (agent.uniqueid) this.channels.delete(agent.uniqueid);
    agent.uniqueid = uniqueid;
    agent.loggedIn = at;
    this.channels.set(uniqueid, agent);
    this.become(agent, "idle", at);
  }

  /** @param {Data} event @param {number|null} at */
  loggedOff(event, at) {
    const id = only(event, "Agent");
    const uniqueid = only(event, "Uniqueid");
    if (!id) return;
    const agent = this.agents.get(id) ?? this.newAgent(id, "off", at);
    if (agent.uniqueid && has(event, "Uniqueid") && agent.uniqueid !== uniqueid) return; // it has logged in again since
    this.channels.delete(agent.uniqueid);
    agent.uniqueid = "";
    agent.loggedIn = null;
    this.become(agent, "off", at);
  }

  /** @param {Data} event @param {number|null} at */
  entered(event, at) {
    const bridge = only(event, "BridgeUniqueid");
    const uniqueid = only(event, "Uniqueid");
    if (!this.agents.size || !bridge || !uniqueid) return;
    if (only(event, "BridgeTechnology") === "holding_bridge") {
      const agent = this.channels.get(uniqueid); // it is back where it waits for calls
      if (agent) this.become(agent, "idle", at);
      return;
    }
    const inside = this.bridges.get(bridge) ?? new Map();
    inside.delete(uniqueid);
    this.bridges.set(bridge, inside.set(uniqueid, get(event, "Channel")));
    this.talk(inside, at);
  }

  /** @param {Data} event @param {number|null} at */
  left(event, at) {
    const bridge = only(event, "BridgeUniqueid");
    const inside = this.bridges.get(bridge);
    if (!inside) return;
    inside.delete(only(event, "Uniqueid"));
    if (inside.size) this.talk(inside, at);
    if (!inside.size || number(get(event, "BridgeNumChannels")) === 0) this.bridges.delete(bridge);
  }

  /** Set with whom the agents among these channels talk. @param {Map<string, string>} inside @param {number|null} at */
  talk(inside, at) {
    if (inside.size < 2) return; // they talk until they are in another bridge, or back where they wait
    for (const uniqueid of inside.keys()) {
      const agent = this.channels.get(uniqueid);
      if (!agent) continue;
      this.become(agent, "talking", at);
      agent.peers = [...inside].filter(([other]) => other !== uniqueid).map(([, name]) => name).join(",");
    }
  }
}
