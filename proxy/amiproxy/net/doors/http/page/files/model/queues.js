/**
 * Queues of one server with their members and callers.
 *
 * Events may tell what the snapshot has told already: a beginning of something known updates it, and an end of something
 * unknown does nothing.
 */

import { NEAR, decimal, get, has, known, number, only, time } from "./fields.js";
import { QueueCalls } from "./queuecalls.js";

/** @typedef {import("./types.js").Data} Data */
/** @typedef {import("./types.js").Party} Party */
/** @typedef {import("./queuecalls.js").Counters} Counters */

/**
 * @typedef {object} Queue
 * @property {string} name
 * @property {Counters} counters
 * @property {Caller[]} callers in their order
 * @property {Map<string, Member>} members by interface
 * @property {number|null} countedAgain when its counters went back
 */
/** @typedef {{uniqueid: string, queue: Queue, name: string, number: string, since: number, hasGivenUp: boolean}} Caller */
/**
 * @typedef {object} Member
 * @property {string} key
 * @property {Queue} queue
 * @property {string} name
 * @property {string} interface
 * @property {string} device
 * @property {boolean} isDynamic
 * @property {string} status
 * @property {boolean} isInCall
 * @property {boolean} isPaused
 * @property {string} reason
 * @property {number|null} lastPause
 * @property {number} taken
 * @property {number|null} lastCall
 * @property {number|null} loginTime
 * @property {Party|null} partner the caller that it was connected to last
 */
/**
 * What the queues tell others about.
 * @typedef {object} Watcher
 * @property {(queue: string) => void} queueChanged
 * @property {(member: Member, isThere: boolean) => void} memberChanged ``isThere``: not removed
 * @property {(uniqueid: string) => void} callerChanged
 * @property {() => void} figuresChanged averages and levels are to be asked for
 */

const MEMBER_EVENTS = ["Added", "Status", "Pause", "Penalty", "Ringinuse"];

export class Queues {
  /** @param {Watcher} watcher */
  constructor(watcher) {
    this.watcher = watcher;
    /** @type {Map<string, Queue>} */
    this.queues = new Map();
    /** By Uniqueid; a caller may be in several queues, the first of which counts here. @type {Map<string, Caller>} */
    this.callers = new Map();
    this.calls = new QueueCalls();
    /** @type {Map<string, (event: Data, at: number) => void>} */
    this.events = new Map();
    this.events.set("QueueCallerJoin", (event, at) => this.joined(event, at));
    this.events.set("QueueCallerLeave", (event) => this.left(event));
    this.events.set("QueueCallerAbandon", (event) => this.abandoned(event));
    for (const name of MEMBER_EVENTS) this.events.set(`QueueMember${name}`, (event) => this.memberTold(event));
    this.events.set("QueueMemberRemoved", (event) => this.memberRemoved(event));
    this.events.set("AgentConnect", (event) => this.connected(event));
    this.events.set("AgentComplete", (event) => this.completed(event));
    this.events.set("NewCallerid", (event) => this.renamed(event));
    this.events.set("BridgeEnter", (event, at) => this.entered(event, at));
    this.events.set("Hangup", (event) => this.hungUp(event));
  }

  // -- snapshots

  /** Replace everything. @param {Map<string, Data[]>} groups @param {number} at */
  replace(groups, at) {
    const before = this.queues;
    const callers = this.callers;
    this.queues = new Map();
    this.callers = new Map();
    for (const item of groups.get("queues") ?? []) this.readQueue(item, before, at);
    for (const item of groups.get("members") ?? []) this.readMember(item, before);
    for (const item of groups.get("entries") ?? []) this.readCaller(item, before, at);
    for (const queue of new Set([...before.keys(), ...this.queues.keys()])) this.watcher.queueChanged(queue);
    for (const [name, queue] of before) {
      for (const [address, member] of queue.members) {
        if (!this.queues.get(name)?.members.has(address)) this.watcher.memberChanged(member, false);
      }
    }
    for (const uniqueid of new Set([...callers.keys(), ...this.callers.keys()])) this.watcher.callerChanged(uniqueid);
  }

  /** @param {Data} item @param {Map<string, Queue>} before @param {number} at */
  readQueue(item, before, at) {
    const name = only(item, "Queue");
    if (!name) return;
    const queue = this.newQueue(name);
    const counters = queue.counters;
    counters.completed = number(get(item, "Completed"));
    counters.abandoned = number(get(item, "Abandoned"));
    counters.hold = number(get(item, "Holdtime"));
    counters.talk = number(get(item, "TalkTime"));
    counters.target = number(get(item, "ServiceLevel"));
    counters.level = decimal(get(item, "ServicelevelPerf"));
    counters.level2 = decimal(get(item, "ServicelevelPerf2"));
    const earlier = before.get(name);
    if (!earlier) return;
    const hasGoneBack =
      counters.completed < earlier.counters.completed || counters.abandoned < earlier.counters.abandoned;
    queue.countedAgain = hasGoneBack ? at : earlier.countedAgain;
  }

