/** The agents: who is free, who is paused and why, since when, and what they have done. */

import { texts } from "../texts.js";
import { make, mark, show, write } from "./dom.js";
import { Finding, Table, dim, drawOrSay, figureColumn, stateColumn } from "./tables.js";
import { age, clip, moment, number, partyTexts } from "./values/format.js";

/** @typedef {import("./values/context.js").Context} Context */
/** @typedef {import("../model/types.js").AgentRow} AgentRow */

const words = texts.agents;

/** In the order in which a supervisor looks for somebody. */
export const AGENT_STATES = /** @type {const} */ (["free", "ringing", "talking", "paused", "away"]);

/** @param {AgentRow} row @returns {[string, string]} */
function queueTexts(row) {
  const all = row.queues.map((queue) => clip(queue.name, 40)).join(texts.join) || texts.none;
  const paused = row.queues.filter((queue) => queue.isPaused);
  // That all are paused, the state says.
  if (!paused.length || paused.length === row.queues.length) return [all, ""];
  return [all, words.pausedIn(paused.map((queue) => clip(queue.name, 40)).join(texts.join))];
}

/** @param {AgentRow} row */
const wordsOf = (row) => [
  row.name,
  row.device,
  row.reason,
  row.server,
  ...row.queues.map((queue) => queue.name),
  row.partner?.name ?? "",
  row.partner?.number ?? "",
];

export class Agents {
  /** @param {Context} context @param {HTMLElement} element */
  constructor(context, element) {
    this.context = context;
    this.element = element;
    this.groups = ["agents"];
    /** @type {"" | AgentRow["state"]} */
    this.state = "";
    this.finding = new Finding("find-agents", words.filter, words.filterHint, () => this.draw());
    this.table = this.#table();
    this.table.onorder = () => this.draw();
    this.notice = make("p", { class: "notice" });
    this.choices = make("div", { class: "choices", role: "group", "aria-label": words.byState });
    this.buttons = /** @type {const} */ (["", ...AGENT_STATES]).map((state) => this.#choice(state));
    this.controls = make("div", { class: "controls" }, this.choices, this.finding.element);
    element.append(make("h2", { class: "unseen" }, words.title), this.controls, this.table.element, this.notice);
  }

  /** @param {"" | AgentRow["state"]} state */
  #choice(state) {
    const count = make("span", { class: "count" });
    const label = state ? texts.states[state] : words.all;
    const button = make(
      "button",
      { type: "button", "aria-pressed": String(state === this.state) },
      make("span", {}, label),
      count,
    );
    if (state) button.dataset.state = state;
    button.addEventListener("click", () => {
      this.state = this.state === state ? "" : state;
      for (const each of this.buttons) each.button.setAttribute("aria-pressed", String(each.state === this.state));
      this.draw();
    });
    this.choices.append(button);
    return { state, button, count };
  }

  #table() {
    const { context } = this;
    return new Table({
      name: "agents",
      caption: words.title,
      key: (/** @type {AgentRow} */ row) => row.key,
      tie: (row) => row.name,
      order: { field: "state", isFalling: false },
      dress: (line) => mark(line.element, "stale", context.staleness(line.row)),
      columns: [
        {
          field: "name",
          label: words.name,
          kind: "text",
          sort: (row) => row.name,
          text: (row) => [clip(row.name), row.server],
        },
        stateColumn(words.state, (/** @type {AgentRow} */ row) => AGENT_STATES.indexOf(row.state)),
        {
          field: "since",
          label: words.since,
          kind: "number",
          ticks: true,
          sort: (row) => row.since,
          text: (row, now) => age(row.since, now),
        },
        {
          field: "reason",
          label: words.reason,
          kind: "text",
          sort: (row) => row.reason,
          text: (row) => clip(row.reason),
        },
        {
          field: "partner",
          label: words.partner,
          kind: "text",
          sort: (row) => (row.partner ? partyTexts(row.partner)[0] : null),
          text: (row) => (row.partner ? partyTexts(row.partner) : ""),
        },
        { field: "queues", label: words.queues, kind: "text", sort: (row) => queueTexts(row)[0], text: queueTexts },
        figureColumn("taken", words.taken, (row) => row.taken, true),
        {
          field: "lastCall",
          label: words.lastCall,
          kind: "number",
          isFalling: true,
          sort: (row) => row.lastCall,
          text: (row, now) => moment(row.lastCall, now),
          dress: (cell, row) => dim(cell, row.lastCall),
        },
        {
          field: "loggedIn",
          label: words.loggedIn,
          kind: "number",
          isFalling: true,
          sort: (row) => row.loggedIn,
          text: (row, now) => moment(row.loggedIn, now),
          dress: (cell, row) => dim(cell, row.loggedIn),
        },
      ],
    });
  }

  draw() {
    const { context, finding } = this;
    const why = context.missing("queues", "agents");
    const all = why ? [] : context.board.agents();
    const found = finding.of(all, wordsOf);
    const rows = this.state ? found.filter((row) => row.state === this.state) : found;
    finding.say(rows.length, all.length);
    for (const { state, count } of this.buttons) {
      write(count, number(state ? found.filter((row) => row.state === state).length : found.length));
    }
    show(this.controls, all.length > 0);
    drawOrSay(this.table, this.notice, rows, why || (all.length ? words.noMatch : words.empty), context.now);
  }

  tick() {
    this.table.tick(this.context.now);
  }

  refresh() {
    this.table.refresh(this.context.now);
  }
}
