/** Numbers, times and names as texts, in the language of the document. */

import { texts } from "../../texts.js";

const language = globalThis.document?.documentElement?.lang || "en";
const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const share = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 });
const time = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const exactTime = new Intl.DateTimeFormat(language, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short" });

/** Compares names as people sort them: without case, and "agent 9" before "agent 10". */
export const byName = new Intl.Collator(language, { numeric: true, sensitivity: "base" }).compare;

/** @param {number | null} value */
export const number = (value) => (value === null ? texts.none : whole.format(value));

/**
 * Rounded down, because 79.6 % must not look as if a target of 80 % were met.
 * @param {number | null} value in per cent
 */
export const percent = (value) => (value === null ? texts.none : share.format(Math.floor(value + 1e-9) / 100));

/** @param {number} value */
const two = (value) => String(value).padStart(2, "0");

/**
 * 0:07, 12:00, 3:04:05; from a day on with days, and without seconds.
 * @param {number | null} seconds
 */
export function duration(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return texts.none;
  const all = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60];
  if (hours >= 24) {
    const days = Math.floor(hours / 24);
    return texts.units.days(days, whole.format(days), `${two(hours % 24)}:${two(minutes)}`);
  }
  return hours ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${minutes}:${two(all % 60)}`;
}

/**
 * How long ago this was, in full seconds of the server's clock: that is when times tick, all at once.
 * @param {number | null} since epoch seconds @param {number} now epoch seconds
 */
export const age = (since, now) =>
  since === null ? texts.none : duration(Math.floor(now) - Math.floor(since));

/** @param {number} epoch seconds */
export const clock = (epoch) => exactTime.format(epoch * 1000);

/** Times that are less long ago cannot be mistaken for those of another day. */
const RECENT = 18 * 3600;

/**
 * The time of day, with the date if that was long ago.
 * @param {number | null} epoch seconds @param {number} now epoch seconds
 */
export function moment(epoch, now) {
  if (epoch === null) return texts.none;
  const clockTime = time.format(epoch * 1000);
  return Math.abs(now - epoch) < RECENT ? clockTime : `${day.format(epoch * 1000)} ${clockTime}`;
}

/**
 * At most so many characters, none of which controls a terminal: names come from callers, and can have thousands.
 * No character is cut in the middle.
 * @param {string} raw
 */
export function clip(raw, length = 80) {
  const text = raw.slice(0, length * 2 + 2).replace(/\p{Cc}/gu, " ");
  if (text.length <= length) return text;
  const characters = [...text];
  return characters.length <= length ? text : characters.slice(0, length).join("") + texts.cut;
}

/**
 * Name and number of somebody: the first to be shown large, the second beside it.
 * @param {{name: string, number: string, agent?: string} | null} party
 * @returns {[string, string]}
 */
export function partyTexts(party) {
  if (party === null) return [texts.none, ""];
  const name = party.agent || party.name;
  if (!name) return [clip(party.number) || texts.calls.unknown, ""];
  return [clip(name), party.number === name ? "" : clip(party.number)];
}
