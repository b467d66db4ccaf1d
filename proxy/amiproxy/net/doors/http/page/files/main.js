/**
 * The page: joins the link to the proxy, the model and the views.
 *
 * Tests find things by these attributes:
 * - body[data-view]: queues, calls, agents, lines, status, wall, login, or start before it is known who looks.
 * - body[data-ready]: there while the board has been filled by a snapshot.
 * - body[data-stale]: there while all figures are old; [data-stale] of a row or tile: those of its server are.
 * - body[data-session]: unknown, in, out.  body[data-pointer]: there while the pointer moves on a wall.
 * - [data-table]: queues, callers, members, calls, agents, trunks, extensions, wall-queues, wall-agents.
 *   In them [data-key] is a row, with the `key` of its row of the model, and [data-field] a cell.
 *   The first bdi of a cell has the value, .aside what stands beside it.
 * - [data-state]: of a cell, row, or tile, the state (free, ringing, ...); of .sign in the header: waiting, live, stale.
 * - [data-level]: calm, amber, red; of a row or tile that of its callers and their wait, of a figure its own.
 * - #totals [data-field] dd: the totals; #band: the band across an old board; #login [data-field=error].
 */

import { Api } from "./link/api.js";
import { Clock } from "./link/clock.js";
import { Feed, socketUrl } from "./link/feed.js";
import { Inbox } from "./link/inbox.js";
import { Session } from "./link/session.js";
import { Board, CLASSES, KINDS } from "./model/board.js";
import { texts } from "./texts.js";
import { Agents } from "./views/agents.js";
import { Calls } from "./views/calls.js";
import { mark, place, show, write } from "./views/dom.js";
import { Drawer } from "./views/draw.js";
import { Header } from "./views/header.js";
import { Lines } from "./views/lines.js";
import { Login } from "./views/login.js";
import { Queues } from "./views/queues.js";
import { Staleness } from "./views/staleness.js";
import { Totals } from "./views/totals.js";
import { Context } from "./views/values/context.js";
import { Freshness } from "./views/values/freshness.js";
import { address, route } from "./views/values/route.js";
import { wanted } from "./views/values/thresholds.js";
import { Wall } from "./views/wall.js";

/** @typedef {{draw(): void, tick(): void, refresh(): void, groups: string[], element: HTMLElement}} View */
/** @typedef {import("./views/values/freshness.js").Verdict} Verdict */

/** Seconds between two looks whether somebody has logged in at a wall, or the proxy is back. */
const LOOK_AGAIN = { wall: 30, unknown: 5 };
/** Seconds between two questions for figures that no event has; a random part keeps boards from asking together. */
const FIGURES = { least: 10, random: 5 };

const api = new Api();
const clock = new Clock();
const session = new Session(api);
const context = new Context(new Board(clock), clock);
const freshness = new Freshness();

const feed = new Feed({
  url: socketUrl("page/ws", document.baseURI),
  kinds: KINDS,
  classes: CLASSES,
  clock,
  session,
  open: (url) => new Inbox(new WebSocket(url, "ami.json")),
  sink: {
    hello(message) {
      context.board.hello(message);
      freshness.hello(message.servers, clock.now());
      drawer.ask();
    },
    snapshot(message) {
      context.board.snapshot(message);
      const told = (message.kinds?.length ?? 0) + (message.kindsMissing?.length ?? 0);
      if (!message.more && told >= KINDS.length) freshness.complete(message.serversMissing ?? []);
      drawer.ask();
    },
    resumed() {
      context.board.resumed();
      freshness.resumed();
      drawer.ask();
    },
    event(data, server, at) {
      context.board.event(data, server, at);
      drawer.ask();
    },
    link(server, isUp, since) {
      context.board.link(server, isUp, since);
      freshness.link(server, isUp, since);
      drawer.ask();
    },
    lost() {
      context.board.lost();
      drawer.ask();
    },
    state() {
      drawer.ask();
    },
  },
});

