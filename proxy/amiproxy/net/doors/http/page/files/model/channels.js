/** Channels of one server, and the calls that they make up: those with the same Linkedid. */

import { NEAR, deviceOf, duration, get, has, isInternal, known, only } from "./fields.js";

/** @typedef {import("./types.js").Data} Data */
/**
 * @typedef {object} Channel
 * @property {string} id its Uniqueid
 * @property {string} name
 * @property {string} placed the name by which it has got its device
 * @property {string} device
 * @property {boolean} isInternal it is neither counted nor shown
 * @property {string} state
 * @property {string} number
 * @property {string} label the name of the caller
 * @property {string} bridge the id of the bridge that it is in; "" if none
 * @property {boolean} isHeld that bridge only keeps channels, which do not hear each other
 * @property {number} since
 * @property {string} linkedid
 * @property {Call|null} call null for an internal one
 */
/**
 * @typedef {object} Call
 * @property {string} id its Linkedid
 * @property {Set<Channel>} channels that are not internal, in the order in which they came
 * @property {number} since
 * @property {boolean} isTalking
 * @property {number|null} answered since when they talk
 */
/**
 * @typedef {object} Watcher
 * @property {(call: Call) => void} callChanged also if it has ended
 * @property {(device: string) => void} deviceChanged it has a channel more or less
 */

/** Most ids of ended channels that are remembered: events of a channel may still come after its Hangup. */
const MOST_ENDED = 512;
const UP = "6";

export class Channels {
  /** @param {Watcher} watcher */
  constructor(watcher) {
    this.watcher = watcher;
    /** By Uniqueid. @type {Map<string, Channel>} */
    this.channels = new Map();
    /** By Linkedid. @type {Map<string, Call>} */
    this.calls = new Map();
    /** Those that are not internal. @type {Map<string, Set<Channel>>} */
    this.ofDevice = new Map();
    /** @type {Set<string>} */
    this.ended = new Set();
    /** Whether a snapshot has told all channels. */
    this.isListed = false;
    /** @type {Map<string, (event: Data, at: number) => void>} */
    this.events = new Map();
    for (const name of ["Newchannel", "Newstate", "NewCallerid", "NewConnectedLine", "NewAccountCode"]) {
      this.events.set(name, (event, at) => void this.tell(event, at));
    }
    this.events.set("Rename", (event, at) => this.renamed(event, at));
    this.events.set("BridgeEnter", (event, at) => this.entered(event, at));
    this.events.set("BridgeLeave", (event, at) => this.left(event, at));
    this.events.set("Hangup", (event) => this.hungUp(event));
  }

  /** Replace everything. @param {Map<string, Data[]>} groups @param {number} at */
  replace(groups, at) {
    const before = this.channels;
    const answered = new Map([...this.calls].map(([id, call]) => [id, call.isTalking ? call.answered : undefined]));
    const isHeld = new Map([...before.values()].map((channel) => [channel.bridge, channel.isHeld]));
    for (const item of groups.get("bridges") ?? []) isHeld.set(get(item, "BridgeUniqueid"), holds(item));
    for (const channel of before.values()) this.drop(channel);
    this.channels = new Map();
    this.ended.clear();
    this.isListed = true;
    for (const item of groups.get("channels") ?? []) {
      const id = only(item, "Uniqueid");
      if (!id) continue;
      const passed = duration(get(item, "Duration"));
      const since = before.get(id)?.since ?? at;
      const told = passed === null ? since : at - passed;
      const channel = this.begin(id, Math.abs(told - since) < NEAR ? since : told);
      this.read(channel, item);
      channel.bridge = get(item, "BridgeId");
      channel.isHeld = isHeld.get(channel.bridge) ?? false;
      this.place(channel);
    }
    for (const call of this.calls.values()) {
      this.judge(call, null);
      if (call.isTalking) call.answered = answered.get(call.id) ?? null;
    }
  }

  /** @param {string} id @param {number} since @returns {Channel} */
  begin(id, since) {
    /** @type {Channel} */
    const channel = {
      id,
      name: "",
      placed: "",
      device: "",
      isInternal: false,
      state: "",
      number: "",
      label: "",
      bridge: "",
      isHeld: false,
      since,
      linkedid: "",
      call: null,
    };
    this.channels.set(id, channel);
    return channel;
  }

  /** Returns whether that changes what is shown. @param {Channel} channel @param {Data} told @returns {boolean} */
  read(channel, told) {
    const { name, state, number, label, linkedid } = channel;
    channel.name = only(told, "Channel") || name;
    if (has(told, "ChannelState")) channel.state = get(told, "ChannelState");
    if (has(told, "CallerIDNum")) channel.number = known(get(told, "CallerIDNum"));
    if (has(told, "CallerIDName")) channel.label = known(get(told, "CallerIDName"));
    channel.linkedid = only(told, "Linkedid") || linkedid;
    if (name !== channel.name || linkedid !== channel.linkedid) return true;
    return state !== channel.state || number !== channel.number || label !== channel.label;
  }

