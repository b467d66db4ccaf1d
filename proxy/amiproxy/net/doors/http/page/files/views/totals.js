/** The line of totals above the board, and at the head of a wall. */

import { texts } from "../texts.js";
import { make, mark, write } from "./dom.js";
import { age, number, percent } from "./values/format.js";
import { above, levels, worst } from "./values/thresholds.js";

/** @typedef {import("./values/context.js").Context} Context */
/** @typedef {import("../model/types.js").Totals} Figures */
/** @typedef {import("../model/types.js").QueueRow} QueueRow */
/** @typedef {import("../model/types.js").AgentRow} AgentRow */

const AGENT_STATES = /** @type {const} */ (["free", "ringing", "talking", "paused", "away"]);

/**
 * The totals of some queues and agents, as the board has them for all.
 * @param {QueueRow[]} queues @param {AgentRow[]} agents @param {number} calls
 * @returns {Figures}
 */
export function sums(queues, agents, calls) {
  /** @type {Figures} */
  const all = {
    ...{ waiting: 0, longestSince: null, calls, free: 0, ringing: 0, talking: 0, paused: 0, away: 0 },
    ...{ completed: 0, abandoned: 0, serviceLevel: null },
  };
  let [within, judged] = [0, 0];
  for (const row of queues) {
    all.waiting += row.waiting;
    all.completed += row.completed;
    all.abandoned += row.abandoned;
    if (row.longestSince !== null) all.longestSince = Math.min(all.longestSince ?? row.longestSince, row.longestSince);
    if (row.serviceLevel === null) continue;
    within += row.serviceLevel * row.completed;
    judged += row.completed;
  }
  if (judged) all.serviceLevel = within / judged;
  for (const { state } of agents) all[state] += 1;
  return all;
}

export class Totals {
  /** @param {Context} context @param {HTMLElement} element */
  constructor(context, element) {
    this.context = context;
    this.element = element;
    /** @type {Record<string, {box: HTMLElement, value: HTMLElement}>} */
    this.figures = {};
    this.list = make("dl", { class: "figures" });
    for (const field of /** @type {const} */ (["waiting", "longest", "calls"])) this.#add(field, texts.totals[field]);
    for (const state of AGENT_STATES) this.#add(state, texts.states[state], state);
    for (const field of /** @type {const} */ (["serviceLevel", "completed", "abandoned"]))
      this.#add(field, texts.totals[field]);
    element.setAttribute("aria-label", texts.totals.title);
    element.append(this.list);
  }

  /** @param {string} field @param {string} label @param {string} [state] */
  #add(field, label, state) {
    const value = make("dd");
    const box = make("div", { "data-field": field }, make("dt", {}, label), value);
    if (state) box.dataset.state = state;
    this.figures[field] = { box, value };
    this.list.append(box);
  }

  /** @param {Figures} totals @param {QueueRow[]} queues whose totals these are */
  draw(totals, queues) {
    const { context } = this;
    const { now } = context;
    const hasQueues = !context.missing("queues");
    const level = levels(totals, context.bounds, now);
    /** @type {Record<string, string>} */
    const values = {
      waiting: number(hasQueues ? totals.waiting : null),
      longest: age(totals.longestSince, now),
      calls: number(context.missing("channels") ? null : totals.calls),
      serviceLevel: percent(totals.serviceLevel),
      completed: number(hasQueues ? totals.completed : null),
      abandoned: number(hasQueues ? totals.abandoned : null),
    };
    for (const state of AGENT_STATES) values[state] = number(hasQueues ? totals[state] : null);
    for (const [field, { box, value }] of Object.entries(this.figures)) {
      write(value, values[field]);
      mark(box, "zero", values[field] === "0" || values[field] === texts.none ? "yes" : "");
    }
    // Sums of servers of which one is down have old figures in them.
    mark(this.element, "stale", context.away.size ? "yes" : "");
    // Bounds are those of one queue: as many callers in fifty queues together are nothing to worry about.
    const waiting = worst(queues.map((row) => above(row.waiting, context.bounds.waiting)));
    mark(this.figures.waiting.box, "level", waiting);
    mark(this.figures.longest.box, "level", level.longest);
    mark(this.figures.serviceLevel.box, "level", level.serviceLevel);
  }
}
