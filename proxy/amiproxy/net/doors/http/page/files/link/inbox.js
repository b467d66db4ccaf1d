/** A WebSocket whose messages are handed on in slices of time, so that a crowd of them does not stop the page. */

/** Milliseconds of one slice: half a frame, so that the other half is left for drawing it. */
const SLICE = 8;
/** Most characters that wait.  They are more than any snapshot: a page that is so late begins with a new one. */
const MOST = 64 * 1024 * 1024;
/** The close code of a page that is too late, which no server sends. */
export const TOO_LATE = 4005;

/** @typedef {import("./feed.js").Socket} Socket */
/**
 * @typedef {object} Settings
 * @property {() => number} [now] milliseconds
 * @property {(call: () => void) => void} [soon] calls in a task of its own
 * @property {number} [most] characters that may wait
 */

/** @implements {Socket} */
export class Inbox {
  /** @param {Socket & {readyState?: number}} socket @param {Settings} [settings] */
  constructor(socket, { now = () => performance.now(), soon = inTask, most = MOST } = {}) {
    this.socket = socket;
    this.now = now;
    this.soon = soon;
    this.most = most;
    /** @type {((event: {data: string}) => any)|null} */
    this.onmessage = null;
    /** @type {((event: {code: number}) => any)|null} */
    this.onclose = null;
    /** Messages in order; those before `next` have been handed on. @type {string[]} */
    this.waiting = [];
    this.next = 0;
    this.characters = 0;
    /** The code with which the socket was closed, after everything that waits. @type {number|null} */
    this.code = null;
    this.isAsked = false;
    socket.onmessage = ({ data }) => this.#take(data);
    socket.onclose = ({ code }) => {
      this.code = code;
      this.#ask();
    };
  }

  /** @param {string} text */
  send(text) {
    // The socket may have been closed, with messages still waiting here: the browser would report an error.
    if ((this.socket.readyState ?? 1) <= 1) this.socket.send(text);
  }

  /** Nothing is handed on any more. @param {number} [code] */
  close(code) {
    this.#forget();
    this.code = null;
    this.socket.onmessage = this.socket.onclose = null;
    this.socket.close(code);
  }

  #forget() {
    this.waiting = [];
    this.next = this.characters = 0;
  }

  /** @param {string} data */
  #take(data) {
    this.waiting.push(data);
    this.characters += data.length;
    if (this.characters > this.most) {
      this.close(TOO_LATE);
      this.code = TOO_LATE;
    }
    this.#ask();
  }

  #ask() {
    if (this.isAsked) return;
    this.isAsked = true;
    this.soon(() => this.#handOn());
  }

  #handOn() {
    this.isAsked = false;
    const until = this.now() + SLICE;
    const { waiting } = this;
    while (this.next < waiting.length) {
      const data = waiting[this.next++];
      this.characters -= data.length;
      this.onmessage?.({ data });
      if (this.waiting !== waiting) break; // It was closed.
      if (this.now() >= until) break;
    }
    if (this.next < this.waiting.length) {
      this.#ask();
      return;
    }
    this.waiting = [];
    this.next = 0;
    if (this.code === null) return;
    const { code } = this;
    this.code = null;
    this.onclose?.({ code });
  }
}

/** @param {() => void} call */
function inTask(call) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    call();
  };
  port2.postMessage(null);
}
