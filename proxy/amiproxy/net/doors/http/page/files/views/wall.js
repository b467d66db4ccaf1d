/** The wall: totals and tiles that are read from far away, on a television that nobody touches. */

import { texts } from "../texts.js";
import { AGENT_STATES } from "./agents.js";
import { make, mark, show, write } from "./dom.js";
import { Tiles } from "./tiles.js";
import { Totals, sums } from "./totals.js";
import { age, clip, clock, number, percent } from "./values/format.js";
import { sorted } from "./values/order.js";
import { levels, tiling } from "./values/thresholds.js";

/** @typedef {import("./values/context.js").Context} Context */
/** @typedef {import("../model/types.js").QueueRow} QueueRow */
/** @typedef {import("../model/types.js").AgentRow} AgentRow */

const words = texts.wall;
/** Seconds that a page of tiles is shown if there are several. */
const PAGE = 10;
/** Such a screen is held in a hand: it shows all tiles, and scrolls.  wall.css has the same bound. */
const NARROW = matchMedia("(width < 40rem)");
/** Milliseconds that the cursor and the link to leave stay after the pointer moved. */
const POINTER = 3000;

/** @param {string} label @param {string} field */
function figure(label, field) {
  const value = make("dd");
  return { value, box: make("div", { "data-field": field }, make("dt", {}, label), value) };
}

export class Wall {
  /** @param {Context} context @param {HTMLElement} element */
  constructor(context, element) {
    this.context = context;
    this.element = element;
    this.groups = ["queues", "agents", "calls"];
    this.time = make("time");
    this.leave = make("a", { href: "#queues", class: "leave" }, words.leave);
    this.pages = make("p", { class: "pages" });
    this.unknown = make("p", { "data-field": "unknown" });
    this.sums = make("section", { class: "sums" });
    this.totals = new Totals(context, this.sums);
    this.queues = this.#queueTiles();
    this.agents = this.#agentTiles();
    this.notice = make("p", { class: "notice" });
    this.login = make("div", { class: "outside" });
    this.login.append(make("h2", {}, words.logIn(location.origin + location.pathname)), make("p", {}, words.logInWhy));
    this.board = make("div", { class: "wallboard" }, this.sums, this.queues.element, this.notice, this.agents.element);
    element.append(
      make("h1", { class: "unseen" }, texts.tabs.wall),
      this.board,
      this.login,
      make("div", { class: "corner" }, this.leave, this.unknown, this.pages, this.time),
    );
    this.isOn = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.pointer = undefined;
    /** @type {{released: boolean, release(): Promise<void>} | null} */
    this.lock = null;
    addEventListener("pointermove", () => this.#point());
    addEventListener("resize", () => this.isOn && this.draw());
    document.addEventListener("visibilitychange", () => void this.#awake());
  }

  #queueTiles() {
    const { context } = this;
    return new Tiles(
      "wall-queues",
      (/** @type {QueueRow} */ row) => row.key,
      (tile) => {
        const [waiting, longest] = [figure(words.waiting, "waiting"), figure(words.longest, "longest")];
        const [free, talking] = [figure(words.free, "free"), figure(words.talking, "talking")];
        const [paused, level] = [figure(words.paused, "paused"), figure(words.serviceLevel, "serviceLevel")];
        const [name, server] = [make("bdi"), make("bdi", { class: "aside" })];
        const sign = make("span", { class: "level" });
        tile.append(
          make("h2", {}, name, server),
          sign,
          make("dl", { class: "large" }, waiting.box, longest.box),
          make("dl", { class: "small" }, free.box, talking.box, paused.box, level.box),
        );
        return {
          name,
          server,
          sign,
          waiting: waiting.value,
          longest: longest.value,
          free: free.value,
          talking: talking.value,
          paused: paused.value,
          serviceLevel: level.value,
          levelBox: level.box,
        };
      },
      ({ row, element, parts }, now) => {
        const level = levels(row, context.bounds, now);
        mark(element, "level", level.now);
        mark(element, "stale", context.staleness(row));
        mark(element, "zero", row.waiting ? "" : "yes");
        mark(parts.levelBox, "level", level.serviceLevel);
        write(parts.name, clip(row.name, 40));
        write(parts.server, clip(row.server, 40));
        write(parts.sign, texts.levels[level.now]);
        write(parts.waiting, number(row.waiting));
        write(parts.longest, age(row.longestSince, now));
        write(parts.free, number(row.free));
        write(parts.talking, number(row.talking));
        write(parts.paused, number(row.paused));
        write(parts.serviceLevel, percent(row.serviceLevel));
      },
    );
  }

  #agentTiles() {
    const { context } = this;
    return new Tiles(
      "wall-agents",
      (/** @type {AgentRow} */ row) => row.key,
      (tile) => {
        const parts = {
          name: make("bdi", { class: "name" }),
          state: make("span", { class: "state" }),
          since: make("span", { class: "since" }),
        };
        tile.append(parts.name, parts.state, parts.since);
        return parts;
      },
      ({ row, element, parts }, now) => {
        mark(element, "state", row.state);
        mark(element, "stale", context.staleness(row));
        write(parts.name, clip(row.name, 40));
        write(parts.state, row.state === "paused" && row.reason ? clip(row.reason, 30) : texts.states[row.state]);
        write(parts.since, age(row.since, now));
      },
    );
  }

