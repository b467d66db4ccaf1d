/** The queues, the one that needs somebody first; each opens to show its callers and agents. */

import { texts } from "../texts.js";
import { make, mark, show, write } from "./dom.js";
import { Table, dim } from "./tables.js";
import { age, clip, duration, moment, number, partyTexts, percent } from "./values/format.js";
import { levels } from "./values/thresholds.js";

/** @typedef {import("./values/context.js").Context} Context */
/** @typedef {import("../model/types.js").QueueRow} QueueRow */
/** @typedef {import("../model/types.js").AgentRow} AgentRow */
/** @typedef {QueueRow["callers"][number]} Caller */

const words = texts.queues;

/** @param {QueueRow} row @returns {[string, string]} */
function abandoned(row) {
  const all = row.completed + row.abandoned;
  return [number(row.abandoned), all ? texts.aside.brackets(percent((100 * row.abandoned) / all)) : ""];
}

/** @param {QueueRow} row */
const target = (row) => (row.target ? words.target(texts.units.seconds(number(row.target))) : words.noTarget);

/** Callers and agents of one queue, in a row below it. */
class Detail {
  /** @param {Context} context @param {string} id */
  constructor(context, id) {
    this.context = context;
    this.callers = new Table({
      name: "callers",
      caption: words.callers,
      key: (/** @type {Caller & {key: string}} */ row) => row.key,
      tie: (row) => row.key,
      order: null,
      columns: [
        { field: "position", label: words.position, kind: "number", text: (row) => number(row.position) },
        { field: "caller", label: words.caller, kind: "text", text: (row) => partyTexts(row) },
        { field: "wait", label: words.wait, kind: "number", ticks: true, text: (row, now) => age(row.since, now) },
      ],
    });
    this.members = new Table({
      name: "members",
      caption: words.members,
      key: (/** @type {AgentRow} */ row) => row.key,
      tie: (row) => row.name,
      order: null,
      columns: [
        { field: "agent", label: texts.agents.name, kind: "text", text: (row) => clip(row.name) },
        {
          field: "state",
          label: texts.agents.state,
          kind: "state",
          text: (row) => [texts.states[this.#state(row)], clip(row.reason)],
          dress: (cell, row) => mark(cell, "state", this.#state(row)),
        },
        {
          field: "since",
          label: texts.agents.since,
          kind: "number",
          ticks: true,
          text: (row, now) => age(row.since, now),
        },
        { field: "taken", label: texts.agents.taken, kind: "number", text: (row) => number(row.taken) },
      ],
    });
    this.noCallers = make("p", { class: "note" }, words.noCallers);
    this.noMembers = make("p", { class: "note" }, words.noMembers);
    this.since = make("p", { class: "note" });
    const cell = make(
      "td",
      { role: "cell", colspan: "14" },
      make("div", {}, this.callers.element, this.noCallers),
      make("div", {}, this.members.element, this.noMembers),
      this.since,
    );
    this.element = make("tr", { role: "row", class: "detail", id }, cell);
    this.queue = "";
  }

  /** A member can be paused in this queue alone. @param {AgentRow} row @returns {AgentRow["state"]} */
  #state(row) {
    const isPaused = row.queues.some((queue) => queue.name === this.queue && queue.isPaused);
    return isPaused && row.state === "free" ? "paused" : row.state;
  }

  /** @param {QueueRow} row @param {AgentRow[]} agents */
  draw(row, agents) {
    const { now } = this.context;
    this.queue = row.name;
    const callers = row.callers.map((caller) => ({
      ...caller,
      key: `${caller.position} ${caller.since} ${caller.number}`,
    }));
    const members = agents.filter(
      (agent) => agent.server === row.server && agent.queues.some((queue) => queue.name === row.name),
    );
    this.callers.draw(callers, now);
    this.members.draw(members, now);
    show(this.callers.element, callers.length > 0);
    show(this.noCallers, callers.length === 0);
    show(this.members.element, members.length > 0);
    show(this.noMembers, members.length === 0);
    show(this.since, row.countedSince !== null);
    const since = moment(row.countedSince, now);
    write(this.since, row.countedSinceReset ? words.countedSinceReset(since) : words.countedSince(since));
  }

  /** @param {number} now */
  tick(now) {
    this.callers.tick(now);
    this.members.tick(now);
  }
}

/** @typedef {import("./tables.js").Line<QueueRow>} Line */

export class Queues {
  /** @param {Context} context @param {HTMLElement} element */
  constructor(context, element) {
    this.context = context;
    this.element = element;
    this.groups = ["queues", "agents"];
    /** @type {Map<string, Detail>} */
    this.details = new Map();
    /** @type {WeakMap<Element, HTMLElement>} */
    this.levelTexts = new WeakMap();
    this.made = 0;
    this.table = new Table({
      name: "queues",
      caption: words.title,
      key: (/** @type {QueueRow} */ row) => row.key,
      tie: (row) => `${row.name} ${row.server}`,
      order: { field: "waiting", isFalling: true },
      columns: this.#columns(),
      begin: (line) => this.#begin(line),
      dress: (line, now) => this.#dress(line, now),
    });
    this.table.onorder = () => this.draw();
    this.notice = make("p", { class: "notice" });
    element.append(make("h2", { class: "unseen" }, words.title), this.table.element, this.notice);
  }

  /** @returns {import("./tables.js").Column<QueueRow>[]} */
  #columns() {
    const { context } = this;
    /** @param {"free" | "ringing" | "talking" | "paused" | "away"} state */
    const agents = (state) =>
      /** @type {import("./tables.js").Column<QueueRow>} */ ({
        field: state,
        label: texts.states[state],
        kind: "number",
        state,
        isFalling: true,
        sort: (row) => row[state],
        text: (row) => number(row[state]),
        dress: (cell, row) => dim(cell, row[state]),
      });
    return [
      {
        field: "name",
        label: words.name,
        kind: "text",
        sort: (row) => row.name,
        text: (row) => [clip(row.name), row.server],
      },
      {
        field: "waiting",
        label: words.waiting,
        kind: "number",
        isFalling: true,
        // The one of two queues with as many callers comes first whose caller waits longer.
        sort: (row) => row.waiting * 1e11 - (row.longestSince ?? 1e11),
        text: (row) => number(row.waiting),
        dress: (cell, row, now) => {
          dim(cell, row.waiting);
          mark(cell, "level", levels(row, context.bounds, now).waiting);
        },
      },
      {
        field: "longest",
        label: words.longest,
        kind: "number",
        ticks: true,
        sort: (row) => row.longestSince,
        text: (row, now) => age(row.longestSince, now),
        dress: (cell, row, now) => {
          dim(cell, row.longestSince);
          mark(cell, "level", levels(row, context.bounds, now).longest);
        },
      },
      agents("free"),
      agents("ringing"),
      agents("talking"),
      agents("paused"),
      agents("away"),
      {
        field: "serviceLevel",
        label: words.serviceLevel,
        kind: "number",
        sort: (row) => row.serviceLevel,
        text: (row) => [percent(row.serviceLevel), target(row)],
        dress: (cell, row, now) => {
          dim(cell, row.serviceLevel);
          mark(cell, "level", levels(row, context.bounds, now).serviceLevel);
        },
      },
      {
        field: "completed",
        label: words.completed,
        kind: "number",
        isFalling: true,
        sort: (row) => row.completed,
        text: (row) => number(row.completed),
        dress: (cell, row) => dim(cell, row.completed),
      },
      {
        field: "abandoned",
        label: words.abandoned,
        kind: "number",
        isFalling: true,
        sort: (row) => row.abandoned,
        text: abandoned,
        dress: (cell, row) => dim(cell, row.abandoned),
      },
      {
        field: "hold",
        label: words.hold,
        kind: "number",
        isFalling: true,
        sort: (row) => row.hold,
        text: (row) => duration(row.hold),
        dress: (cell, row) => dim(cell, row.hold),
      },
      {
        field: "talk",
        label: words.talk,
        kind: "number",
        isFalling: true,
        sort: (row) => row.talk,
        text: (row) => duration(row.talk),
        dress: (cell, row) => dim(cell, row.talk),
      },
      {
        field: "countedSince",
        label: words.since,
        kind: "number",
        sort: (row) => row.countedSince,
        text: (row, now) => moment(row.countedSince, now),
      },
    ];
  }

  /** The name becomes a button that opens the row. @param {Line} line */
  #begin(line) {
    this.made += 1;
    const id = `queue-${this.made}`;
    const { cell, main } = line.cells[0];
    const level = make("span", { class: "unseen" });
    const button = make("button", { type: "button", class: "opens", "aria-expanded": "false" }, main);
    cell.append(button, level);
    this.levelTexts.set(line.element, level);
    line.element.addEventListener("click", () => {
      if (getSelection()?.isCollapsed === false) return;
      this.#toggle(line, button, id);
    });
  }

