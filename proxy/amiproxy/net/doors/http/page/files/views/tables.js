/** Tables whose rows are kept, moved, and written only where they differ. */

import { texts } from "../texts.js";
import { arrange, make, mark, show, write } from "./dom.js";
import { number } from "./values/format.js";
import { finder, sorted } from "./values/order.js";

/**
 * @template Row
 * @typedef {object} Column
 * @property {string} field
 * @property {string} label
 * @property {"text" | "number" | "state"} kind
 * @property {(row: Row, now: number) => string | [string, string]} text what is shown, and beside it
 * @property {(row: Row) => import("./values/order.js").Sortable} [sort]
 * @property {boolean} [isFalling] whether a first click on the head puts the largest first
 * @property {boolean} [ticks] whether the text depends on the time
 * @property {(cell: HTMLElement, row: Row, now: number) => void} [dress] sets data-*
 * @property {string} [state] the sign of this state stands before the label
 */

/**
 * @template Row
 * @typedef {object} Line
 * @property {Row} row
 * @property {HTMLTableRowElement} element
 * @property {Cell[]} cells
 * @property {boolean} isSeen
 * @property {HTMLElement | null} detail a row below it
 */

/** @typedef {{cell: HTMLElement, main: HTMLElement, aside: HTMLElement | null}} Cell */

/**
 * @template Row
 * @typedef {object} Options
 * @property {string} name data-table
 * @property {string} caption
 * @property {Column<Row>[]} columns the first is the head of its row
 * @property {(row: Row) => string} key
 * @property {(row: Row) => string} tie the order of rows that the sorted column does not tell apart
 * @property {{field: string, isFalling: boolean} | null} order
 * @property {(line: Line<Row>, now: number) => void} [dress] sets data-* of the row
 * @property {(line: Line<Row>) => void} [begin] a row was made
 */

/** @template Row */
export class Table {
  /** @param {Options<Row>} options */
  constructor(options) {
    this.options = options;
    this.order = options.order;
    /** @type {Map<string, Line<Row>>} */
    this.lines = new Map();
    /** @type {WeakMap<Element, Line<Row>>} */
    this.lineOf = new WeakMap();
    /** @type {() => void} */
    this.onorder = () => {};
    this.sight = new IntersectionObserver((entries) => this.#see(entries), { rootMargin: "200px" });
    // Roles are said as well, since browsers forget them when CSS makes cards of rows.
    this.body = make("tbody", { role: "rowgroup" });
    this.head = make("thead", { role: "rowgroup" }, this.#headRow());
    this.element = make(
      "table",
      { role: "table", "data-table": options.name },
      make("caption", {}, options.caption),
      this.head,
      this.body,
    );
    this.now = 0;
  }

  #headRow() {
    const row = make("tr", { role: "row" });
    for (const column of this.options.columns) {
      const label = make("span", {}, column.label);
      const head = make("th", {
        scope: "col",
        role: "columnheader",
        "data-field": column.field,
        "data-kind": column.kind,
      });
      if (column.state) head.dataset.state = column.state;
      if (column.sort && this.order) {
        const button = make("button", { type: "button" }, label);
        button.addEventListener("click", () => this.#sortBy(column));
        head.append(button);
      } else head.append(label);
      row.append(head);
    }
    this.heads = /** @type {HTMLElement[]} */ ([...row.children]);
    this.#showOrder();
    return row;
  }

  /** @param {Column<Row>} column */
  #sortBy(column) {
    const isSame = this.order?.field === column.field;
    this.order = { field: column.field, isFalling: isSame ? !this.order?.isFalling : Boolean(column.isFalling) };
    this.#showOrder();
    this.onorder();
  }

  #showOrder() {
    for (const head of this.heads ?? []) {
      const isSorted = head.dataset.field === this.order?.field;
      if (isSorted) head.setAttribute("aria-sort", this.order?.isFalling ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #see(entries) {
    for (const entry of entries) {
      const line = this.lineOf.get(entry.target);
      if (!line) continue;
      line.isSeen = entry.isIntersecting;
      if (line.isSeen) this.#tick(line, this.now);
    }
  }

  /**
   * @param {Row[]} rows rows that have not changed are the same objects as before
   * @param {number} now epoch seconds of the server
   */
  draw(rows, now) {
    this.now = now;
    const { key, tie, columns } = this.options;
    const column = columns.find((each) => each.field === this.order?.field);
    const list = column?.sort ? sorted(rows, column.sort, Boolean(this.order?.isFalling), tie) : rows;
    /** @type {Map<string, Line<Row>>} */
    const lines = new Map();
    /** @type {Element[]} */
    const nodes = [];
    for (const row of list) {
      const name = key(row);
      let line = this.lines.get(name);
      if (!line) line = this.#begin(name, row, now);
      else if (line.row !== row) this.#fill(line, row, now);
      lines.set(name, line);
      nodes.push(line.element);
      if (line.detail) nodes.push(line.detail);
    }
    for (const [name, line] of this.lines) if (!lines.has(name)) this.sight.unobserve(line.element);
    this.lines = lines;
    arrange(this.body, nodes);
  }

  /** @param {number} now epoch seconds of the server */
  tick(now) {
    this.now = now;
    for (const line of this.lines.values()) if (line.isSeen) this.#tick(line, now);
  }

  /** Writes every row again, such as when thresholds or the servers that are down have changed. @param {number} now */
  refresh(now) {
    for (const line of this.lines.values()) this.#fill(line, line.row, now);
  }

  /** @param {string} key @param {Row} row @param {number} now */
  #begin(key, row, now) {
    const element = make("tr", { role: "row", "data-key": key });
    const cells = this.options.columns.map((column, index) => {
      const main = make("bdi");
      const cell = index ? make("td", { role: "cell" }, main) : make("th", { role: "rowheader", scope: "row" }, main);
      cell.dataset.field = column.field;
      cell.dataset.kind = column.kind;
      cell.dataset.label = column.label;
      element.append(cell);
      return /** @type {Cell} */ ({ cell, main, aside: null });
    });
    /** @type {Line<Row>} */
    const line = { row, element, cells, isSeen: true, detail: null };
    this.lineOf.set(element, line);
    this.options.begin?.(line);
    this.#fill(line, row, now);
    this.sight.observe(element);
    return line;
  }

  /** @param {Line<Row>} line @param {Row} row @param {number} now */
  #fill(line, row, now) {
    line.row = row;
    this.options.columns.forEach((column, index) => this.#write(line.cells[index], column, row, now));
    this.options.dress?.(line, now);
  }

  /** @param {Line<Row>} line @param {number} now */
  #tick(line, now) {
    this.options.columns.forEach((column, index) => {
      if (column.ticks) this.#write(line.cells[index], column, line.row, now);
    });
    this.options.dress?.(line, now);
  }

