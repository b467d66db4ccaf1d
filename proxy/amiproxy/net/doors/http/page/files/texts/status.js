/** Every text of the tab for operators; texts.js says how to translate it. */

import { plural } from "./plural.js";

export const status = {
  title: "Status of the service",
  nobody: "(not logged in)",
  asking: "Asking the proxy for its state",
  unreachable: "The proxy cannot be reached.",
  /** @param {string} text */
  fault: (text) => `The page has a fault: ${text}`,
  silence: "The proxy has not answered lately.",
  /** @param {string} age @param {string} reason */
  old: (age, reason) => `These figures are ${age} old. ${reason}`,
  /** @param {string} title @param {string} detail */
  refused: (title, detail) => `The proxy refused: ${title}${detail ? ` – ${detail}` : ""}`,
  ending: "The service is ending: it accepts no more clients, and closes the remaining sessions.",
  ended: "The service has ended, as requested.",
  close: "Close",
  cancel: "Cancel",
  units: {
    /** @param {string} value */
    bytes: (value) => `${value} B`,
    /** @param {string} value */
    kib: (value) => `${value} KiB`,
    /** @param {string} value */
    mib: (value) => `${value} MiB`,
    /** @param {string} value */
    rate: (value) => `${value}/s`,
  },
  figures: {
    state: "Service",
    /** @type {Record<string, string>} */
    states: { serving: "Serving", draining: "Ending" },
    version: "Version",
    uptime: "Running for",
    users: "Users logged in",
    sessions: "Sessions",
    connections: "Connections",
    events: "Events",
    deliveries: "Events delivered",
    actions: "Actions",
    denied: "Denied so far",
    lag: "Lag",
    cpu: "Processor",
    outbox: "Unsent to clients",
    slow: "Slow clients in 10 min",
    /** @param {string} recent @param {string} all */
    slowOf: (recent, all) => (recent === all ? recent : `${recent} of ${all}`),
  },
  servers: {
    links: "Links to Asterisk",
    history: "What is kept for snapshots",
    server: "Server",
    asterisk: "Asterisk",
    state: "State",
    place: "Address",
    inFlight: "Under way",
    waiting: "Waiting",
    downs: "Breaks",
    /** What a link beside the main one is for. @type {Record<string, string>} */
    uses: { side: "slow actions", lists: "long lists" },
    /** @type {Record<string, string>} */
    linkStates: {
      up: "Up",
      connecting: "Connecting",
      "logging in": "Logging in",
      down: "Down",
      "login rejected": "Login rejected",
      opening: "Opening",
      refused: "Refused",
      closed: "Idle",
    },
    /** @type {Record<string, string>} */
    kindStates: {
      seeding: "Reading the lists",
      settling: "Reading the lists",
      ready: "Ready",
      unavailable: "Not available",
    },
    kind: "Kind",
    items: "Items",
    drift: "Corrected",
    /** @param {string} server @param {string} events @param {string} size @param {string} age */
    journal: (server, events, size, age) => `${server}: ${events} events in ${size}, the oldest ${age} ago`,
    /** @param {string} server */
    noJournal: (server) => `${server}: no events are kept, because no user may resume.`,
  },
  sessions: {
    title: "Sessions",
    byUser: "Sessions by user and door",
    user: "User",
    door: "Door",
    peer: "Address",
    age: "Open for",
    outbox: "Unsent",
    slow: "slow",
    denied: "Denied",
    sessions: "Sessions",
    byDoor: "By door",
    end: "End",
    /** @param {string} door @param {string} count */
    ofDoor: (door, count) => `${door} ${count}`,
    /** @param {string} user @param {string} peer */
    endOf: (user, peer) => `End the session of ${user} from ${peer}`,
    /** @param {string} user */
    endAllOf: (user) => `End all sessions of ${user}`,
  },
  denials: {
    title: "Refused lately",
    none: "Nothing has been refused since the proxy started.",
    time: "Time",
    kind: "What",
    user: "Who",
    what: "Action",
    rule: "Rule",
    explain: "Explain",
    why: "Why?",
    /** @param {string} action @param {string} user */
    whyOf: (action, user) => `Why was ${action} of ${user} denied?`,
    /** @param {string} age */
    ago: (age) => `${age} ago`,
    /** @param {string} value */
    seconds: (value) => `for ${value} s`,
    /** @type {Record<string, string>} */
    kinds: {
      "action-denied": "Action denied",
      "login-failed": "Login failed",
      "limit-hit": "Limit reached",
      "penalty-start": "Penalty",
      "penalty-end": "Penalty ended",
      "log-suppressed": "More of the same",
      "accept-paused": "No new clients for a moment",
      "few-descriptors": "Few file descriptors left",
    },
  },
  explain: {
    /** @param {string} action @param {string} user */
    title: (action, user) => `${action} of ${user}`,
    asking: "Judging the action again",
    change: "The smallest change of users.yaml that would allow it",
    changeHow: "Replace these keys in the user's entry, and reload. Remove a key that is null here.",
    opens: "What else it allows",
    opensNothing: "It allows no other action, but perhaps this one with other arguments.",
    checks: "What the checks say",
  },
  certificates: {
    title: "Certificates",
    names: "Names",
    listener: "Listener",
    ends: "Ends",
    days: "Days left",
    none: "No listener serves a certificate.",
    /** @param {number} count @param {string} days */
    left: (count, days) => (count < 0 ? "expired" : days),
    /** @param {string} listener @param {string} text */
    waiting: (listener, text) => `${listener}: not served: ${text}`,
  },
  limits: {
    title: "Limits in use or reached",
    name: "Limit",
    used: "Used",
    value: "Maximum",
    hits: "Reached",
  },
  operate: {
    title: "Operate the service",
    kick: "End",
    kickTitle: "End sessions?",
    /** @param {string} user @param {string} door @param {string} peer */
    kickSession: (user, door, peer) => `The session of ${user} by door ${door} from ${peer} is closed at once.`,
    /** @param {string} user @param {number} count @param {string} sessions */
    kickUser: (user, count, sessions) =>
      `${plural(count, `The session of ${user} is`, `All ${sessions} sessions of ${user} are`)} closed at once.`,
    mayReturn: "The client may log in again. To keep it out, disable its user in users.yaml.",
    /** @param {number} count @param {string} sessions */
    kicked: (count, sessions) => `${sessions} ${plural(count, "session was", "sessions were")} ended.`,
    drain: "End the service",
    drainTitle: "End the service?",
    /** @param {number} count @param {string} sessions @param {string} users */
    drainWhat: (count, sessions, users) =>
      `No more clients are accepted, actions under way are answered, then ${plural(count, "the session is", `all ${sessions} sessions are`)} closed. Users logged in: ${users}.`,
    drainEnds: "Then the process ends, and so does this page. It runs again only if something starts it.",
    /** @param {string} sessions @param {string} actions */
    draining: (sessions, actions) =>
      `The service is ending. Remaining sessions: ${sessions}; actions under way: ${actions}.`,
    level: "Level of the log",
    levelTitle: "Set the level of the log?",
    /** @param {string} before @param {string} level */
    levelWhat: (before, level) => `The log of this proxy changes from ${before} to ${level}.`,
    levelUntil: "This lasts until the next reload or restart.",
    set: "Set",
    /** @param {string} level */
    levelSet: (level) => `The level of the log is ${level} now.`,
  },
};
