/** From which value on a figure is amber or red, and what the address of a wall asks for. */

/** @typedef {"calm" | "amber" | "red"} Level */
/** @typedef {{amber: number, red: number}} Pair */

/**
 * @typedef {object} Wanted
 * @property {Set<string> | null} queues names; null = all
 * @property {string} server "" = all
 * @property {Set<string>} show queues, agents
 * @property {Pair} serviceLevel per cent; below
 * @property {Pair} waiting callers; from this number on
 * @property {Pair} wait seconds; from this number on
 */

/**
 * Two numbers in any order; one number counts for both.
 * @param {string | null} text @param {Pair} otherwise @param {boolean} isLowBad
 * @returns {Pair}
 */
function pair(text, otherwise, isLowBad) {
  const given = (text ?? "").split(",").filter((part) => part.trim());
  const numbers = given.map(Number);
  if (!numbers.length || numbers.length > 2 || numbers.some((value) => !Number.isFinite(value))) return otherwise;
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  return isLowBad ? { amber: high, red: low } : { amber: low, red: high };
}

/** @param {string | null} text */
const names = (text) =>
  (text ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);

/**
 * @param {URLSearchParams} parameters
 * @returns {Wanted}
 */
export function wanted(parameters) {
  const queues = names(parameters.get("queues"));
  const show = names(parameters.get("show")).filter((name) => ["queues", "agents"].includes(name));
  return {
    queues: queues.length ? new Set(queues) : null,
    server: parameters.get("server") ?? "",
    show: new Set(show.length ? show : ["queues"]),
    serviceLevel: pair(parameters.get("sl"), { amber: 80, red: 60 }, true),
    waiting: pair(parameters.get("waiting"), { amber: 3, red: 6 }, false),
    wait: pair(parameters.get("wait"), { amber: 30, red: 60 }, false),
  };
}

/** @param {number | null} value @param {Pair} bounds @returns {Level} */
export function above(value, bounds) {
  if (value === null || value < bounds.amber) return "calm";
  return value < bounds.red ? "amber" : "red";
}

/** @param {number | null} value @param {Pair} bounds @returns {Level} */
export function below(value, bounds) {
  if (value === null || value >= bounds.amber) return "calm";
  return value >= bounds.red ? "amber" : "red";
}

/** @param {Level[]} levels @returns {Level} */
export const worst = (levels) => (levels.includes("red") ? "red" : levels.includes("amber") ? "amber" : "calm");

/**
 * The levels of a queue's figures, or of the totals; `now` is what people can still do something about, since a service
 * level of hours ago would colour a queue until midnight.
 * @param {{waiting: number, longestSince: number | null, serviceLevel: number | null}} row
 * @param {Wanted} bounds @param {number} now epoch seconds
 */
export function levels(row, bounds, now) {
  const waiting = above(row.waiting, bounds.waiting);
  const longest = above(row.longestSince === null ? null : now - row.longestSince, bounds.wait);
  const serviceLevel = below(row.serviceLevel, bounds.serviceLevel);
  return { waiting, longest, serviceLevel, now: worst([waiting, longest]) };
}

/**
 * How tiles fill a screen: as large as they can be, on several pages if they would be too small to read.
 * @param {number} count @param {number} width @param {number} height
 * @param {{width: number, height: number}} least the size below which a tile cannot be read
 */
export function tiling(count, width, height, least) {
  const most = {
    columns: Math.max(1, Math.floor(width / least.width)),
    rows: Math.max(1, Math.floor(height / least.height)),
  };
  const pages = Math.max(1, Math.ceil(count / (most.columns * most.rows)));
  const perPage = Math.max(1, Math.ceil(count / pages));
  const shape = least.width / least.height;
  let best = { columns: most.columns, rows: most.rows, size: 0 };
  for (let columns = 1; columns <= most.columns; columns += 1) {
    const rows = Math.ceil(perPage / columns);
    if (rows > most.rows) continue;
    // What a tile has more of width or height than its shape needs is of no use.
    const size = Math.min(width / columns, (height / rows) * shape);
    if (size > best.size) best = { columns, rows, size };
  }
  return { columns: best.columns, rows: best.rows, perPage, pages };
}