  /** @param {string} name @returns {Queue} */
  newQueue(name) {
    const counters = { completed: 0, abandoned: 0, hold: 0, talk: 0, target: 0, level: 0, level2: 0, within: null, lost: 0 };
    const queue = { name, counters, callers: [], members: new Map(), countedAgain: null };
    this.queues.set(name, queue);
    return queue;
  }

  /** @param {Data} item @param {Map<string, Queue>} before */
  readMember(item, before) {
    const name = only(item, "Queue");
    const address = only(item, "Location");
    if (!name || !address) return;
    const queue = this.queues.get(name) ?? this.newQueue(name);
    const member = this.newMember(queue, address);
    member.partner = before.get(name)?.members.get(address)?.partner ?? null;
    this.tell(member, item, "Name");
  }

  /** @param {Data} item @param {Map<string, Queue>} before @param {number} at */
  readCaller(item, before, at) {
    const name = only(item, "Queue");
    const uniqueid = only(item, "Uniqueid");
    if (!name || !uniqueid) return;
    const queue = this.queues.get(name) ?? this.newQueue(name);
    const told = at - number(get(item, "Wait"));
    const earlier = before.get(name)?.callers.find((one) => one.uniqueid === uniqueid);
    const since = earlier && Math.abs(earlier.since - told) < NEAR ? earlier.since : told;
    const caller = this.newCaller(queue, uniqueid, since);
    caller.hasGivenUp = earlier?.hasGivenUp ?? false;
    this.tellCaller(caller, item);
    queue.callers.push(caller);
  }

  // -- callers

  /** @param {Queue} queue @param {string} uniqueid @param {number} since @returns {Caller} */
  newCaller(queue, uniqueid, since) {
    const caller = { uniqueid, queue, name: "", number: "", since, hasGivenUp: false };
    if (!this.callers.has(uniqueid)) this.callers.set(uniqueid, caller);
    return caller;
  }

  /** @param {Caller} caller @param {Data} told */
  tellCaller(caller, told) {
    if (has(told, "CallerIDName")) caller.name = known(get(told, "CallerIDName"));
    if (has(told, "CallerIDNum")) caller.number = known(get(told, "CallerIDNum"));
    this.watcher.queueChanged(caller.queue.name);
    this.watcher.callerChanged(caller.uniqueid);
  }

  /** @param {string} name @param {string} uniqueid */
  find(name, uniqueid) {
    const caller = this.callers.get(uniqueid);
    if (!caller || caller.queue.name === name) return caller;
    return this.queues.get(name)?.callers.find((one) => one.uniqueid === uniqueid);
  }

  /** @param {Data} event @param {number} at */
  joined(event, at) {
    const name = only(event, "Queue");
    const uniqueid = only(event, "Uniqueid");
    if (!name || !uniqueid) return; // a value that the caller controls looks like a header
    const earlier = this.find(name, uniqueid);
    if (earlier) {
      this.tellCaller(earlier, event); // the snapshot has told it already, with the position of that time
      return;
    }
    const queue = this.queues.get(name) ?? this.newQueue(name);
    const caller = this.newCaller(queue, uniqueid, at);
    queue.callers.splice(Math.max(0, number(only(event, "Position")) - 1), 0, caller);
    this.tellCaller(caller, event);
  }

  /** @param {Data} event */
  left(event) {
    const caller = this.find(only(event, "Queue"), only(event, "Uniqueid"));
    if (caller) this.drop(caller);
  }

  /** @param {Caller} caller */
  drop(caller) {
    const queue = caller.queue;
    queue.callers = queue.callers.filter((other) => other !== caller);
    if (this.callers.get(caller.uniqueid) === caller) this.callers.delete(caller.uniqueid);
    this.watcher.queueChanged(queue.name);
    this.watcher.callerChanged(caller.uniqueid);
  }

  /** @param {Data} event */
  abandoned(event) {
    const caller = this.find(only(event, "Queue"), only(event, "Uniqueid"));
    // If the caller is unknown, the snapshot was made after it had left, and has counted it.
    if (caller) this.countAbandoned(caller, number(only(event, "HoldTime")));
    this.watcher.figuresChanged();
  }

  /** @param {Caller} caller @param {number} held */
  countAbandoned(caller, held) {
    if (caller.hasGivenUp) return;
    caller.hasGivenUp = true;
    this.calls.abandoned(caller.queue.counters, held);
    this.watcher.queueChanged(caller.queue.name);
  }

  /** @param {Data} event @param {number} at */
  entered(event, at) {
    // A caller leaves the queue before it is joined to a member.  If it has not left, an action has taken its channel away,
    // for which app_queue sends no event and counts an abandoned call.
    const caller = this.callers.size ? this.callers.get(only(event, "Uniqueid")) : undefined;
    if (!caller) return;
    this.countAbandoned(caller, Math.max(0, Math.floor(at - caller.since)));
    this.drop(caller);
  }

