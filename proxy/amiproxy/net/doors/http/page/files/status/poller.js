/** Asks for the state of the service again and again: one request at a time, and none while nobody looks. */

/** @typedef {import("../link/api.js").Api} Api */

/** Seconds between the end of a round and the next. */
const PAUSE = 3;
/** What is asked for, and in which rounds: each, or one of so many. */
const PARTS = /** @type {const} */ ([
  ["status", 1],
  ["sessions", 1],
  ["denials", 1],
  ["upstream", 1],
  ["history", 4],
  ["limits", 4],
  ["certificates", 10],
]);
/** Lines about what was refused that are asked for. */
const LINES = 100;

/** @typedef {(typeof PARTS)[number][0]} Part */

export class Poller {
  /**
   * @param {Api} api
   * @param {(part: Part, answer: any, at: number) => void} onanswer `at` is when it came, in seconds of a clock
   * @param {(error: unknown) => void} onround a round has ended, with this error; null if it is whole
   */
  constructor(api, onanswer, onround) {
    this.api = api;
    this.onanswer = onanswer;
    this.onround = onround;
    this.isOn = false;
    this.isAsking = false;
    this.round = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.look = () => this.begin();
  }

  start() {
    this.isOn = true;
    document.addEventListener("visibilitychange", this.look);
    this.begin();
  }

  stop() {
    this.isOn = false;
    document.removeEventListener("visibilitychange", this.look);
    clearTimeout(this.timer);
  }

  /** Begins a round now, unless one is under way. */
  begin() {
    clearTimeout(this.timer);
    if (this.isOn && !document.hidden && !this.isAsking) void this.#ask();
  }

  async #ask() {
    this.isAsking = true;
    /** @type {unknown} */
    let error = null;
    try {
      for (const [part, every] of PARTS) {
        if (this.round % every) continue;
        const answer = await this.api.get(part === "denials" ? `denials?last=${LINES}` : part);
        if (!this.isOn) break;
        this.onanswer(part, answer, performance.now() / 1000);
      }
      this.round += 1;
    } catch (caught) {
      error = caught;
    }
    this.isAsking = false;
    if (!this.isOn) return;
    this.onround(error);
    this.timer = setTimeout(() => this.begin(), PAUSE * 1000);
  }
}