  /** Put a channel into the call and to the device that it belongs to now. @param {Channel} channel */
  place(channel) {
    if (channel.placed !== channel.name) {
      this.leaveDevice(channel);
      channel.placed = channel.name;
      channel.device = deviceOf(channel.name);
      channel.isInternal = isInternal(channel.name);
      if (!channel.isInternal) this.joinDevice(channel);
    }
    const id = channel.isInternal ? "" : channel.linkedid || channel.id;
    if (channel.call && channel.call.id !== id) this.leaveCall(channel);
    if (!channel.call && id) this.joinCall(channel, id);
  }

  /** @param {Channel} channel */
  joinDevice(channel) {
    const those = this.ofDevice.get(channel.device) ?? new Set();
    this.ofDevice.set(channel.device, those.add(channel));
    this.watcher.deviceChanged(channel.device);
  }

  /** @param {Channel} channel */
  leaveDevice(channel) {
    const those = this.ofDevice.get(channel.device);
    if (!those?.delete(channel)) return;
    if (!those.size) this.ofDevice.delete(channel.device);
    this.watcher.deviceChanged(channel.device);
  }

  /** @param {Channel} channel @param {string} id */
  joinCall(channel, id) {
    const call = this.calls.get(id) ?? { id, channels: new Set(), since: channel.since, isTalking: false, answered: null };
    this.calls.set(id, call);
    call.channels.add(channel);
    call.since = Math.min(call.since, channel.since);
    channel.call = call;
  }

  /** @param {Channel} channel */
  leaveCall(channel) {
    const call = channel.call;
    if (!call) return;
    channel.call = null;
    call.channels.delete(channel);
    if (!call.channels.size) this.calls.delete(call.id);
    this.watcher.callChanged(call);
  }

  /** Find out whether a call talks. @param {Call|null} call @param {number|null} at */
  judge(call, at) {
    if (!call) return;
    let talking = 0;
    for (const { state, bridge, isHeld } of call.channels) if (state === UP && bridge && !isHeld) talking += 1;
    const isTalking = talking > 1;
    if (isTalking !== call.isTalking) {
      call.isTalking = isTalking;
      call.answered = isTalking ? at : null;
    }
    this.watcher.callChanged(call);
  }

  // -- events

  /** The channel that an event is about, which is created if it is new; null if it has ended, or if that is not certain. @param {Data} event @param {number} at @returns {Channel|null} */
  find(event, at) {
    const id = only(event, "Uniqueid");
    if (!id || this.ended.has(id)) return null;
    const channel = this.channels.get(id);
    if (channel) return channel;
    if (this.isListed && event.Event !== "Newchannel") return null; // some events come after the Hangup
    return this.begin(id, at);
  }

  /** @param {Data} event @param {number} at */
  tell(event, at) {
    const channel = this.find(event, at);
    if (channel) this.update(channel, event, at);
    return channel;
  }

  /** @param {Channel} channel @param {Data} event @param {number} at @param {boolean} [isElsewhere] whether its bridge is another one */
  update(channel, event, at, isElsewhere = false) {
    const before = channel.call;
    if (!this.read(channel, event) && !isElsewhere) return;
    this.place(channel);
    if (before && before !== channel.call) this.judge(before, at);
    this.judge(channel.call, at);
  }

  /** @param {Data} event @param {number} at */
  renamed(event, at) {
    const channel = this.channels.get(only(event, "Uniqueid"));
    const name = only(event, "Newname");
    if (channel && name) this.update(channel, { Channel: name }, at);
  }

  /** @param {Data} event @param {number} at */
  entered(event, at) {
    const channel = this.find(event, at);
    if (!channel) return;
    channel.bridge = get(event, "BridgeUniqueid");
    channel.isHeld = holds(event);
    this.update(channel, event, at, true);
  }

  /** @param {Data} event @param {number} at */
  left(event, at) {
    const channel = this.channels.get(only(event, "Uniqueid"));
    if (!channel) return;
    // It may have entered another bridge before: then it is still in that one.
    const isElsewhere = channel.bridge === get(event, "BridgeUniqueid");
    if (isElsewhere) channel.bridge = "";
    this.update(channel, event, at, isElsewhere);
  }

  /** @param {Data} event */
  hungUp(event) {
    const id = only(event, "Uniqueid");
    if (!id) return;
    this.ended.add(id);
    if (this.ended.size > MOST_ENDED) for (const first of this.ended) {
      this.ended.delete(first);
      break;
    }
    const channel = this.channels.get(id);
    if (channel) this.drop(channel);
  }

  /** @param {Channel} channel */
  drop(channel) {
    const call = channel.call;
    this.channels.delete(channel.id);
    this.leaveDevice(channel);
    this.leaveCall(channel);
    if (call?.channels.size) this.judge(call, null);
  }
}

/** Whether channels in a bridge wait, as those of parked calls and of agents do. @param {Data} bridge */
function holds(bridge) {
  return get(bridge, "BridgeTechnology") === "holding_bridge" || get(bridge, "BridgeCreator") === "Parking";
}
