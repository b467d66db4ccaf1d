/**
 * The texts of the page that people read, so that they can be translated here and in `texts/status.js`, which
 * has those of the tab for operators.
 *
 * A text with values in it is a function of them.  Numbers and times arrive as texts that are already
 * formatted for the language; `count` is the number itself, to choose the plural by.  For another language
 * set `lang` in index.html too: numbers, times and the order of names follow it.
 */

import { plural } from "./texts/plural.js";
import { status } from "./texts/status.js";

export const texts = {
  board: {
    title: "Wallboard",
    skip: "Skip to the board",
    logout: "Log out",
    wall: "Wall mode",
    /** @param {string} view */
    documentTitle: (view) => `${view} – amiproxy`,
    tabs: "Views",
    user: "Logged in as",
    clock: "Time at the server",
  },
  tabs: {
    queues: "Queues",
    calls: "Calls",
    agents: "Agents",
    lines: "Lines",
    status: "Status",
    wall: "Wall",
    login: "Log in",
  },
  none: "–",
  cut: "…",
  join: ", ",
  aside: {
    /** @param {string} text */
    brackets: (text) => `(${text})`,
  },
  units: {
    /** @param {number} count @param {string} days @param {string} time */
    days: (count, days, time) => `${days} d ${time}`,
    /** @param {string} value */
    milliseconds: (value) => `${value} ms`,
    /** @param {string} value */
    seconds: (value) => `${value} s`,
  },
  states: {
    free: "Free",
    ringing: "Ringing",
    talking: "Talking",
    paused: "Paused",
    away: "Away",
    waiting: "Waiting",
    parked: "Parked",
    conference: "Conference",
    other: "Other",
    busy: "Busy",
    held: "On hold",
    offline: "Offline",
    unknown: "Unknown",
    up: "Up",
    down: "Down",
  },
  levels: { calm: "", amber: "Attention", red: "Urgent" },
  totals: {
    title: "All queues",
    waiting: "Waiting",
    longest: "Longest wait",
    calls: "Calls",
    serviceLevel: "Service level",
    completed: "Completed",
    abandoned: "Abandoned",
  },
  queues: {
    title: "Queues",
    name: "Queue",
    waiting: "Waiting",
    longest: "Longest wait",
    serviceLevel: "Service level",
    completed: "Completed",
    abandoned: "Abandoned",
    hold: "Avg wait",
    talk: "Avg talk",
    since: "Counted since",
    /** @param {string} target */
    target: (target) => `in ${target}`,
    noTarget: "no target",
    empty: "There are no queues: Asterisk has none that your user may see.",
    callers: "Callers waiting",
    members: "Agents of this queue",
    position: "No.",
    caller: "Caller",
    wait: "Waiting for",
    noCallers: "Nobody is waiting.",
    noMembers: "No agent is logged in to this queue.",
    /** @param {string} since */
    countedSince: (since) => `Completed, abandoned and averages are counted since ${since}.`,
    /** @param {string} since */
    countedSinceReset: (since) =>
      `Completed, abandoned and averages are counted since ${since}, when they were reset.`,
  },
  calls: {
    title: "Calls",
    state: "State",
    from: "From",
    to: "To",
    place: "Where",
    duration: "Duration",
    answered: "Talking for",
    /** @param {number} count @param {string} number */
    others: (count, number) => `and ${number} ${plural(count, "other", "others")}`,
    filter: "Find calls",
    filterHint: "name, number, agent or queue",
    empty: "There are no calls now.",
    noMatch: "No call matches the search.",
    unknown: "unknown",
  },
  agents: {
    title: "Agents",
    name: "Agent",
    state: "State",
    since: "For",
    reason: "Reason",
    partner: "Talks to",
    queues: "Queues",
    taken: "Calls taken",
    lastCall: "Last call",
    loggedIn: "Logged in",
    all: "All",
    filter: "Find agents",
    filterHint: "name, device, queue or reason",
    byState: "Show agents by state",
    empty: "There are no agents: no queue has members that your user may see.",
    noMatch: "No agent matches the search.",
    /** @param {string} names */
    pausedIn: (names) => `paused in ${names}`,
  },
  lines: {
    title: "Lines",
    trunks: "Trunks and endpoints",
    extensions: "Extensions",
    name: "Name",
    technology: "Type",
    state: "State",
    address: "Address",
    rtt: "Round trip",
    channels: "Calls",
    filter: "Find lines",
    filterHint: "name, number, address or state",
    noTrunks: "No endpoint, peer or registration is known.",
    noExtensions: "No extension has a hint that your user may see.",
    noMatch: "No line matches the search.",
  },
  /** Why a part of the board is not shown. */
  missing: {
    /** @param {string} kind @param {string} right */
    forbidden: (kind, right) => `Your user may not see ${kind}: it needs the right to read “${right}”.`,
    /** @param {string} kind */
    unknown: (kind) => `Asterisk has not listed its ${kind}.`,
    kinds: {
      queues: "queues",
      channels: "calls",
      agents: "agents",
      extensions: "extensions",
      endpoints: "endpoints and trunks",
      parked: "parked calls",
      conferences: "conferences",
    },
  },
  filter: {
    /** @param {number} count @param {string} shown @param {string} all */
    count: (count, shown, all) => `${shown} of ${all} shown`,
  },
  login: {
    title: "Log in",
    intro: "Use the name and secret of a manager user that may see this page.",
    name: "Name",
    secret: "Secret",
    button: "Log in",
    refused: "The name or the secret is wrong, or this user may not use the page.",
    tooMany: "There were too many attempts. Wait a minute, then try again.",
    unreachable: "The proxy cannot be reached now. Try again in a moment.",
    ended: "Your session has ended. Log in again to continue.",
    left: "You are logged out.",
  },
  freshness: {
    waiting: "Waiting for data",
    waitingLong: "Waiting for data: Asterisk has not sent its lists yet.",
    /** @param {string} reason */
    waitingBecause: (reason) => `Waiting for data: ${reason}`,
    connecting: "Connecting to the proxy",
    live: "Live",
    old: "Old figures",
    partlyOld: "Partly old",
    /** @param {string} age @param {string} reason */
    band: (age, reason) => `No data for ${age}: ${reason}`,
    /** @param {string} servers @param {string} age @param {string} reason */
    bandOfServers: (servers, age, reason) => `No data from ${servers} for ${age}: ${reason}`,
    reasons: {
      socket: "the connection to the proxy is lost, and the page is reconnecting.",
      silence: "the proxy does not answer.",
      link: "the proxy is not connected to Asterisk.",
      snapshot: "Asterisk is back, and its lists are being read.",
    },
  },
  wall: {
    leave: "Leave wall mode",
    /** @param {string} address */
    logIn: (address) => `Log in at ${address}`,
    logInWhy: "This screen shows the board as soon as somebody has logged in with this browser.",
    /** @param {string} page @param {string} pages */
    page: (page, pages) => `${page} / ${pages}`,
    waiting: "waiting",
    free: "free",
    talking: "talking",
    paused: "paused",
    longest: "longest",
    serviceLevel: "service level",
    noQueues: "None of the queues chosen for this screen exist.",
    /** @param {string} names */
    noSuchQueues: (names) => `No such queue: ${names}`,
  },
  status,
};
