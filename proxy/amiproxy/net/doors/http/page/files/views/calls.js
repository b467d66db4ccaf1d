/** The calls, by call and not by channel, the longest first. */

import { texts } from "../texts.js";
import { make, mark, show } from "./dom.js";
import { Finding, Table, drawOrSay, stateColumn } from "./tables.js";
import { age, clip, number, partyTexts } from "./values/format.js";

/** @typedef {import("./values/context.js").Context} Context */
/** @typedef {import("../model/types.js").CallRow} CallRow */

const words = texts.calls;

/** @param {CallRow} row @returns {[string, string]} */
function toTexts(row) {
  const [name, aside] = partyTexts(row.to);
  return [name, row.others > 0 ? words.others(row.others, number(row.others)) : aside];
}

/** @param {CallRow} row */
const wordsOf = (row) => [
  ...[row.from, row.to].flatMap((party) => (party ? [party.name, party.number, party.agent] : [])),
  row.place,
  row.server,
  texts.states[row.state],
];

export class Calls {
  /** @param {Context} context @param {HTMLElement} element */
  constructor(context, element) {
    this.context = context;
    this.element = element;
    this.groups = ["calls"];
    this.finding = new Finding("find-calls", words.filter, words.filterHint, () => this.draw());
    this.table = new Table({
      name: "calls",
      caption: words.title,
      key: (/** @type {CallRow} */ row) => row.key,
      tie: (row) => row.key,
      order: { field: "since", isFalling: false },
      dress: (line) => mark(line.element, "stale", context.staleness(line.row)),
      columns: [
        {
          field: "from",
          label: words.from,
          kind: "text",
          sort: (row) => partyTexts(row.from)[0],
          text: (row) => partyTexts(row.from),
        },
        {
          field: "to",
          label: words.to,
          kind: "text",
          sort: (row) => (row.to ? partyTexts(row.to)[0] : null),
          text: toTexts,
        },
        stateColumn(words.state, (/** @type {CallRow} */ row) => texts.states[row.state]),
        {
          field: "place",
          label: words.place,
          kind: "text",
          sort: (row) => row.place,
          text: (row) => [clip(row.place) || texts.none, row.server],
        },
        {
          field: "since",
          label: words.duration,
          kind: "number",
          ticks: true,
          sort: (row) => row.since,
          text: (row, now) => age(row.since, now),
        },
        {
          field: "answered",
          label: words.answered,
          kind: "number",
          ticks: true,
          sort: (row) => row.answered,
          text: (row, now) => age(row.answered, now),
        },
      ],
    });
    this.table.onorder = () => this.draw();
    this.notice = make("p", { class: "notice" });
    element.append(
      make("h2", { class: "unseen" }, words.title),
      make("div", { class: "controls" }, this.finding.element),
      this.table.element,
      this.notice,
    );
  }

  draw() {
    const { context, finding } = this;
    const why = context.missing("channels");
    const all = why ? [] : context.board.calls();
    const rows = finding.of(all, wordsOf);
    finding.say(rows.length, all.length);
    show(finding.element, all.length > 0);
    drawOrSay(this.table, this.notice, rows, why || (all.length ? words.noMatch : words.empty), context.now);
  }

  tick() {
    this.table.tick(this.context.now);
  }

  refresh() {
    this.table.refresh(this.context.now);
  }
}
