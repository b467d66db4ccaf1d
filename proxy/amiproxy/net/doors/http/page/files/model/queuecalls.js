/**
 * The calls between callers of queues and members: which is under way, and what app_queue counts of each.
 *
 * The lists of the proxy are computed in the same way, so the figures of the page are those of the next snapshot; only
 * seconds that were read from a clock may differ.
 */

import { decimal, number, only } from "./fields.js";

/** Most calls of one member at a time that are told apart. */
const MOST_CALLS = 8;

/** @typedef {import("./types.js").Data} Data */
/**
 * What Asterisk counts for a queue.  ``within`` and ``lost`` are calls within the service level: how many completed, and how
 * many callers gave up; null until they are derived from the percentages.
 * @typedef {{completed: number, abandoned: number, hold: number, talk: number, target: number, level: number, level2: number,
 *   within: number|null, lost: number}} Counters
 */
/** @typedef {{caller: string, member: string, isWithin: boolean, isCounted: boolean, isOrphan: boolean}} QueueCall */

export class QueueCalls {
  constructor() {
    /** Key of a member -> its calls until their AgentComplete; app_queue counts the last of them. @type {Map<string, QueueCall[]>} */
    this.open = new Map();
    /** The same of members that have been removed. @type {Map<string, QueueCall[]>} */
    this.orphans = new Map();
  }

  /**
   * A member has been removed, perhaps during a call, and may come again before that ends.
   * @param {string} member @param {boolean} isInCall what the snapshot or the last event said; the call may have begun before
   *   the snapshot
   */
  memberRemoved(member, isInCall) {
    const calls = this.open.get(member) ?? (isInCall && !this.orphans.has(member) ? [this.current(member)] : null);
    if (!calls) return;
    this.open.delete(member);
    const last = calls[calls.length - 1];
    for (const call of calls) {
      call.isOrphan = true;
      call.isCounted ||= call !== last;
    }
    this.orphans.set(member, [...(this.orphans.get(member) ?? []), ...calls].slice(-MOST_CALLS));
  }

  /** A member has answered. @param {string} member @param {Counters} counters @param {Data} event */
  connected(member, counters, event) {
    const caller = only(event, "Uniqueid");
    const channel = only(event, "DestUniqueid");
    const current = this.current(member);
    if (current.caller === caller && current.member === channel) return; // told already
    const held = number(only(event, "HoldTime"));
    const call = { caller, member: channel, isWithin: held <= counters.target, isCounted: false, isOrphan: false };
    this.open.set(member, [...(this.open.get(member) ?? []), call].slice(-MOST_CALLS));
    counters.hold = average(counters.hold, held, counters.completed + counters.abandoned === 0);
  }

  /** The call of a member that app_queue counts; one of which nothing is known if none has been seen. @param {string} member @returns {QueueCall} */
  current(member) {
    const calls = this.open.get(member);
    return calls ? calls[calls.length - 1] : { caller: "", member: "", isWithin: false, isCounted: false, isOrphan: false };
  }

  /**
   * A call has ended; returns it if app_queue counts it now, else null.
   *
   * Of calls that a member has at the same time, such as after a transfer, app_queue counts the last one; and it has counted
   * that already if the state of the member was the first to tell its end.
   * @param {string} member @param {Data} event @returns {QueueCall|null}
   */
  completed(member, event) {
    const caller = only(event, "Uniqueid");
    const channel = only(event, "DestUniqueid");
    /** @param {QueueCall} call */
    const isIt = (call) => call.caller === caller || call.member === channel;
    const calls = this.open.get(member);
    const orphans = this.orphans.get(member) ?? [];
    // If both channels have gone, AgentComplete names neither.
    const orphan = orphans.find(isIt) ?? (calls ? null : orphans[0]);
    if (orphan) {
      leave(this.orphans, member, orphan);
      return orphan.isCounted ? null : orphan;
    }
    if (!calls) return this.current(member);
    // The ids change if Local channels are optimised away.
    const ended = calls.find(isIt) ?? calls[0];
    const isLast = ended === calls[calls.length - 1];
    leave(this.open, member, ended);
    return isLast && !ended.isCounted ? ended : null;
  }

  /** A call is counted. @param {QueueCall} call @param {Counters} counters @param {number} talked its seconds; -1 if they are told later */
  counted(call, counters, talked) {
    const within = tally(counters) + (call.isWithin ? 1 : 0);
    call.isCounted = true;
    counters.completed += 1;
    if (talked >= 0) counters.talk = average(counters.talk, talked, counters.completed === 1);
    level(counters, within, counters.lost);
  }

  /** A caller has given up. @param {Counters} counters @param {number} held seconds */
  abandoned(counters, held) {
    const within = tally(counters);
    counters.abandoned += 1;
    level(counters, within, counters.lost + (held <= counters.target ? 1 : 0));
  }
}

/** @param {Map<string, QueueCall[]>} of @param {string} member @param {QueueCall} call */
function leave(of, member, call) {
  const others = (of.get(member) ?? []).filter((other) => other !== call);
  if (others.length) of.set(member, others);
  else of.delete(member);
}

/** How many calls completed within the service level; taken from the percentages that the list has. @param {Counters} counters @returns {number} */
function tally(counters) {
  if (counters.within === null) {
    const { completed, abandoned } = counters;
    counters.within = halfToEven((counters.level * completed) / 100);
    counters.lost = Math.max(0, halfToEven((counters.level2 * (completed + abandoned)) / 100) - counters.within);
  }
  return counters.within;
}

/** @param {number} value */
function halfToEven(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 ? below + 1 : below;
}

/** @param {Counters} counters @param {number} within @param {number} lost */
function level(counters, within, lost) {
  const { completed, abandoned } = counters;
  counters.within = within;
  counters.lost = lost;
  counters.level = completed ? (100 * within) / completed : 0;
  counters.level2 = completed + abandoned ? (100 * (within + lost)) / (completed + abandoned) : 0;
}

/** app_queue's average: the new value counts for a quarter. @param {number} before @param {number} now @param {boolean} isFirst */
function average(before, now, isFirst) {
  return isFirst ? now : Math.floor((3 * before + now) / 4);
}
