/** What all views need to know. */

import { texts } from "../../texts.js";

/** @typedef {import("../../model/board.js").Board} Board */

/** Which classes a user must read to see a kind: one of them. @type {Record<string, string[]>} */
const RIGHTS = {
  queues: ["agent"],
  agents: ["agent"],
  channels: ["call"],
  parked: ["call"],
  conferences: ["call"],
  extensions: ["call"],
  endpoints: ["call", "system"],
};

export class Context {
  /** @param {Board} board @param {{now(): number}} clock */
  constructor(board, clock) {
    this.board = board;
    this.clock = clock;
    /** @type {import("./thresholds.js").Wanted} */
    this.bounds = /** @type {any} */ (null);
    /** @type {Set<string>} servers whose rows are old */
    this.away = new Set();
    /** @type {Set<string>} classes that the user reads, at one server at least */
    this.read = new Set();
  }

  get now() {
    return this.clock.now();
  }

  /** Data of a row, by the name of its server. @param {{server: string}} row */
  staleness(row) {
    return this.away.has(row.server) ? "yes" : "";
  }

  /**
   * Why nothing of this kind can be shown; "" if it can be.
   * @param {string} kind @param {string} [shown] what is made of it, if it has another name
   */
  missing(kind, shown = kind) {
    if (!this.board.missing.has(kind)) return "";
    /** @type {Record<string, string>} */
    const kinds = texts.missing.kinds;
    const rights = RIGHTS[kind] ?? [];
    const mayRead = rights.some((right) => this.read.has(right) || this.read.has("all"));
    return mayRead ? texts.missing.unknown(kinds[shown]) : texts.missing.forbidden(kinds[shown], rights[0]);
  }
}
