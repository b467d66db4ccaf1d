/** The links to Asterisk, and what is kept of the past and the present of each. */

import { texts } from "../texts.js";
import { make, mark } from "../views/dom.js";
import { Table, dim, figureColumn } from "../views/tables.js";
import { clip, duration, moment, number } from "../views/values/format.js";
import { bytes } from "./units.js";

const words = texts.status.servers;

/**
 * One row for each server: of an answer for several, or for the only one, which has no name.
 * @param {any} answer @returns {any[]}
 */
const each = (answer) => answer.servers ?? [{ ...answer, server: "" }];

/** A side link is closed while nothing needs it. */
const QUIET = ["closed", "opening", "connecting", "logging in"];

/** @param {any} link @returns {"up" | "down" | "unknown"} */
function stateOf(link) {
  if (link.state === "up") return "up";
  return QUIET.includes(link.state) ? "unknown" : "down";
}

export class Servers {
  constructor() {
    /** @type {Table<any>} */
    this.links = new Table({
      name: "links",
      caption: words.links,
      key: (row) => row.key,
      tie: (row) => row.key,
      order: null,
      columns: [
        { field: "server", label: words.server, kind: "text", text: (row) => [row.server || words.asterisk, words.uses[row.kind] ?? row.kind] },
        {
          field: "state",
          label: words.state,
          kind: "state",
          text: (row) => [words.linkStates[row.state] ?? row.state, clip(row.reason ?? "", 120)],
          dress: (cell, row) => mark(cell, "state", stateOf(row)),
        },
        { field: "place", label: words.place, kind: "text", text: (row) => [row.place, clip(row.banner ?? "", 60)] },
        figureColumn("in_flight", words.inFlight, (row) => row.in_flight),
        figureColumn("waiting", words.waiting, (row) => row.waiting),
        {
          field: "downs",
          label: words.downs,
          kind: "number",
          text: (row, now) => [row.downs === null ? texts.none : number(row.downs), row.lost ? moment(row.lost, now) : ""],
          dress: (cell, row) => dim(cell, row.downs ?? 0),
        },
      ],
    });
    /** @type {Table<any>} */
    this.history = new Table({
      name: "history",
      caption: words.history,
      key: (row) => row.key,
      tie: (row) => row.key,
      order: null,
      columns: [
        { field: "server", label: words.server, kind: "text", text: (row) => row.server || words.asterisk },
        { field: "kind", label: words.kind, kind: "text", text: (row) => row.kind },
        {
          field: "state",
          label: words.state,
          kind: "state",
          text: (row) => [words.kindStates[row.state] ?? row.state, clip(row.reason ?? "", 120)],
        },
        figureColumn("items", words.items, (row) => row.items),
        figureColumn("drift", words.drift, (row) => row.drift),
      ],
    });
    this.journals = make("ul", { class: "facts", "data-field": "journals" });
  }

  /** @param {any} answer of /upstream @param {number} now epoch seconds */
  drawLinks(answer, now) {
    const rows = each(answer).flatMap((/** @type {any} */ server) => [
      {
        ...server,
        key: server.server,
        kind: "",
        place: `${server.host}:${server.port}`,
        banner: server.banner,
        lost: server.last_loss?.at ?? null,
      },
      ...server.side_links.map((/** @type {any} */ side) => ({
        ...side,
        server: server.server,
        key: `${server.server} ${side.link}`,
        kind: side.link,
        place: texts.none,
        waiting: 0,
        downs: null, // It is closed when it is idle, which is no break.
        lost: null,
      })),
    ]);
    this.links.draw(rows, now);
  }

  /** @param {any} answer of /history @param {number} now epoch seconds */
  drawHistory(answer, now) {
    const servers = each(answer);
    this.history.draw(
      servers.flatMap((/** @type {any} */ server) =>
        (server.kinds ?? []).map((/** @type {any} */ kind) => ({
          ...kind,
          server: server.server,
          key: `${server.server} ${kind.kind}`,
        })),
      ),
      now,
    );
    this.journals.replaceChildren(
      ...servers.map((/** @type {any} */ server) => {
        const { journal } = server;
        const name = server.server || words.asterisk;
        return make(
          "li",
          {},
          journal
            ? words.journal(name, number(journal.events), bytes(journal.bytes), duration(journal.age))
            : words.noJournal(name),
        );
      }),
    );
  }
}
