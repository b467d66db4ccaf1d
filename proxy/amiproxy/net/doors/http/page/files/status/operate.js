/** What operators may do: end sessions, end the service, set the level of the log. */

import { texts } from "../texts.js";
import { make, write } from "../views/dom.js";
import { clip, number } from "../views/values/format.js";
import { ask } from "./dialog.js";

/** @typedef {import("../link/api.js").Api} Api */

const words = texts.status.operate;
const LEVELS = ["debug", "info", "warning", "error"];

/** @param {any} answer */
const kicked = (answer) => words.kicked(answer.kicked.length, number(answer.kicked.length));

export class Operate {
  /** @param {Api} api @param {() => void} onchange something was done @param {() => void} onend the service ends */
  constructor(api, onchange, onend) {
    this.api = api;
    this.onend = onend;
    this.onchange = onchange;
    this.sessions = 0;
    this.users = 0;
    this.level = "";
    const drain = make("button", { type: "button", "data-do": "ask-drain" }, words.drain);
    drain.addEventListener("click", () => this.drain());
    this.choice = make("select", { id: "log-level", "data-field": "log-level" });
    this.choice.append(...LEVELS.map((level) => make("option", { value: level }, level)));
    this.choice.addEventListener("change", () => this.setLevel());
    this.element = make(
      "div",
      { class: "controls", role: "group", "aria-label": words.title },
      make("label", { for: this.choice.id }, words.level),
      this.choice,
      drain,
    );
  }

  /** @param {any} status the answer of /status */
  draw(status) {
    this.sessions = status.authenticated + status.web_sessions;
    this.users = status.users_logged_in;
    if (document.activeElement !== this.choice) this.choice.value = status.log_level;
    this.level = status.log_level;
  }

  /** @param {any} session a row of /sessions */
  kickSession(session) {
    const name = clip(session.user ?? texts.status.nobody);
    ask(
      "kick",
      words.kickTitle,
      [words.kickSession(name, session.door, session.peer), words.mayReturn],
      words.kick,
      () => this.#kick(session.id),
    );
  }

  /** @param {string} user @param {number} sessions */
  kickUser(user, sessions) {
    const what = words.kickUser(clip(user), sessions, number(sessions));
    ask("kick", words.kickTitle, [what, words.mayReturn], words.kick, () => this.#kick(`user:${user}`));
  }

  /** @param {string} target */
  async #kick(target) {
    const answer = await this.api.post("kick", { target, confirm: "kick" });
    this.onchange();
    return kicked(answer);
  }

  drain() {
    const what = words.drainWhat(this.sessions, number(this.sessions), number(this.users));
    ask("drain", words.drainTitle, [what, words.drainEnds], words.drain, async () => {
      const answer = await this.api.post("drain", { confirm: "drain" });
      this.onend();
      return words.draining(number(answer.sessions), number(answer.in_flight));
    });
  }

  setLevel() {
    const level = this.choice.value;
    this.choice.value = this.level;
    if (level === this.level) return;
    ask("log-level", words.levelTitle, [words.levelWhat(this.level, level), words.levelUntil], words.set, async () => {
      const answer = await this.api.post("log-level", { level, confirm: "log-level" });
      this.onchange();
      return words.levelSet(answer.level);
    });
  }

  /** A button in a table's row. @param {() => void} work @param {string} label says what it ends, for screen readers */
  static button(work, label) {
    const button = make("button", { type: "button", "data-do": "ask-kick" });
    write(button, words.kick);
    button.setAttribute("aria-label", label);
    button.addEventListener("click", work);
    return button;
  }
}