const header = new Header(place("top"), place("tabs"), () => void leave());
const staleness = new Staleness({
  band: place("band"),
  sign: header.sign,
  announcer: place("announcer"),
  notice: place("empty"),
});
const totals = new Totals(context, place("totals"));
const login = new Login(place("login"), (name, secret) => session.login(name, secret));
/** @type {Record<string, View>} */
const views = {
  queues: new Queues(context, place("queues")),
  calls: new Calls(context, place("calls")),
  agents: new Agents(context, place("agents")),
  lines: new Lines(context, place("lines")),
};
const wall = new Wall(context, place("wall"));
views.wall = wall;

/** @type {{show(): void, hide(): void} | null} */
let status = null;
let here = route(location.hash);
/** Groups that have changed since each view was drawn. @type {Record<string, Set<string>>} */
const undrawn = {};
let verdictBefore = "";
let logoutReason = "";
let figuresAskedAt = 0;
let lookedAt = 0;

const drawer = new Drawer(draw, tick);

/** The view that is shown now: one of the address, or the login form. */
const shown = () => {
  if (here.view === "wall") return "wall";
  if (session.state === "out") return "login";
  if (here.view === "status" && !session.me?.may_see_status) return "queues";
  return here.view;
};

/** Shows what the address and the session ask for. */
function navigate() {
  here = route(location.hash);
  context.bounds = wanted(here.parameters);
  const view = shown();
  const isIn = session.state === "in";
  mark(document.body, "session", session.state);
  mark(document.body, "view", session.state === "unknown" && view !== "wall" ? "start" : view);
  const before = document.title;
  document.title = texts.board.documentTitle(tabName(view));
  header.draw(view, here.parameters, session.me, status !== null);
  wall.turn(view === "wall");
  wall.admit(isIn);
  wall.leave.setAttribute("href", address("queues", here.parameters));
  if (status) {
    if (view === "status" && isIn) status.show();
    else status.hide();
  }
  layout(view);
  if (view === "login") login.begin(logoutReason); // Only what is shown can have the focus.
  undrawn[view] = new Set(["all"]);
  if (document.title !== before) scrollTo(0, 0);
  tick();
  draw(); // What was drawn when the view was last shown is old.
}

/** @param {string} view */
function tabName(view) {
  /** @type {Record<string, string>} */
  const names = texts.tabs;
  return names[view];
}

/** Shows the sections of a view; figures only if there are any. @param {string} view */
function layout(view) {
  const isReady = session.state === "in" && document.body.dataset.ready === "yes";
  for (const name of ["queues", "calls", "agents", "lines"]) show(place(name), isReady && view === name);
  show(place("totals"), isReady && ["queues", "calls", "agents", "lines"].includes(view));
  show(place("status"), session.state === "in" && view === "status");
  show(place("login"), view === "login");
  show(place("wall"), view === "wall" && (isReady || session.state !== "in"));
  if (session.state === "out" || view === "status") show(place("empty"), false);
}

/** @returns {Verdict} */
function judge() {
  const now = clock.now();
  freshness.feed(feed.state, now);
  const verdict = freshness.judge(now, context.board.servers.size);
  staleness.draw(verdict, now);
  if (session.state === "out") {
    show(place("band"), false);
    mark(document.body, "stale", "");
  }
  // The figures of operators are asked for by another way, and say themselves when they are old.
  if (shown() === "status") mark(document.body, "stale", "");
  layout(shown());
  const text = `${verdict.state} ${verdict.servers.join(" ")}`;
  if (text !== verdictBefore) {
    verdictBefore = text;
    context.away = new Set(verdict.servers);
    for (const view of Object.values(views)) view.refresh();
    undrawn[shown()] = new Set(["all"]);
  }
  return verdict;
}

/** Draws what has changed of the view that is shown. */
function draw() {
  const { board } = context;
  for (const group of board.changed) for (const name of Object.keys(views)) (undrawn[name] ??= new Set()).add(group);
  board.changed.clear();
  const verdict = judge();
  const name = shown();
  const changed = undrawn[name];
  if (session.state !== "in" || verdict.state === "waiting" || !changed?.size) return;
  const isAll = changed.has("all");
  const view = views[name];
  if (view && (isAll || view.groups.some((group) => changed.has(group)))) view.draw();
  changed.clear();
  if (name !== "wall" && name !== "status") {
    totals.draw(board.totals(), board.queues());
    count();
  }
}

