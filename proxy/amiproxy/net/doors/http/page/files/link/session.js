/** Session: whether somebody is logged in, and who. */

import { ApiError } from "./api.js";

/** Milliseconds between two looks at the session while it is in use; it would end after half an hour without a request. */
export const AGAIN = 600_000;

/**
 * @typedef {object} Asker what ``Api`` has
 * @property {(path: string) => Promise<any>} get
 * @property {(path: string, body?: object) => Promise<any>} post
 * @property {(path: string) => Promise<any>} delete
 */
/** @typedef {{set: (call: () => void, milliseconds: number) => any, clear: (timer: any) => void}} Timers */

/** @type {Timers} */
export const TIMERS = {
  set: (call, milliseconds) => setTimeout(call, milliseconds),
  clear: (timer) => clearTimeout(timer),
};

export class Session {
  /** @param {Asker} api @param {Timers} [timers] */
  constructor(api, timers = TIMERS) {
    this.api = api;
    this.timers = timers;
    /** @type {"unknown"|"in"|"out"} */
    this.state = "unknown";
    /** @type {any} what ``GET me`` says; null unless somebody is logged in */
    this.me = null;
    /** Called when ``state`` or the user changes. @type {() => void} */
    this.onchange = () => {};
    /** @type {any} */
    this.timer = null;
    /** @type {Promise<void>|null} */
    this.finding = null;
  }

  /**
   * Ask who is logged in.  An answer that is neither a user nor a refusal changes nothing: the server may be away.
   * @returns {Promise<void>}
   */
  find() {
    this.finding ??= this.ask().finally(() => {
      this.finding = null;
    });
    return this.finding;
  }

  async ask() {
    try {
      this.become("in", await this.api.get("me"));
    } catch (error) {
      const status = error instanceof ApiError ? error.status : 0;
      if (status === 401 || status === 403) this.become("out", null);
      else this.lookLater();
    }
  }

  /** Raises ApiError: 401 for a wrong secret, and for a user that may not use the page. @param {string} name @param {string} secret */
  async login(name, secret) {
    await this.api.post("session", { username: name, secret });
    await this.find();
  }

  /** The session is over here, whatever the server answers. */
  async logout() {
    try {
      await this.api.delete("session");
    } finally {
      this.become("out", null);
    }
  }

  /** @param {"in"|"out"} state @param {any} me */
  become(state, me) {
    const isNew = state !== this.state || me?.user !== this.me?.user;
    this.state = state;
    this.me = me;
    this.lookLater();
    if (isNew) this.onchange();
  }

  lookLater() {
    this.timers.clear(this.timer);
    this.timer = this.state === "in" ? this.timers.set(() => void this.find(), AGAIN) : null;
  }
}
