/** Tiles whose elements are kept, moved, and written only where they differ. */

import { arrange, make } from "./dom.js";

/**
 * @template Row
 * @typedef {object} Tile
 * @property {Row} row
 * @property {HTMLElement} element
 * @property {Record<string, HTMLElement>} parts
 */

/** @template Row */
export class Tiles {
  /**
   * @param {string} name data-table
   * @param {(row: Row) => string} key
   * @param {(element: HTMLElement) => Record<string, HTMLElement>} begin makes the parts of a tile
   * @param {(tile: Tile<Row>, now: number) => void} fill
   */
  constructor(name, key, begin, fill) {
    this.element = make("ul", { role: "list", class: "tiles", "data-table": name });
    this.key = key;
    this.begin = begin;
    this.fill = fill;
    /** @type {Map<string, Tile<Row>>} */
    this.tiles = new Map();
  }

  /** @param {Row[]} rows in their order @param {number} now epoch seconds of the server */
  draw(rows, now) {
    /** @type {Map<string, Tile<Row>>} */
    const tiles = new Map();
    for (const row of rows) {
      const key = this.key(row);
      const known = this.tiles.get(key);
      const tile = known ?? this.#begin(key, row);
      if (known?.row !== row) {
        tile.row = row;
        this.fill(tile, now);
      }
      tiles.set(key, tile);
    }
    this.tiles = tiles;
    arrange(
      this.element,
      [...tiles.values()].map((tile) => tile.element),
    );
  }

  /** Writes every tile again. @param {number} now */
  refresh(now) {
    for (const tile of this.tiles.values()) this.fill(tile, now);
  }

  /** @param {string} key @param {Row} row @returns {Tile<Row>} */
  #begin(key, row) {
    const element = make("li", { "data-key": key });
    return { row, element, parts: this.begin(element) };
  }
}
