/** The sign in the header that says "live", and the band across a board whose figures are old. */

import { texts } from "../texts.js";
import { mark, show, write } from "./dom.js";
import { age } from "./values/format.js";

const words = texts.freshness;
/** Lists of a large Asterisk arrive within seconds; after this long the page says that they do not. */
const LONG = 5;

/** @typedef {import("./values/freshness.js").Verdict} Verdict */

export class Staleness {
  /** @param {{band: HTMLElement, sign: HTMLElement, announcer: HTMLElement, notice: HTMLElement}} places */
  constructor(places) {
    this.places = places;
    /** @type {number | null} */
    this.waitingSince = null;
  }

  /** @param {Verdict} verdict @param {number} now epoch seconds */
  draw(verdict, now) {
    const { band, sign, announcer, notice } = this.places;
    const { state } = verdict;
    const isOld = state === "stale" || verdict.servers.length > 0;
    mark(document.body, "stale", state === "stale" ? "yes" : "");
    mark(document.body, "ready", state === "waiting" ? "" : "yes");
    mark(sign, "state", isOld ? "stale" : state);
    write(sign, this.#sign(verdict));
    const reason = verdict.reason ? words.reasons[verdict.reason] : "";
    show(band, isOld);
    if (isOld) {
      const since = age(verdict.since, now);
      write(
        band,
        verdict.servers.length
          ? words.bandOfServers(verdict.servers.join(texts.join), since, reason)
          : words.band(since, reason),
      );
    }
    // The band counts seconds, which nobody wants to be read aloud; the announcer speaks when this changes.
    write(announcer, isOld ? [...verdict.servers, reason].join(texts.join) : state === "live" ? words.live : "");
    this.#wait(verdict, notice, now);
  }

  /** @param {Verdict} verdict */
  #sign({ state, servers }) {
    if (state === "waiting") return words.waiting;
    if (state === "stale") return words.old;
    return servers.length ? words.partlyOld : words.live;
  }

  /** @param {Verdict} verdict @param {HTMLElement} notice @param {number} now */
  #wait(verdict, notice, now) {
    const isWaiting = verdict.state === "waiting";
    show(notice, isWaiting);
    if (!isWaiting) {
      this.waitingSince = null;
      return;
    }
    this.waitingSince ??= now;
    const isLong = now - this.waitingSince > LONG;
    if (verdict.reason === "socket") write(notice, words.connecting);
    else if (verdict.reason === "link") write(notice, words.waitingBecause(words.reasons.link));
    else write(notice, isLong ? words.waitingLong : words.waiting);
  }
}
