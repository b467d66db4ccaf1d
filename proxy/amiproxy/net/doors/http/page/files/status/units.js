/** Sizes and rates as texts. */

import { texts } from "../texts.js";
import { number } from "../views/values/format.js";

const words = texts.status.units;
const KIB = 1024;

/** @param {number} value */
export function bytes(value) {
  if (value < KIB) return words.bytes(number(value));
  return value < KIB * KIB ? words.kib(number(value / KIB)) : words.mib(number(value / (KIB * KIB)));
}

/** @param {number | null} value of something in a second */
export function rate(value) {
  if (value === null) return texts.none;
  return words.rate(value > 0 && value < 10 ? value.toFixed(1) : number(value));
}
