/** What was refused lately: denied actions, failed logins, limits and penalties, the newest first. */

import { texts } from "../texts.js";
import { make, show } from "../views/dom.js";
import { Table } from "../views/tables.js";
import { age, clip, clock } from "../views/values/format.js";
import { explain } from "./explain.js";

/** @typedef {any} Refusal a line of /denials, with its `at` and a `key` */

const words = texts.status.denials;

/** @param {Refusal} row @returns {[string, string]} */
function what(row) {
  if (row.action) return [clip(row.action), clip(row.target ?? "", 120)];
  const rest = row.limit ?? row.reason ?? row.why ?? "";
  return [clip(String(rest)) || texts.none, row.seconds === undefined ? "" : words.seconds(String(row.seconds))];
}

export class Denials {
  /** @param {import("../link/api.js").Api} api */
  constructor(api) {
    /** @type {Table<Refusal>} */
    this.table = new Table({
      name: "denials",
      caption: words.title,
      key: (row) => row.key,
      tie: (row) => row.key,
      order: null,
      columns: [
        {
          field: "time",
          label: words.time,
          kind: "text",
          ticks: true,
          text: (row, now) => [clock(row.at), words.ago(age(row.at, now))],
        },
        { field: "kind", label: words.kind, kind: "text", text: (row) => words.kinds[row.event] ?? row.event },
        {
          field: "user",
          label: words.user,
          kind: "text",
          text: (row) => [clip(row.user ?? texts.status.nobody), row.peer ?? ""],
        },
        { field: "action", label: words.what, kind: "text", text: what },
        {
          field: "rule",
          label: words.rule,
          kind: "text",
          text: (row) => [row.rule ?? texts.none, clip(row.why ?? "", 160)],
        },
        { field: "do", label: words.explain, kind: "text", text: () => "" },
      ],
      begin: (line) => {
        if (!line.row.id) return;
        const { id, action, user } = line.row;
        const button = make("button", { type: "button", "data-do": "explain" }, words.why);
        button.setAttribute("aria-label", words.whyOf(clip(action), clip(user)));
        button.addEventListener("click", () => void explain(api, id, action, user));
        line.cells[5].cell.append(button);
      },
    });
    this.none = make("p", { class: "notice" }, words.none);
    this.element = make("div", {}, this.table.element, this.none);
    /** @type {Map<string, Refusal>} */
    this.before = new Map();
  }

  /** @param {any} answer @param {number} now epoch seconds */
  draw(answer, now) {
    /** @type {Map<string, Refusal>} */
    const rows = new Map();
    for (const line of answer.denials) {
      // Lines have no number of their own: some of the same moment may be alike.
      let key = `${line.time} ${line.event} ${line.id ?? line.user ?? line.peer ?? ""}`;
      while (rows.has(key)) key += "+";
      rows.set(key, this.before.get(key) ?? { ...line, key, at: Date.parse(line.time) / 1000 });
    }
    this.before = rows;
    this.table.draw([...rows.values()].reverse(), now);
    show(this.table.element, rows.size > 0);
    show(this.none, rows.size === 0);
  }

  /** @param {number} now */
  tick(now) {
    this.table.tick(now);
  }
}
