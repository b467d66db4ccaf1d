/** Trunks and endpoints, and the extensions as a field of lamps. */

import { texts } from "../texts.js";
import { make, mark, show, write } from "./dom.js";
import { Finding, Table, drawOrSay, figureColumn, stateColumn } from "./tables.js";
import { Tiles } from "./tiles.js";
import { clip, number } from "./values/format.js";
import { sorted } from "./values/order.js";

/** @typedef {import("./values/context.js").Context} Context */
/** @typedef {import("../model/types.js").ExtensionRow} ExtensionRow */
/** @typedef {import("../model/types.js").TrunkRow} TrunkRow */

const words = texts.lines;

/** What is down comes first. */
const TRUNK_STATES = ["down", "unknown", "up"];

/** @param {TrunkRow} row */
const wordsOfTrunk = (row) => [row.name, row.technology, row.address, row.server, texts.states[row.state]];

/** @param {ExtensionRow} row */
const wordsOfExtension = (row) => [row.exten, row.context, row.presence, row.text, row.server, texts.states[row.state]];

export class Lines {
  /** @param {Context} context @param {HTMLElement} element */
  constructor(context, element) {
    this.context = context;
    this.element = element;
    this.groups = ["lines", "calls"];
    this.finding = new Finding("find-lines", words.filter, words.filterHint, () => this.draw());
    this.trunks = this.#trunks();
    this.trunks.onorder = () => this.draw();
    this.extensions = new Tiles(
      "extensions",
      (/** @type {ExtensionRow} */ row) => row.key,
      (tile) => {
        const parts = { exten: make("bdi"), state: make("span"), presence: make("bdi", { class: "aside" }) };
        tile.append(parts.exten, parts.state, parts.presence);
        return parts;
      },
      ({ row, element: tile, parts }) => {
        mark(tile, "state", row.state);
        mark(tile, "stale", context.staleness(row));
        write(parts.exten, clip(row.exten));
        write(parts.state, texts.states[row.state]);
        write(
          parts.presence,
          [row.presence, row.text, row.server]
            .filter(Boolean)
            .map((text) => clip(text, 40))
            .join(texts.join),
        );
      },
    );
    this.noTrunks = make("p", { class: "notice" });
    this.noExtensions = make("p", { class: "notice" });
    element.append(
      make("h2", { class: "unseen" }, words.title),
      make("div", { class: "controls" }, this.finding.element),
      make("h3", {}, words.trunks),
      this.trunks.element,
      this.noTrunks,
      make("h3", {}, words.extensions),
      this.extensions.element,
      this.noExtensions,
    );
  }

  #trunks() {
    const { context } = this;
    return new Table({
      name: "trunks",
      caption: words.trunks,
      key: (/** @type {TrunkRow} */ row) => row.key,
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
        {
          field: "technology",
          label: words.technology,
          kind: "text",
          sort: (row) => row.technology,
          text: (row) => clip(row.technology, 20),
        },
        stateColumn(words.state, (/** @type {TrunkRow} */ row) => TRUNK_STATES.indexOf(row.state)),
        {
          field: "address",
          label: words.address,
          kind: "text",
          sort: (row) => row.address,
          text: (row) => clip(row.address) || texts.none,
        },
        {
          field: "rtt",
          label: words.rtt,
          kind: "number",
          isFalling: true,
          sort: (row) => row.rtt,
          text: (row) => (row.rtt === null ? texts.none : texts.units.milliseconds(number(row.rtt))),
        },
        figureColumn("channels", words.channels, (row) => row.channels, true),
      ],
    });
  }

  draw() {
    const { context, finding } = this;
    const noTrunks = context.missing("endpoints");
    const noExtensions = context.missing("extensions");
    const allTrunks = noTrunks ? [] : context.board.trunks();
    const allExtensions = noExtensions ? [] : context.board.extensions();
    const trunks = finding.of(allTrunks, wordsOfTrunk);
    const extensions = finding.of(allExtensions, wordsOfExtension);
    const all = allTrunks.length + allExtensions.length;
    finding.say(trunks.length + extensions.length, all);
    show(finding.element, all > 0);
    const whyNoTrunks = noTrunks || (allTrunks.length ? words.noMatch : words.noTrunks);
    drawOrSay(this.trunks, this.noTrunks, trunks, whyNoTrunks, context.now);
    const inOrder = sorted(
      extensions,
      (row) => row.exten,
      false,
      (row) => row.key,
    );
    const whyNoExtensions = noExtensions || (allExtensions.length ? words.noMatch : words.noExtensions);
    drawOrSay(this.extensions, this.noExtensions, inOrder, whyNoExtensions, context.now);
  }

  tick() {
    this.trunks.tick(this.context.now);
  }

  refresh() {
    this.trunks.refresh(this.context.now);
    this.extensions.refresh(this.context.now);
  }
}
