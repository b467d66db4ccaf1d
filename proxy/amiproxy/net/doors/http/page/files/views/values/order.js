/** Sorting, finding, and which rows need not move. */

import { byName } from "./format.js";

/** @typedef {number | string | null} Sortable */

/**
 * Compares values of a column: numbers by size, texts as names; what is not known comes last.
 * @param {Sortable} one @param {Sortable} other @param {boolean} descending
 */
export function compare(one, other, descending) {
  if (one === other) return 0;
  if (one === null || one === "") return other === null || other === "" ? 0 : 1;
  if (other === null || other === "") return -1;
  const order = typeof one === "number" && typeof other === "number" ? one - other : byName(String(one), String(other));
  return descending ? -order : order;
}

/**
 * A sorted copy.  Equal rows are in the order of `tie`, so that they do not change places with each draw.
 * @template Row
 * @param {Row[]} rows @param {(row: Row) => Sortable} value @param {boolean} descending
 * @param {(row: Row) => string} tie
 */
export function sorted(rows, value, descending, tie) {
  const keyed = rows.map((row) => ({ row, value: value(row), tie: tie(row) }));
  keyed.sort((one, other) => {
    const order = compare(one.value, other.value, descending);
    if (order) return order;
    return one.tie < other.tie ? -1 : one.tie > other.tie ? 1 : 0;
  });
  return keyed.map((each) => each.row);
}

/** @param {string} text */
const folded = (text) =>
  text
    .normalize("NFKD")
    .replace(/\p{Mn}/gu, "")
    .toLowerCase();

/**
 * A test for texts that contain every word that was typed, in any order, without case and accents.
 * @param {string} typed
 * @returns {((texts: string[]) => boolean) | null} null if nothing was typed
 */
export function finder(typed) {
  const words = folded(typed).split(/\s+/).filter(Boolean);
  if (!words.length) return null;
  return (texts) => {
    const all = folded(texts.join("\n"));
    return words.every((word) => all.includes(word));
  };
}

/**
 * The largest set of indexes whose values rise: what stays in place when a list is put in order.
 * @param {number[]} values
 * @returns {Set<number>}
 */
export function rising(values) {
  /** @type {number[]} the index of the smallest end of a rising run, by its length - 1 */
  const ends = [];
  /** @type {number[]} the index before this one in its run */
  const before = [];
  values.forEach((value, index) => {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[ends[middle]] < value) low = middle + 1;
      else high = middle;
    }
    before[index] = low ? ends[low - 1] : -1;
    ends[low] = index;
  });
  const kept = new Set();
  for (let index = ends.length ? ends[ends.length - 1] : -1; index >= 0; index = before[index]) kept.add(index);
  return kept;
}
