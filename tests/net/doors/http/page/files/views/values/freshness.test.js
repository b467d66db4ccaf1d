import assert from "node:assert/strict";
import { test } from "node:test";

import { Freshness } from "../../../../../../../../proxy/amiproxy/net/doors/http/page/files/views/values/freshness.js";

const ONE = [{ name: "asterisk", up: true }];
const TWO = [
  { name: "berlin", up: true },
  { name: "wien", up: true },
];

/** One that has all data at second 100. */
function live(servers = ONE) {
  const fresh = new Freshness();
  fresh.feed({ socket: "open", lastHeard: 100 }, 100);
  fresh.hello(servers, 100);
  fresh.complete([]);
  return fresh;
}

const state = (fresh, now, servers = 1) => {
  const { state, reason, since, servers: names } = fresh.judge(now, servers);
  return [state, reason, since, names];
};

test("before the first snapshot the board waits", () => {
  const fresh = new Freshness();
  assert.deepEqual(state(fresh, 0), ["waiting", "socket", null, []]);
  fresh.feed({ socket: "open", lastHeard: 1 }, 1);
  fresh.hello(ONE, 1);
  assert.deepEqual(state(fresh, 1).slice(0, 2), ["waiting", ""]);
  fresh.complete([]);
  assert.equal(state(fresh, 1)[0], "live");
});

test("a short break of the socket is none, a longer one is counted from the last message", () => {
  const fresh = live();
  fresh.feed({ socket: "closed", lastHeard: 100 }, 103);
  assert.equal(state(fresh, 105)[0], "live");
  assert.deepEqual(state(fresh, 105.1), ["stale", "socket", 100, []]);
  fresh.feed({ socket: "connecting", lastHeard: 100 }, 106);
  assert.equal(state(fresh, 106)[0], "stale");
  fresh.feed({ socket: "open", lastHeard: 107 }, 107);
  assert.deepEqual(state(fresh, 108), ["stale", "snapshot", 100, []]);
  fresh.resumed();
  assert.equal(state(fresh, 108)[0], "live");
});

test("messages without data do not make old figures younger", () => {
  const fresh = live();
  assert.equal(state(fresh, 101)[0], "live");
  fresh.feed({ socket: "closed", lastHeard: 100 }, 102);
  fresh.feed({ socket: "open", lastHeard: 110 }, 110);
  fresh.hello([{ name: "asterisk", up: false }], 110);
  assert.deepEqual(state(fresh, 111), ["stale", "link", 100, []]);
  fresh.complete([]);
  assert.equal(state(fresh, 112)[0], "live");
});

test("silence makes the board old", () => {
  const fresh = live();
  assert.equal(state(fresh, 110)[0], "live");
  assert.deepEqual(state(fresh, 110.1), ["stale", "silence", 100, []]);
});

test("after the link is back the board stays old until the lists have been read", () => {
  const fresh = live();
  fresh.link("", false, 100);
  assert.deepEqual(state(fresh, 101), ["stale", "link", 100, []]);
  fresh.link("", true, 105);
  assert.deepEqual(state(fresh, 105), ["stale", "snapshot", 100, []]);
  fresh.complete([]);
  assert.equal(state(fresh, 105)[0], "live");
});

test("a snapshot shows that its server is connected, to users that are told nothing about links", () => {
  const fresh = live();
  fresh.hello([{ name: "asterisk", up: false }], 101);
  assert.deepEqual(state(fresh, 102).slice(0, 2), ["stale", "link"]);
  fresh.resumed();
  assert.deepEqual(state(fresh, 102).slice(0, 2), ["stale", "link"]);
  fresh.complete([]);
  assert.equal(state(fresh, 103)[0], "live");
});

test("a server that is not in the snapshot stays old", () => {
  const fresh = live(TWO);
  fresh.link("wien", false, 101);
  fresh.link("berlin", false, 101);
  fresh.complete(["wien"]);
  assert.deepEqual(state(fresh, 102, 2)[3], ["wien"]);
});

test("a resumed connection is enough after a break of the socket", () => {
  const fresh = live();
  fresh.link("", false, 100);
  fresh.link("", true, 101);
  fresh.resumed();
  assert.equal(state(fresh, 102)[0], "live");
});

test("of several servers only the one that is down is old, unless all are", () => {
  const fresh = live(TWO);
  fresh.link("wien", false, 101);
  assert.deepEqual(state(fresh, 102, 2), ["live", "link", 101, ["wien"]]);
  fresh.link("berlin", false, 102);
  assert.deepEqual(state(fresh, 103, 2), ["stale", "link", 101, []]);
});

test("what is forgotten is waited for", () => {
  const fresh = live();
  fresh.forget();
  assert.equal(state(fresh, 101)[0], "waiting");
});