  /** @param {Line} line @param {HTMLElement} button @param {string} id */
  #toggle(line, button, id) {
    const { key } = line.row;
    const isOpen = !this.details.delete(key);
    if (isOpen) {
      const detail = new Detail(this.context, id);
      this.details.set(key, detail);
      line.detail = detail.element;
      button.setAttribute("aria-controls", id);
    } else {
      line.detail = null;
      button.removeAttribute("aria-controls");
    }
    button.setAttribute("aria-expanded", String(isOpen));
    this.draw();
  }

  /** @param {Line} line @param {number} now */
  #dress(line, now) {
    const level = levels(line.row, this.context.bounds, now).now;
    mark(line.element, "level", level);
    mark(line.element, "stale", this.context.staleness(line.row));
    const text = this.levelTexts.get(line.element);
    if (text) write(text, texts.levels[level]);
  }

  draw() {
    const { context } = this;
    const why = context.missing("queues");
    const rows = why ? [] : context.board.queues();
    this.table.draw(rows, context.now);
    for (const key of this.details.keys()) if (!this.table.lines.has(key)) this.details.delete(key);
    if (this.details.size) {
      const agents = context.board.agents();
      for (const [key, detail] of this.details) {
        const line = this.table.lines.get(key);
        if (line) detail.draw(line.row, agents);
      }
    }
    show(this.table.element, rows.length > 0);
    show(this.notice, rows.length === 0);
    write(this.notice, why || words.empty);
  }

  tick() {
    const { now } = this.context;
    this.table.tick(now);
    for (const detail of this.details.values()) detail.tick(now);
  }

  refresh() {
    this.table.refresh(this.context.now);
  }
}
