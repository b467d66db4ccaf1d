/**
 * The state of the service, for operators: what `ami-proxy ctl` shows, asked for every few seconds.
 *
 * Tests find things by these attributes: [data-table] figures, links, sessions, users, denials, certificates,
 * limits, history; in them [data-key] and [data-field] as in the other tables; #status-error; [data-do] of
 * buttons, [data-dialog] of dialogs, in which explain has [data-field] message, change, opens, lines.
 */

import { texts } from "../texts.js";
import { make, mark, show, write } from "../views/dom.js";
import { duration } from "../views/values/format.js";
import { Certificates, Limits } from "./certificates.js";
import { Denials } from "./denials.js";
import { errorText } from "./dialog.js";
import { Figures } from "./figures.js";
import { Operate } from "./operate.js";
import { Poller } from "./poller.js";
import { Servers } from "./servers.js";
import { Sessions } from "./sessions.js";

const words = texts.status;
/** Seconds after which figures without newer ones are old. */
const OLD = 10;

/** @param {string} name @param {string} title @param {Node[]} parts */
const section = (name, title, ...parts) =>
  make("section", { class: "part", "data-part": name, "aria-label": title }, make("h3", {}, title), ...parts);

/**
 * @param {HTMLElement} element
 * @param {{api: import("../link/api.js").Api, me: any, clock: import("../link/clock.js").Clock}} given
 * @returns {{show(): void, hide(): void}}
 */
export function mount(element, { api, me, clock }) {
  const again = () => poller.begin();
  const operate = me.may_operate ? new Operate(api, again, end) : null;
  const figures = new Figures();
  const sessions = new Sessions(operate);
  const denials = new Denials(api);
  const servers = new Servers();
  const certificates = new Certificates();
  const limits = new Limits();
  const notice = make("p", { class: "notice" }, words.asking);
  const problem = make("p", { id: "status-error", role: "alert" });
  const ending = make("p", { class: "ending", role: "status" }, words.ending);
  const parts = make(
    "div",
    { class: "parts" },
    section("denials", words.denials.title, denials.element),
    section("links", words.servers.links, servers.links.element),
    section("certificates", words.certificates.title, certificates.element),
    section("sessions", words.sessions.title, sessions.sessions.element),
    section("users", words.sessions.byUser, sessions.users.element),
    section("limits", words.limits.title, limits.table.element),
    section("history", words.servers.history, servers.journals, servers.history.element),
  );
  const body = make("div", {}, figures.element, ...(operate ? [operate.element] : []), parts);
  element.append(make("h2", { class: "unseen" }, words.title), problem, ending, notice, body);
  for (const each of [problem, ending, body]) show(each, false);

  let heardAt = 0;
  let isEnding = false;
  /** @type {number | null} */
  let startedBefore = null;
  let errorShown = "";
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;

  /** From now on the page says so, also if no later answer does: the service may end sooner. */
  function end() {
    isEnding = true;
    figures.end();
    show(ending, true);
  }

  const draw = /** @type {Record<string, (answer: any, at: number) => void>} */ ({
    status(answer, at) {
      figures.draw(answer, at);
      operate?.draw(answer);
      startedBefore ??= answer.started;
      if (answer.state !== "serving") end();
      else if (answer.started !== startedBefore) isEnding = false; // It was started again.
      startedBefore = answer.started;
      show(ending, isEnding);
    },
    sessions: (answer) => sessions.draw(answer, clock.now()),
    denials: (answer) => denials.draw(answer, clock.now()),
    upstream: (answer) => servers.drawLinks(answer, clock.now()),
    history: (answer) => servers.drawHistory(answer, clock.now()),
    limits: (answer) => limits.draw(answer, clock.now()),
    certificates: (answer) => certificates.draw(answer, clock.now()),
  });

  const poller = new Poller(
    api,
    (part, answer, at) => draw[part](answer, at),
    (error) => {
      errorShown = error ? errorText(error) : "";
      if (!error) {
        heardAt = performance.now() / 1000;
        show(notice, false);
        show(body, true);
      }
      tick();
    },
  );

  function tick() {
    const old = heardAt ? performance.now() / 1000 - heardAt : 0;
    const isOld = Boolean(errorShown) || old > OLD;
    mark(body, "stale", heardAt && isOld ? "yes" : "");
    if (isOld) {
      const hasEnded = isEnding && Boolean(errorShown);
      if (hasEnded) show(ending, false);
      const why = hasEnded ? words.ended : errorShown || words.silence;
      write(problem, heardAt ? words.old(duration(old), why) : why);
    }
    show(problem, isOld);
    show(notice, !heardAt && !isOld);
    if (isOld) return;
    sessions.tick(clock.now());
    denials.tick(clock.now());
  }

  return {
    show() {
      clearInterval(timer);
      timer = setInterval(tick, 1000);
      poller.start();
    },
    hide() {
      clearInterval(timer);
      poller.stop();
    },
  };
}
