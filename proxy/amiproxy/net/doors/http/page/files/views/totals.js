/** The line of totals above the board, and at the head of a wall. */

import { texts } from "../texts.js";
import { make, mark, write } from "./dom.js";
import { age, number, percent } from "./values/format.js";
import { levels } from "./values/thresholds.js";

/** @typedef {import("./values/context.js").Context} Context */
/** @typedef {import("../model/types.js").Totals} Figures */

const AGENT_STATES = /** @type {const} */ (["free", "ringing", "talking", "paused", "away"]);

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

  /** @param {Figures} totals */
  draw(totals) {
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
    mark(this.figures.waiting.box, "level", level.waiting);
    mark(this.figures.longest.box, "level", level.longest);
    mark(this.figures.serviceLevel.box, "level", level.serviceLevel);
  }
}
