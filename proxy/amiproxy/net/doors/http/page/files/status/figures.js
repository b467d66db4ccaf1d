/** The figures of the service: its state and version, rates, lag, and clients that are too slow. */

import { texts } from "../texts.js";
import { make, mark, write } from "../views/dom.js";
import { duration, number, percent } from "../views/values/format.js";
import { bytes, rate } from "./units.js";

const words = texts.status.figures;
/** Seconds of lag from which on they are marked. */
const LAG = { amber: 0.1, red: 0.5 };
/** Seconds over which clients that were too slow are counted. */
const RECENT = 600;

/** @typedef {{at: number, status: any}} Answer */

/** @param {Answer | null} before @param {Answer} now @param {(status: any) => number} of */
function perSecond(before, now, of) {
  if (!before || before.status.started !== now.status.started || now.at <= before.at) return null;
  return Math.max(0, of(now.status) - of(before.status)) / (now.at - before.at);
}

export class Figures {
  constructor() {
    this.element = make("dl", { class: "figures", "data-table": "figures" });
    /** @type {Map<string, {box: HTMLElement, value: HTMLElement}>} */
    this.places = new Map();
    /** @type {Answer | null} */
    this.before = null;
    /** How many clients had been too slow, at times. @type {{at: number, all: number}[]} */
    this.slow = [];
  }

  /** @param {string} field @param {string} label @param {string} text @param {string} [level] */
  #show(field, label, text, level = "") {
    let place = this.places.get(field);
    if (!place) {
      const value = make("dd");
      place = { box: make("div", { "data-field": field }, make("dt", {}, label), value), value };
      this.places.set(field, place);
      this.element.append(place.box);
    }
    write(place.value, text);
    mark(place.box, "level", level);
  }

  /** The service was told to end. */
  end() {
    this.#show("state", words.state, words.states.draining, "amber");
  }

  /** @param {any} status @param {number} at seconds of any clock */
  draw(status, at) {
    const now = { at, status };
    const { before } = this;
    const { counters } = status;
    if (before?.status.started !== status.started) this.slow = [];
    this.slow.push({ at, all: counters.slow_consumers });
    while (this.slow[0].at < at - RECENT) this.slow.shift();
    const slow = counters.slow_consumers - this.slow[0].all;
    const cpu = perSecond(before, now, (one) => one.cpu_seconds);
    const lag = status.loop_lag;
    const of = (/** @type {string} */ name) => rate(perSecond(before, now, (one) => one.counters[name]));
    this.#show(
      "state",
      words.state,
      words.states[status.state] ?? status.state,
      status.state === "serving" ? "" : "amber",
    );
    this.#show("version", words.version, status.version);
    this.#show("uptime", words.uptime, duration(status.uptime));
    this.#show("users", words.users, number(status.users_logged_in));
    this.#show("sessions", words.sessions, number(status.authenticated + status.web_sessions));
    this.#show("connections", words.connections, number(status.connections));
    this.#show("events", words.events, of("events_in"));
    this.#show("deliveries", words.deliveries, of("deliveries"));
    this.#show("actions", words.actions, of("actions"));
    this.#show("denied", words.denied, number(counters.denied));
    this.#show(
      "lag",
      words.lag,
      texts.units.milliseconds(number(lag * 1000)),
      lag >= LAG.red ? "red" : lag >= LAG.amber ? "amber" : "",
    );
    this.#show("cpu", words.cpu, percent(cpu === null ? null : cpu * 100));
    this.#show("outbox", words.outbox, bytes(status.outbox_bytes));
    this.#show("slow", words.slow, words.slowOf(number(slow), number(counters.slow_consumers)), slow ? "amber" : "");
    this.before = now;
  }
}