/** How many there are of each, in the tabs. */
function count() {
  const { board } = context;
  const sums = board.totals();
  header.count({
    queues: context.missing("queues") ? null : board.queues().length,
    calls: context.missing("channels") ? null : sums.calls,
    agents: context.missing("queues") ? null : sums.free + sums.ringing + sums.talking + sums.paused + sums.away,
  });
}

/** Once a second: times go on, and what can only be asked is asked. */
function tick() {
  const now = clock.now();
  header.tick(now);
  const verdict = judge();
  if (session.state === "in" && verdict.state !== "waiting") {
    const view = shown();
    views[view]?.tick();
    if (view !== "wall") totals.draw(context.board.totals(), context.board.queues());
  }
  if (context.board.wantsFigures && verdict.state === "live" && now >= figuresAskedAt) {
    figuresAskedAt = now + FIGURES.least + Math.random() * FIGURES.random;
    feed.ask(["queues"]);
  }
  const wait = session.state === "unknown" ? LOOK_AGAIN.unknown : LOOK_AGAIN.wall;
  const isLooking = session.state === "unknown" || (session.state === "out" && here.view === "wall");
  if (isLooking && performance.now() / 1000 - lookedAt > wait) {
    lookedAt = performance.now() / 1000;
    void session.find();
  }
}

/** Somebody has logged in, perhaps instead of somebody else, or the session has ended. */
function enter() {
  const user = session.me?.user ?? "";
  if (user !== userBefore) forget();
  userBefore = user;
  if (session.state === "in") {
    logoutReason = "";
    context.read = new Set(session.me.servers.flatMap((/** @type {{read: string[]}} */ server) => server.read));
    feed.start();
    if (session.me.may_see_status) void mountStatus();
  } else {
    feed.stop();
    logoutReason ||= wasIn ? texts.login.ended : "";
  }
  const isNew = !wasIn && document.body.dataset.view === "login";
  wasIn = session.state === "in";
  navigate();
  if (wasIn && isNew) place("main").focus({ preventScroll: true });
}
let wasIn = false;
let userBefore = "";

/** Nothing of what a user has seen or typed stays in the document, where the next one could read it. */
function forget() {
  feed.stop();
  for (const dialog of document.querySelectorAll("dialog")) dialog.remove();
  forgetStatus();
  context.board.clear();
  freshness.forget();
  for (const field of document.querySelectorAll("input")) {
    field.value = "";
    field.dispatchEvent(new Event("input"));
  }
  for (const view of Object.values(views)) view.draw();
  totals.draw(context.board.totals(), []);
  header.draw(shown(), here.parameters, null, false);
  header.count({ queues: null, calls: null, agents: null });
  write(place("band"), "");
}

async function leave() {
  logoutReason = texts.login.left;
  await session.logout().catch(() => {});
}

/** What was mounted was for the user that was logged in. */
function forgetStatus() {
  status?.hide();
  status = null;
  place("status").replaceChildren();
}

/** Operators have a view more, which others need not load. */
async function mountStatus() {
  const file = "./status/status.js";
  const { mount } = await import(file);
  if (!session.me?.may_see_status) return; // somebody else is logged in by now
  status ??= mount(place("status"), { api, me: session.me, clock });
  navigate();
}

const skip = place("skip");
write(skip, texts.board.skip);
skip.addEventListener("click", (event) => {
  event.preventDefault(); // The part of the address after # is the view.
  place("main").focus();
});
session.onchange = enter;
addEventListener("hashchange", navigate);
// A browser may keep the page as it is for the way back, on which somebody else may come.
addEventListener("pagehide", ({ persisted }) => {
  if (!persisted) return;
  forget();
  judge();
});
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) location.reload();
});
drawer.start(() => clock.now());
navigate();
lookedAt = performance.now() / 1000;
void session.find();
