/** Types of the board: the rows that views show, and the messages that the feed brings. */

/** @typedef {"free"|"ringing"|"talking"|"paused"|"away"} AgentState */
/** @typedef {"ringing"|"talking"|"waiting"|"parked"|"conference"|"other"} CallState */
/** @typedef {"free"|"busy"|"ringing"|"held"|"offline"|"unknown"} ExtensionState */
/** @typedef {"queues"|"calls"|"agents"|"lines"} Group */

/**
 * Somebody in a call.  Each is "" if it is not known; ``agent`` is the name of the member whose device it is.
 * @typedef {{name: string, number: string, agent: string}} Party
 */

/**
 * ``since`` is in epoch seconds of the server, as all times are.
 * @typedef {{position: number, name: string, number: string, since: number}} Caller
 */

/**
 * @typedef {object} QueueRow
 * @property {string} key
 * @property {string} server "" unless there are several
 * @property {string} name
 * @property {number} waiting
 * @property {number|null} longestSince since when the caller that waits longest does; null if none waits
 * @property {Caller[]} callers in their order
 * @property {number} free members that are free, and so on
 * @property {number} ringing
 * @property {number} talking
 * @property {number} paused
 * @property {number} away
 * @property {number|null} serviceLevel percent of the calls that were answered within ``target``; null if none is set, or no
 *   call has ended yet
 * @property {number} target seconds; 0 if none is set, or if the user may not see it
 * @property {number} completed
 * @property {number} abandoned
 * @property {number} hold average in seconds
 * @property {number} talk average in seconds
 * @property {number|null} countedSince since when Asterisk has counted, as far as is known
 * @property {boolean} countedSinceReset whether that is when the page saw the counters go back
 */

/**
 * @typedef {object} CallRow
 * @property {string} key
 * @property {string} server
 * @property {CallState} state
 * @property {Party} from
 * @property {Party|null} to
 * @property {number} others the number of further channels
 * @property {string} place the queue, parking space or conference; "" if none
 * @property {number} since since when the call exists; if it waits or is parked, since when it does that
 * @property {number|null} answered since when they talk; null if they do not, or if it is not known
 */

/**
 * @typedef {object} AgentRow
 * @property {string} key
 * @property {string} server
 * @property {string} name
 * @property {string} device
 * @property {AgentState} state
 * @property {boolean} isPaused in all its queues
 * @property {string} reason of the pause
 * @property {number|null} since since when it has this state; null if that is not known
 * @property {{name: string, isPaused: boolean}[]} queues
 * @property {number} taken calls
 * @property {number|null} lastCall when the last one ended
 * @property {number|null} loggedIn
 * @property {Party|null} partner whom it talks to
 */

/**
 * @typedef {object} ExtensionRow
 * @property {string} key
 * @property {string} server
 * @property {string} exten
 * @property {string} context
 * @property {ExtensionState} state
 * @property {string} presence such as ``away``; "" if none is set
 * @property {string} text the message of the presence
 */

/**
 * @typedef {object} TrunkRow
 * @property {string} key
 * @property {string} server
 * @property {string} technology
 * @property {string} name
 * @property {"up"|"down"|"unknown"} state
 * @property {string} address
 * @property {number|null} rtt milliseconds
 * @property {number} channels
 */

/**
 * @typedef {object} Totals
 * @property {number} waiting
 * @property {number|null} longestSince
 * @property {number} calls
 * @property {number} free agents that are free, each counted once; and so on
 * @property {number} ringing
 * @property {number} talking
 * @property {number} paused
 * @property {number} away
 * @property {number} completed
 * @property {number} abandoned
 * @property {number|null} serviceLevel of all completed calls of queues that have a target
 */

/** @typedef {{name: string, isUp: boolean, since: number|null, started: number|null}} Server */

/**
 * The headers of one event or item.  A header that occurs more than once is an array.  Callers choose some of the values, so
 * any of them may be anything, and there may be more headers than Asterisk writes.
 * @typedef {{[header: string]: string|string[]|undefined}} Data
 */

/**
 * @typedef {object} Hello
 * @property {string} [product]
 * @property {string} user
 * @property {{name: string, up: boolean, started?: number}[]} servers
 * @property {number} time epoch seconds
 * @property {number} [heartbeat]
 * @property {boolean} [history]
 */

/**
 * A snapshot, or a part of one: all parts but the last have ``more``, and only the last has ``kinds``.
 * @typedef {object} Snapshot
 * @property {string} [id] of one that was asked for; it replaces only its kinds
 * @property {string} [server] that all items of this part are from, if there are several
 * @property {{[group: string]: Data[]}} [data]
 * @property {boolean} [more]
 * @property {string[]} [kinds]
 * @property {string[]} [kindsMissing]
 * @property {string[]} [serversMissing]
 * @property {string} [seq]
 * @property {{[server: string]: string}} [positions]
 */

/**
 * @typedef {object} FeedState
 * @property {"connecting"|"open"|"closed"} socket
 * @property {number|null} lastHeard epoch seconds of the last message; null before the first
 * @property {number|null} code with which the socket was closed last
 * @property {boolean} loginNeeded
 */

export {};
