/**
 * Every text of the page that people read, so that it can be translated in this one file.
 *
 * A text with values in it is a function of them.  Numbers and times arrive as texts that are already
 * formatted for the language; `count` is the number itself, to choose the plural by.  For another language
 * set `lang` in index.html too: numbers, times and the order of names follow it.
 */

/** @param {number} count @param {string} one @param {string} other */
const plural = (count, one, other) => (count === 1 ? one : other);

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
      `Completed, abandoned and averages are counted since ${since}, when they were set back.`,
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
    noMatch: "No call matches what you look for.",
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
    noMatch: "No agent matches what you look for.",
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
    noMatch: "No line matches what you look for.",
  },
  /** Why a part of the board is not shown. */
  missing: {
    /** @param {string} kind @param {string} right */
    forbidden: (kind, right) => `Your user may not see ${kind}: it needs the right to read “${right}”.`,
    /** @param {string} kind */
    unknown: (kind) => `Asterisk has not said what ${kind} there are.`,
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
    ended: "Your session has ended. Log in again to go on.",
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
      socket: "the connection to the proxy is broken, and is being made again.",
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
  status: {
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
    ending: "The service is ending: it accepts no more clients, and closes the sessions that are left.",
    ended: "The service has ended, as it was told.",
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
      outbox: "Waiting for clients",
      slow: "Slow clients in 10 min",
      /** @param {string} recent @param {string} all */
      slowOf: (recent, all) => (recent === all ? recent : `${recent} of ${all}`),
      /** @param {string} value */
      percent: (value) => `${value} %`,
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
      outbox: "Waiting for it",
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
      none: "Nothing was refused since the proxy started.",
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
        "penalty-end": "Penalty over",
        "log-suppressed": "More of the same",
        "accept-paused": "No new clients for a moment",
        "few-descriptors": "Few descriptors",
      },
    },
    explain: {
      /** @param {string} action @param {string} user */
      title: (action, user) => `${action} of ${user}`,
      asking: "Judging the action again",
      change: "The smallest change of users.yaml that would allow it",
      changeHow: "Put these keys into the entry of the user, then reload. null stands for a key that goes.",
      opens: "What it opens besides",
      opensNothing: "It opens nothing else.",
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
      value: "Most",
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
        `The service is ending. Sessions that are left: ${sessions}; actions under way: ${actions}.`,
      level: "Level of the log",
      levelTitle: "Set the level of the log?",
      /** @param {string} before @param {string} level */
      levelWhat: (before, level) => `The log of this proxy changes from ${before} to ${level}.`,
      levelUntil: "It stays so until the next reload or restart.",
      set: "Set",
      /** @param {string} level */
      levelSet: (level) => `The level of the log is ${level} now.`,
    },
  },
};