  /** @param {Cell} place @param {Column<Row>} column @param {Row} row @param {number} now */
  #write(place, column, row, now) {
    const text = column.text(row, now);
    const [main, aside] = typeof text === "string" ? [text, ""] : text;
    write(place.main, main);
    if (aside && !place.aside) {
      place.aside = make("bdi", { class: "aside" });
      place.cell.append(place.aside);
    }
    if (place.aside) write(place.aside, aside);
    column.dress?.(place.cell, row, now);
  }
}

/** Figures that are 0 stand back, so that others are seen. @param {HTMLElement} cell @param {number | null} value */
export const dim = (cell, value) => mark(cell, "zero", value ? "" : "yes");

/**
 * A column with a figure that stands back while it is 0.
 * @template Row
 * @param {string} field @param {string} label @param {(row: Row) => number} of @param {boolean} [isSorted]
 * @returns {Column<Row>}
 */
export const figureColumn = (field, label, of, isSorted = false) => ({
  field,
  label,
  kind: "number",
  isFalling: true,
  sort: isSorted ? of : undefined,
  text: (row) => number(of(row)),
  dress: (cell, row) => dim(cell, of(row)),
});

/**
 * The column with the state of a row.
 * @template {{state: keyof typeof texts.states}} Row
 * @param {string} label @param {(row: Row) => string | number} sort
 * @returns {Column<Row>}
 */
export const stateColumn = (label, sort) => ({
  field: "state",
  label,
  kind: "state",
  sort,
  text: (row) => texts.states[row.state],
  dress: (cell, row) => mark(cell, "state", row.state),
});

/**
 * Draws the rows, or says in their place why there are none.
 * @template Row
 * @param {{element: HTMLElement, draw(rows: Row[], now: number): void}} table @param {HTMLElement} notice @param {Row[]} rows @param {string} why @param {number} now
 */
export function drawOrSay(table, notice, rows, why, now) {
  table.draw(rows, now);
  show(table.element, rows.length > 0);
  show(notice, rows.length === 0);
  write(notice, why);
}

/** The field above a table in which people type what they look for. */
export class Finding {
  /**
   * @param {string} id of the field @param {string} label @param {string} hint @param {() => void} onchange
   */
  constructor(id, label, hint, onchange) {
    this.field = make("input", { type: "search", id, placeholder: hint, autocomplete: "off", spellcheck: "false" });
    this.count = make("span", { class: "count" });
    this.element = make(
      "div",
      { class: "finding", role: "search" },
      make("label", { for: id }, label),
      this.field,
      this.count,
    );
    /** @type {((texts: string[]) => boolean) | null} */
    this.finds = null;
    this.field.addEventListener("input", () => {
      this.finds = finder(this.field.value);
      onchange();
    });
  }

  /**
   * The rows that have what was typed.
   * @template Row
   * @param {Row[]} rows @param {(row: Row) => string[]} words
   */
  of(rows, words) {
    const { finds } = this;
    return finds ? rows.filter((row) => finds(words(row))) : rows;
  }

  /** @param {number} shown @param {number} all */
  say(shown, all) {
    show(this.count, shown !== all);
    write(this.count, texts.filter.count(shown, number(shown), number(all)));
  }
}
