/** Reading headers.  Callers choose values, and may write headers that Asterisk did not: a forged one occurs twice. */

/** @typedef {import("./types.js").Data} Data */

/** Seconds by which the same beginning may differ from one snapshot to the next: they tell whole seconds that have passed. */
export const NEAR = 2;

/** The first value of a header; "" if it is missing. @param {Data} data @param {string} name @returns {string} */
export function get(data, name) {
  const value = data[name];
  if (typeof value === "string") return value;
  return Array.isArray(value) && typeof value[0] === "string" ? value[0] : "";
}

/**
 * The value of a header if all its occurrences agree, else "".  For whatever identifies an item.
 * @param {Data} data @param {string} name @returns {string}
 */
export function only(data, name) {
  const value = data[name];
  if (typeof value === "string") return value;
  return Array.isArray(value) && value.every((one) => one === value[0]) ? get(data, name) : "";
}

/** Whether the header is there, even if empty. @param {Data} data @param {string} name */
export function has(data, name) {
  return data[name] !== undefined;
}

/** The number that a value of at most 18 digits is; 0 for anything else. @param {string} value @returns {number} */
export function number(value) {
  return value.length <= 18 && /^[0-9]+$/.test(value) ? Number(value) : 0;
}

/** A time in epoch seconds; null for none. @param {string} value @returns {number|null} */
export function time(value) {
  return number(value) || null;
}

/** A percentage such as ``66.7``; 0 for anything else. @param {string} value @returns {number} */
export function decimal(value) {
  return value.length <= 18 && /^[0-9]*\.?[0-9]*$/.test(value) && /[0-9]/.test(value) ? Math.min(100, Number(value)) : 0;
}

/** The seconds of ``00:01:05``; null for anything else. @param {string} value @returns {number|null} */
export function duration(value) {
  const found = value.length < 18 ? /^([0-9]{1,5}):([0-9]{1,5}):([0-9]{1,5})$/.exec(value) : null;
  return found ? Number(found[1]) * 3600 + Number(found[2]) * 60 + Number(found[3]) : null;
}

/** A name or number as it is shown: "" if Asterisk knows none. @param {string} value */
export function known(value) {
  return value === "<unknown>" || value === "unknown" ? "" : value;
}

/** The device of a channel: ``PJSIP/alice`` of ``PJSIP/alice-0000000a``. @param {string} channel */
export function deviceOf(channel) {
  const end = channel.lastIndexOf("-");
  return end > 0 ? channel.slice(0, end) : channel;
}

/** Whether a channel is one of Asterisk's own, which double other channels or serve a bridge. @param {string} channel */
export function isInternal(channel) {
  const end = channel.indexOf("/");
  return end > 0 && INTERNAL.has(channel.slice(0, end));
}

const INTERNAL = new Set(["Local", "Announcer", "CBAnn", "CBRec", "Recorder", "Snoop", "Message", "Surrogate"]);

/** The first header of those given that is not empty. @param {Data} data @param {string[]} names */
export function either(data, ...names) {
  for (const name of names) {
    const value = get(data, name);
    if (value) return value;
  }
  return "";
}