  /** @param {boolean} isOn */
  turn(isOn) {
    this.isOn = isOn;
    this.#point();
    void this.#awake();
  }

  /** The cursor hides, and with it the link to leave, when the pointer rests. */
  #point() {
    if (!this.isOn) return;
    mark(document.body, "pointer", "yes");
    clearTimeout(this.pointer);
    this.pointer = setTimeout(() => mark(document.body, "pointer", ""), POINTER);
  }

  /** Keeps the screen on.  The browser takes the lock away when the page is hidden. */
  async #awake() {
    if (!this.isOn || document.hidden) {
      if (!this.isOn) await this.lock?.release();
      return;
    }
    if (this.lock && !this.lock.released) return;
    try {
      this.lock = await navigator.wakeLock.request("screen");
    } catch {
      this.lock = null; // Not over HTTP, not with a low battery: then the television's own settings count.
    }
  }

  /** @param {boolean} isLoggedIn */
  admit(isLoggedIn) {
    show(this.board, isLoggedIn);
    show(this.login, !isLoggedIn);
  }

  draw() {
    const { context } = this;
    const { board, bounds, now } = context;
    const missing = context.missing("queues");
    const isWanted = (/** @type {{server: string}} */ row) =>
      !bounds.server || row.server === bounds.server || !row.server;
    const allQueues = missing ? [] : board.queues().filter((row) => isWanted(row) && this.#isShown(row));
    const allAgents = missing ? [] : board.agents().filter((row) => isWanted(row) && this.#isIn(row));
    this.totals.draw(sums(allQueues, allAgents, board.calls().filter(isWanted).length), allQueues);
    const hasQueues = bounds.show.has("queues");
    const hasAgents = bounds.show.has("agents");
    const queues = hasQueues ? allQueues : [];
    const agents = hasAgents ? allAgents.filter((row) => row.state !== "away") : [];
    show(this.queues.element, queues.length > 0);
    show(this.agents.element, agents.length > 0);
    show(this.notice, queues.length === 0 && (hasQueues || agents.length === 0));
    write(this.notice, missing || (bounds.queues ? words.noQueues : texts.queues.empty));
    // A name with a typing error would otherwise be missed by nobody.
    const names = new Set(missing ? [] : board.queues().map((row) => row.name));
    const unknown = missing || !bounds.queues ? [] : [...bounds.queues].filter((name) => !names.has(name));
    show(this.unknown, unknown.length > 0 && queues.length > 0);
    write(this.unknown, words.noSuchQueues(clip(unknown.join(texts.join), 120)));
    const byState = sorted(
      agents,
      (row) => AGENT_STATES.indexOf(row.state),
      false,
      (row) => row.name,
    );
    // Tiles keep their places, so that people find a queue where it was.
    const byName = sorted(
      queues,
      (row) => row.name,
      false,
      (row) => row.key,
    );
    const [width, height] = [innerWidth, innerHeight];
    const pages = Math.max(
      this.#page(this.queues, byName, { width: Math.max(190, width / 6), height: Math.max(130, height / 5) }),
      this.#page(this.agents, byState, { width: Math.max(150, width / 9), height: Math.max(44, height / 16) }),
    );
    show(this.pages, pages > 1);
    if (pages > 1) write(this.pages, words.page(number((Math.floor(now / PAGE) % pages) + 1), number(pages)));
    write(this.time, clock(now));
  }

  /** @param {QueueRow} row */
  #isShown(row) {
    return this.context.bounds.queues?.has(row.name) ?? true;
  }

  /** Whether an agent is in a queue that this wall shows. @param {AgentRow} row */
  #isIn(row) {
    const { queues } = this.context.bounds;
    return queues === null || row.queues.some((queue) => queues.has(queue.name));
  }

  /**
   * Draws the page of the tiles whose turn it is.
   * @template Row
   * @param {Tiles<Row>} tiles @param {Row[]} rows @param {{width: number, height: number}} least
   */
  #page(tiles, rows, least) {
    const { now } = this.context;
    if (!rows.length || NARROW.matches) {
      tiles.element.style.setProperty("--columns", String(Math.max(1, Math.floor(innerWidth / least.width))));
      tiles.draw(rows, now);
      return 1;
    }
    const { element } = tiles;
    const {
      columns,
      rows: lines,
      perPage,
      pages,
    } = tiling(rows.length, element.clientWidth, element.clientHeight, least);
    const page = Math.floor(now / PAGE) % pages;
    element.style.setProperty("--columns", String(columns));
    element.style.setProperty("--rows", String(lines));
    tiles.draw(rows.slice(page * perPage, (page + 1) * perPage), now);
    return pages;
  }

  tick() {
    this.draw();
    this.refresh();
  }

  refresh() {
    this.queues.refresh(this.context.now);
    this.agents.refresh(this.context.now);
  }
}
