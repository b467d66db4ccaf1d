/** Places of one server where channels are without having called anybody: parking spaces, and conferences. */

import { get, number, only } from "./fields.js";

/** @typedef {import("./types.js").Data} Data */
/** @typedef {{key: string, uniqueid: string, space: string, since: number}} Parked */
/** @typedef {{room: string, uniqueid: string}} Participant */

const LEFT = ["UnParkedCall", "ParkedCallTimeOut", "ParkedCallGiveUp"];

export class Places {
  /** @param {(uniqueid: string) => void} changed a channel has come to a place or left it */
  constructor(changed) {
    this.changed = changed;
    /** By lot and space. @type {Map<string, Parked>} */
    this.parked = new Map();
    /** By Uniqueid. @type {Map<string, Parked>} */
    this.parkedAs = new Map();
    /** Those that have left the bridge of their lot: one that is parked again does so in between. @type {Map<string, Parked>} */
    this.between = new Map();
    /** By Uniqueid. @type {Map<string, Participant>} */
    this.participants = new Map();
    /** @type {Map<string, (event: Data, at: number) => void>} */
    this.events = new Map();
    for (const name of ["ParkedCall", "ParkedCallSwap"]) this.events.set(name, (event, at) => this.park(event, at));
    for (const name of LEFT) this.events.set(name, (event) => this.unpark(event));
    this.events.set("ConfbridgeJoin", (event) => this.join(event));
    this.events.set("ConfbridgeLeave", (event) => this.leave(only(event, "Uniqueid"), only(event, "Conference")));
    this.events.set("ConfbridgeEnd", (event) => this.endRoom(only(event, "Conference")));
    this.events.set("BridgeEnter", (event) => this.entered(event));
    this.events.set("BridgeLeave", (event) => this.left(event));
    this.events.set("Hangup", (event) => this.hungUp(event));
  }

  /** @param {Map<string, Data[]>} groups @param {number} at */
  replaceParked(groups, at) {
    for (const parked of [...this.parked.values()]) this.endParked(parked);
    this.between.clear();
    for (const item of groups.get("parked") ?? []) this.park(item, at);
  }

  /** @param {Map<string, Data[]>} groups */
  replaceConferences(groups) {
    for (const { uniqueid, room } of [...this.participants.values()]) this.leave(uniqueid, room);
    for (const item of groups.get("participants") ?? []) this.join(item);
  }

  // -- parking

  /** @param {Data} told @param {number} at */
  park(told, at) {
    const lot = only(told, "Parkinglot");
    const space = only(told, "ParkingSpace");
    const uniqueid = only(told, "ParkeeUniqueid");
    if (!lot || !space) return;
    this.begin({ key: `${lot}\0${space}`, uniqueid, space, since: at - number(get(told, "ParkingDuration")) });
  }

  /** @param {Parked} parked */
  begin(parked) {
    const before = this.parked.get(parked.key);
    if (before) this.endParked(before);
    this.between.delete(parked.uniqueid);
    this.parked.set(parked.key, parked);
    this.parkedAs.set(parked.uniqueid, parked);
    this.changed(parked.uniqueid);
  }

  /** @param {Data} event */
  unpark(event) {
    const uniqueid = only(event, "ParkeeUniqueid");
    const parked = this.parked.get(`${only(event, "Parkinglot")}\0${only(event, "ParkingSpace")}`);
    this.between.delete(uniqueid);
    // Somebody else may have been parked there since.
    if (parked?.uniqueid === uniqueid) this.endParked(parked);
  }

  /** @param {Parked} parked */
  endParked(parked) {
    this.parked.delete(parked.key);
    if (this.parkedAs.get(parked.uniqueid) === parked) this.parkedAs.delete(parked.uniqueid);
    this.changed(parked.uniqueid);
  }

  // -- conferences

  /** @param {Data} told */
  join(told) {
    const uniqueid = only(told, "Uniqueid");
    const room = only(told, "Conference");
    if (!uniqueid || !room) return;
    this.participants.set(uniqueid, { room, uniqueid });
    this.changed(uniqueid);
  }

  /** @param {string} uniqueid @param {string} room */
  leave(uniqueid, room) {
    if (this.participants.get(uniqueid)?.room !== room) return;
    this.participants.delete(uniqueid);
    this.changed(uniqueid);
  }

  /** @param {string} room */
  endRoom(room) {
    for (const one of [...this.participants.values()]) if (one.room === room) this.leave(one.uniqueid, room);
  }

  // -- what Asterisk does not always say: an action has taken the channel away

  /** @param {Data} event */
  entered(event) {
    const again = this.between.size ? this.between.get(only(event, "Uniqueid")) : undefined;
    if (!again) return;
    this.between.delete(again.uniqueid);
    if (get(event, "BridgeCreator") === "Parking") this.begin(again);
  }

  /** @param {Data} event */
  left(event) {
    const creator = get(event, "BridgeCreator");
    const uniqueid = only(event, "Uniqueid");
    if (creator === "ConfBridge") this.leave(uniqueid, this.participants.get(uniqueid)?.room ?? "");
    const parked = creator === "Parking" ? this.parkedAs.get(uniqueid) : undefined;
    if (!parked) return;
    this.endParked(parked);
    this.between.set(uniqueid, parked);
  }

  /** @param {Data} event */
  hungUp(event) {
    const uniqueid = only(event, "Uniqueid");
    const parked = this.parkedAs.get(uniqueid);
    if (parked) this.endParked(parked);
    this.between.delete(uniqueid);
    this.leave(uniqueid, this.participants.get(uniqueid)?.room ?? "");
  }
}
