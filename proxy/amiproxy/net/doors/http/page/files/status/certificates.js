/** The certificates that are served, with the days that are left, and the limits that were reached or are in use. */

import { texts } from "../texts.js";
import { make, mark, show } from "../views/dom.js";
import { Table, dim } from "../views/tables.js";
import { clip, number } from "../views/values/format.js";

const words = texts.status.certificates;
const limits = texts.status.limits;
/** Days left from which on a certificate is marked. */
const DAYS = { amber: 30, red: 7 };
const date = new Intl.DateTimeFormat(document.documentElement.lang || "en", { dateStyle: "medium" });

/** @param {number} days */
const level = (days) => (days <= DAYS.red ? "red" : days <= DAYS.amber ? "amber" : "");

/** @param {unknown} value of a limit: a number, a truth value, or a list of texts */
const most = (value) => (Number.isInteger(value) ? number(/** @type {number} */ (value)) : String(value));

export class Certificates {
  constructor() {
    /** @type {Table<any>} */
    this.table = new Table({
      name: "certificates",
      caption: words.title,
      key: (row) => row.key,
      tie: (row) => row.key,
      order: { field: "days", isFalling: false },
      columns: [
        { field: "names", label: words.names, kind: "text", text: (row) => [clip(row.names, 120), row.what] },
        { field: "listener", label: words.listener, kind: "text", text: (row) => row.listener },
        { field: "ends", label: words.ends, kind: "text", text: (row) => date.format(row.not_after * 1000) },
        {
          field: "days",
          label: words.days,
          kind: "number",
          text: (row) => words.left(Math.floor(row.days), number(Math.floor(row.days))),
          sort: (row) => row.days,
          dress: (cell, row) => mark(cell, "level", level(row.days)),
        },
      ],
      dress: ({ element, row }) => mark(element, "level", level(row.days)),
    });
    this.table.onorder = () => this.table.draw(this.rows, this.now);
    /** @type {any[]} */
    this.rows = [];
    this.now = 0;
    this.none = make("p", { class: "note" }, words.none);
    this.refused = make("ul", { class: "facts", "data-field": "refused" });
    this.element = make("div", {}, this.table.element, this.none, this.refused);
  }

  /** @param {any[]} answer @param {number} now epoch seconds */
  draw(answer, now) {
    this.now = now;
    this.rows = answer.flatMap((place) => [
      ...place.served.map((/** @type {any} */ one) => ({
        key: `${place.listener} ${one.sha256}`,
        names: one.names.join(texts.join) || one.subject,
        what: "",
        listener: place.listener,
        not_after: one.not_after,
        days: one.days_left,
      })),
      ...place.clients.map((/** @type {any} */ one) => ({
        key: `${place.listener} ${one.kind} ${one.name}`,
        names: one.name,
        what: one.kind,
        listener: place.listener,
        not_after: one.not_after,
        days: (one.not_after - now) / 86400,
      })),
    ]);
    this.table.draw(this.rows, now);
    show(this.table.element, this.rows.length > 0);
    show(this.none, !this.rows.length);
    this.refused.replaceChildren(
      ...answer.flatMap((place) =>
        place.waiting.map((/** @type {string} */ text) => make("li", {}, words.waiting(place.listener, text))),
      ),
    );
  }
}

export class Limits {
  constructor() {
    /** @type {Table<any>} */
    this.table = new Table({
      name: "limits",
      caption: limits.title,
      key: (row) => row.key,
      tie: (row) => row.key,
      order: null,
      columns: [
        { field: "name", label: limits.name, kind: "text", text: (row) => [row.name, row.server ?? ""] },
        {
          field: "used",
          label: limits.used,
          kind: "number",
          text: (row) => number(row.used),
          dress: (cell, row) => dim(cell, row.used),
        },
        { field: "value", label: limits.value, kind: "number", text: (row) => most(row.value) },
        {
          field: "hits",
          label: limits.hits,
          kind: "number",
          text: (row) => number(row.hits),
          dress: (cell, row) => {
            dim(cell, row.hits);
            mark(cell, "level", row.hits ? "amber" : "");
          },
        },
      ],
    });
  }

  /** @param {any[]} answer @param {number} now epoch seconds */
  draw(answer, now) {
    const rows = answer
      .filter((row) => row.hits || row.used !== null)
      .map((row) => ({ ...row, key: `${row.server ?? ""} ${row.name}` }));
    this.table.draw(
      rows.sort((one, other) => (other.hits ?? 0) - (one.hits ?? 0)),
      now,
    );
  }
}
