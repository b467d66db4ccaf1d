/** A world without a network: time that passes when a test says so, and sockets that a test speaks through. */

/** Timers and a clock that go together. */
export class Time {
  constructor() {
    this.now = 1000;
    this.timers = new Set();
    this.monotonic = () => this.now;
  }

  set(call, milliseconds) {
    const timer = { call, due: this.now + milliseconds / 1000 };
    this.timers.add(timer);
    return timer;
  }

  clear(timer) {
    this.timers.delete(timer);
  }

  /** Let seconds pass, with whatever is due in between. */
  async pass(seconds) {
    const end = this.now + seconds;
    for (;;) {
      await settled();
      const next = [...this.timers].filter(({ due }) => due <= end).sort((one, other) => one.due - other.due)[0];
      if (!next) break;
      this.timers.delete(next);
      this.now = Math.max(this.now, next.due);
      next.call();
    }
    this.now = end;
    await settled();
  }
}

/** Whatever promises wait for has happened. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

export class FakeSocket {
  constructor(url) {
    this.url = new URL(url);
    this.sent = [];
    this.isClosed = false;
    this.onmessage = this.onclose = null;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.isClosed = true;
  }

  say(...messages) {
    for (const message of messages) this.onmessage?.({ data: JSON.stringify(message) });
  }

  end(code) {
    this.onclose?.({ code });
  }

  get last() {
    return this.url.searchParams.get("last");
  }

  asked(type) {
    return this.sent.filter((message) => message.type === type);
  }
}

/** Writes down what a feed says. */
export class Diary {
  constructor() {
    this.entries = [];
    this.states = [];
  }

  hello(message) {
    this.entries.push(["hello", message.user]);
  }

  snapshot(message) {
    this.entries.push(["snapshot", message.id ?? "", message.more ?? false]);
  }

  resumed() {
    this.entries.push(["resumed"]);
  }

  event(data, server, at) {
    this.entries.push(["event", data.Event, server, at]);
  }

  link(server, isUp, since) {
    this.entries.push(["link", server, isUp, since]);
  }

  lost() {
    this.entries.push(["lost"]);
  }

  state(state) {
    this.states.push(state);
  }

  kinds() {
    return this.entries.map(([kind]) => kind);
  }
}
