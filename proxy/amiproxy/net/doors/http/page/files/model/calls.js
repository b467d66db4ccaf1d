/** Rows of calls: who talks to whom. */

/** @typedef {import("./channels.js").Channel} Channel */
/** @typedef {import("./channels.js").Call} Call */
/** @typedef {import("./types.js").Party} Party */
/** @typedef {import("./types.js").CallRow} CallRow */
/**
 * @typedef {object} Around what else is known at the server of a call
 * @property {import("./queues.js").Queues} queues
 * @property {import("./places.js").Places} places
 * @property {{nameOf: (device: string) => string}} agents
 */

const RINGING = new Set(["3", "4", "5"]);

/** @param {Channel} channel @param {Around} around @returns {Party} */
export function partyOf(channel, around) {
  const { device, label, number } = channel;
  const agent = around.agents.nameOf(device);
  // A telephone without a number is known by its device.
  return { name: label, number: number || (label ? "" : device.slice(device.indexOf("/") + 1)), agent };
}

/** The two that a row names, the caller first. @param {Call} call @returns {[Channel, Channel|null]} */
function ends(call) {
  /** @type {Channel|null} */
  let from = null;
  for (const channel of call.channels) {
    if (channel.id === call.id) from = channel;
    from ??= channel;
  }
  if (from === null) throw new RangeError("a call has channels");
  /** @type {Channel|null} */
  let to = null;
  let best = 0;
  for (const channel of call.channels) {
    if (channel === from) continue;
    const isWith = channel.bridge && channel.bridge === from.bridge && !from.isHeld;
    const rank = isWith ? 3 : channel.bridge ? 2 : 1;
    if (rank > best) [to, best] = [channel, rank];
  }
  return [from, to];
}

/** Whom a channel of a call talks to; null if nobody. @param {Channel} channel @param {Around} around @returns {Party|null} */
export function partnerOf(channel, around) {
  if (!channel.call || channel.call.channels.size < 2) return null;
  const [from, to] = ends(channel.call);
  if (channel === from) return to && partyOf(to, around);
  if (channel === to || !channel.bridge) return partyOf(from, around);
  const other = [...channel.call.channels].find((one) => one !== channel && one.bridge === channel.bridge);
  return partyOf(other ?? from, around);
}

/** @param {Call} call @param {string} server @param {Around} around @returns {CallRow} */
export function callRow(call, server, around) {
  const [from, to] = ends(call);
  const { state, place, since } = standing(call, around);
  return {
    key: `${server}\0${call.id}`,
    server,
    state,
    from: partyOf(from, around),
    to: to && partyOf(to, around),
    others: Math.max(0, call.channels.size - 2),
    place,
    since: since ?? call.since,
    answered: call.isTalking ? call.answered : null,
  };
}

/** @param {Call} call @param {Around} around @returns {{state: import("./types.js").CallState, place: string, since?: number}} */
function standing(call, { queues, places }) {
  let isRinging = false;
  let waiting = null;
  let parked = null;
  for (const { id, state } of call.channels) {
    const participant = places.participants.get(id);
    if (participant) return { state: "conference", place: participant.room };
    parked ??= places.parkedAs.get(id) ?? null;
    waiting ??= queues.callers.get(id) ?? null;
    isRinging ||= RINGING.has(state);
  }
  if (parked) return { state: "parked", place: parked.space, since: parked.since };
  if (call.isTalking) return { state: "talking", place: "" };
  if (waiting) return { state: "waiting", place: waiting.queue.name, since: waiting.since };
  return { state: isRinging ? "ringing" : "other", place: "" };
}