  /** @param {Data} event */
  renamed(event) {
    const caller = this.callers.size ? this.callers.get(only(event, "Uniqueid")) : undefined;
    if (caller) this.tellCaller(caller, event);
  }

  /** @param {Data} event */
  hungUp(event) {
    // A caller leaves the queue before its channel ends, unless another channel has taken its place.
    const caller = this.callers.size ? this.callers.get(only(event, "Uniqueid")) : undefined;
    if (caller) this.drop(caller);
  }

  // -- members

  /** @param {Queue} queue @param {string} address @returns {Member} */
  newMember(queue, address) {
    const member = {
      key: `${queue.name}\0${address}`,
      queue,
      name: "",
      interface: address,
      device: "",
      isDynamic: false,
      status: "0",
      isInCall: false,
      isPaused: false,
      reason: "",
      lastPause: null,
      taken: 0,
      lastCall: null,
      loginTime: null,
      partner: null,
    };
    queue.members.set(address, member);
    return member;
  }

  /** @param {Member} member @param {Data} told @param {string} name of the header that has the member's name */
  tell(member, told, name) {
    if (has(told, name)) member.name = get(told, name);
    if (has(told, "StateInterface")) member.device = get(told, "StateInterface");
    if (has(told, "Membership")) member.isDynamic = get(told, "Membership") === "dynamic";
    if (has(told, "Status")) member.status = get(told, "Status");
    if (has(told, "InCall")) member.isInCall = get(told, "InCall") === "1";
    if (has(told, "Paused")) member.isPaused = get(told, "Paused") === "1";
    if (has(told, "PausedReason")) member.reason = get(told, "PausedReason");
    if (!member.isPaused) member.reason = ""; // the event has the reason of the end of the pause
    if (has(told, "LastPause")) member.lastPause = time(get(told, "LastPause"));
    if (has(told, "CallsTaken")) member.taken = number(get(told, "CallsTaken"));
    if (has(told, "LastCall")) member.lastCall = time(get(told, "LastCall"));
    if (has(told, "LoginTime")) member.loginTime = time(get(told, "LoginTime"));
    if (!member.isInCall) member.partner = null;
    this.memberChanged(member);
  }

  /** @param {Member} member */
  memberChanged(member) {
    this.watcher.queueChanged(member.queue.name);
    this.watcher.memberChanged(member, true);
  }

  /** @param {Data} event @returns {Member|undefined} */
  memberOf(event) {
    return this.queues.get(only(event, "Queue"))?.members.get(only(event, "Interface"));
  }

  /** @param {Data} event */
  memberTold(event) {
    const name = only(event, "Queue");
    const address = only(event, "Interface");
    if (!name || !address) return;
    const member = this.memberOf(event);
    if (!member) {
      const queue = this.queues.get(name) ?? this.newQueue(name);
      this.tell(this.newMember(queue, address), event, "MemberName");
      return;
    }
    const taken = number(get(event, "CallsTaken")) - member.taken;
    if (member.isInCall && get(event, "InCall") === "0" && taken === 1) {
      this.count(member.queue, this.calls.current(member.key), -1);
    }
    this.tell(member, event, "MemberName");
  }

  /** @param {Data} event */
  memberRemoved(event) {
    const member = this.memberOf(event);
    this.calls.memberRemoved(`${only(event, "Queue")}\0${only(event, "Interface")}`, member?.isInCall ?? false);
    if (!member) return;
    member.queue.members.delete(member.interface);
    this.watcher.queueChanged(member.queue.name);
    this.watcher.memberChanged(member, false);
  }

  /** @param {Data} event */
  connected(event) {
    const member = this.memberOf(event);
    this.watcher.figuresChanged();
    if (!member) return;
    this.calls.connected(member.key, member.queue.counters, event);
    member.isInCall = true;
    const name = known(get(event, "CallerIDName"));
    member.partner = { name, number: known(get(event, "CallerIDNum")), agent: "" };
    this.memberChanged(member);
  }

  /** @param {Data} event */
  completed(event) {
    const queue = this.queues.get(only(event, "Queue"));
    const member = this.memberOf(event);
    const call = this.calls.completed(`${only(event, "Queue")}\0${only(event, "Interface")}`, event);
    this.watcher.figuresChanged();
    if (!call || !queue) return;
    const talked = number(only(event, "TalkTime"));
    if (call.isOrphan) {
      this.count(queue, call, talked);
    } else if (member?.isInCall) {
      member.isInCall = false;
      member.partner = null;
      member.taken += 1;
      this.memberChanged(member);
      this.count(queue, call, talked);
    }
  }

  /** @param {Queue} queue @param {import("./queuecalls.js").QueueCall} call @param {number} talked */
  count(queue, call, talked) {
    this.calls.counted(call, queue.counters, talked);
    this.watcher.queueChanged(queue.name);
  }
}
