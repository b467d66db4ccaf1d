import assert from "node:assert/strict";
import { test } from "node:test";

import { Clock } from "../../../../../../../proxy/amiproxy/net/doors/http/page/files/link/clock.js";
import { Feed, socketUrl } from "../../../../../../../proxy/amiproxy/net/doors/http/page/files/link/feed.js";
import { Diary, FakeSocket, Time, settled } from "./world.js";

const HELLO = { type: "hello", user: "board", servers: [{ name: "asterisk", up: true }], time: 5000, heartbeat: 15 };
const WHOLE = { type: "snapshot", seq: "t1", kinds: ["queues", "channels", "parked"], data: {} };

/** A feed that has started, in a world of its own. */
function begun(more = {}) {
  const time = new Time();
  const clock = new Clock(time.monotonic, () => 0);
  const sink = new Diary();
  const sockets = [];
  let wake = () => {};
  const feed = new Feed({
    url: "wss://pbx.example.org/page/ws",
    kinds: ["queues", "channels", "parked"],
    classes: ["call", "agent"],
    clock,
    sink,
    open: (url) => {
      sockets.push(new FakeSocket(url));
      return sockets.at(-1);
    },
    timers: time,
    wakes: (call) => {
      wake = call;
    },
    random: () => 1,
    ...more,
  });
  feed.start();
  return { feed, time, clock, sink, sockets, wake: () => wake(), socket: () => sockets.at(-1) };
}

/** The same, with a whole picture. */
function shown(more = {}) {
  const world = begun(more);
  world.socket().say(HELLO, WHOLE);
  return world;
}

/** A session of which a test says whether it exists. */
const session = (state) => ({ state, looks: 0, find: async function () { this.looks += 1; } });

test("it asks for its classes and kinds, and passes on what comes", () => {
  const { sink, socket, feed } = begun();
  assert.equal(feed.state.socket, "connecting");
  assert.equal(socket().url.href, "wss://pbx.example.org/page/ws?classes=call,agent&kinds=queues,channels,parked");
  socket().say(HELLO, { ...WHOLE, more: true, seq: undefined }, WHOLE, { type: "event", seq: "t2", data: { Event: "Hangup" } });
  assert.deepEqual(sink.entries, [
    ["hello", "board"],
    ["snapshot", "", true],
    ["snapshot", "", false],
    ["event", "Hangup", "", 5000],
  ]);
  assert.deepEqual(feed.state, { socket: "open", lastHeard: 5000, code: null, loginNeeded: false });
});

test("it resumes behind the last event or heartbeat", async () => {
  const { sockets, socket, time } = shown();
  socket().say({ type: "event", seq: "t2", data: { Event: "Hangup" } });
  socket().end(1006);
  await time.pass(0.5);
  assert.equal(socket().last, "t2");
  socket().say(HELLO, { type: "resumed" }, { type: "heartbeat", seq: "t3" });
  socket().end(1006);
  await time.pass(0.5);
  assert.equal(socket().last, "t3");
  assert.equal(sockets.length, 3);
});

test("without a whole picture it does not resume", async () => {
  const { socket, time } = begun();
  socket().say(HELLO, { ...WHOLE, more: true, seq: undefined }, { type: "event", seq: "t2", data: { Event: "Hangup" } });
  socket().end(1006);
  await time.pass(0.5);
  assert.equal(socket().last, null);
});

test("after resuming, the times of events are not known until the snapshot that it asks for", async () => {
  const { socket, time, sink } = shown();
  socket().end(1006);
  await time.pass(0.5);
  sink.entries.length = 0;
  const event = { type: "event", seq: "t2", data: { Event: "Hangup" } };
  socket().say({ ...HELLO, time: 6000 }, { type: "resumed" }, event);
  assert.deepEqual(socket().asked("snapshot"), [{ type: "snapshot", id: "s1", kinds: ["channels", "queues", "parked"] }]);
  socket().say({ ...WHOLE, id: "s1", more: true }, { ...WHOLE, id: "s1" }, event);
  assert.deepEqual(sink.entries.slice(1), [
    ["resumed"],
    ["event", "Hangup", "", null],
    ["snapshot", "s1", true],
    ["snapshot", "s1", false],
    ["event", "Hangup", "", 6000],
  ]);
});

test("it joins the tokens of several servers", async () => {
  const { socket, time } = begun();
  const positions = { east: "e1", west: "w1" };
  socket().say(HELLO, { ...WHOLE, seq: "e1.w1", positions }, { type: "event", server: "west", seq: "w2", data: { Event: "X" } });
  socket().say({ type: "heartbeat", server: "east", seq: "e2" });
  socket().end(1006);
  await time.pass(0.5);
  assert.equal(socket().last, "e2.w2");
});

test("after 5 seconds of silence it asks, and after 15 it connects again", async () => {
  const { socket, sockets, time } = shown();
  const first = socket();
  await time.pass(4.9);
  assert.deepEqual(first.sent, []);
  await time.pass(0.2);
  assert.deepEqual(first.sent, [{ type: "ping" }]);
  first.say({ type: "pong" });
  await time.pass(4.8);
  assert.equal(first.sent.length, 1);
  await time.pass(9.2);
  assert.equal(first.asked("ping").length, 2);
  assert.equal(sockets.length, 1);
  await time.pass(2.5);
  assert.ok(first.isClosed);
  assert.equal(sockets.length, 2);
  assert.equal(socket().last, "t1");
});

test("the sink knows within a second when a message has come", async () => {
  const { sink, socket, time } = shown();
  for (let number = 0; number < 20; number++) {
    await time.pass(0.5);
    socket().say({ type: "pong" });
    assert.ok(5000 + (number + 1) / 2 - sink.states.at(-1).lastHeard < 1);
  }
  assert.ok(sink.states.length < 16);
});

test("after this machine has slept, the server has time to answer", async () => {
  const { feed, socket, sockets, time } = shown();
  time.now += 3600;
  feed.look();
  assert.deepEqual(socket().sent, [{ type: "ping" }]);
  socket().say({ type: "pong" });
  await time.pass(3);
  assert.equal(sockets.length, 1);
});

test("a connection that does not come is given up", async () => {
  const { sockets, time } = begun();
  await time.pass(16);
  assert.ok(sockets[0].isClosed);
  assert.equal(sockets.length, 2);
});

test("pauses grow to 15 seconds, and are short again after a success", async () => {
  const { socket, sockets, time } = begun();
  const pauses = [];
  for (let number = 0; number < 8; number++) {
    const [before, since] = [sockets.length, time.now];
    socket().end(1006);
    while (sockets.length === before) await time.pass(0.1);
    pauses.push(Math.round((time.now - since) * 2) / 2);
  }
  assert.deepEqual(pauses, [0.5, 1, 2, 4, 8, 15, 15, 15]);
  socket().say(HELLO);
  socket().end(1006);
  await time.pass(0.6);
  assert.equal(sockets.length, 10);
});

test("it waits longer if the server wants to be left alone", async () => {
  for (const code of [1001, 1013, 4029]) {
    const { socket, sockets, time } = shown();
    socket().end(code);
    await time.pass(7.4);
    assert.equal(sockets.length, 1);
    await time.pass(0.2);
    assert.equal(sockets.length, 2);
  }
});

test("it connects at once when the machine is back", () => {
  const { socket, sockets, wake } = shown();
  socket().end(1006);
  wake();
  assert.equal(sockets.length, 2);
  wake();
  assert.equal(sockets.length, 2);
});

test("a socket that is quiet is asked when the page is looked at again", () => {
  const { socket, time, wake } = shown();
  time.now += 6;
  wake();
  assert.deepEqual(socket().sent, [{ type: "ping" }]);
});

test("the session says whether a login is needed", async () => {
  for (const [state, code, isNeeded] of [["out", 4003, true], ["out", 1008, true], ["in", 4003, false], ["out", 1006, false]]) {
    const found = session(state);
    const { feed, socket } = shown({ session: found });
    socket().end(code);
    await settled();
    assert.equal(feed.state.loginNeeded, isNeeded);
    assert.equal(feed.state.code, code);
    assert.equal(found.looks, code === 1006 ? 0 : 1);
  }
});

test("a failure before hello may mean that nobody is logged in", async () => {
  const found = session("out");
  const { feed, socket, sockets, time, wake } = begun({ session: found });
  socket().end(1006);
  await settled();
  assert.ok(feed.state.loginNeeded);
  await time.pass(29);
  wake();
  await settled();
  assert.equal(sockets.length, 1);
  assert.ok(feed.state.loginNeeded);
  await time.pass(29);
  found.state = "in";
  await time.pass(2);
  assert.equal(sockets.length, 2);
  assert.equal(feed.state.loginNeeded, false);
});

test("a server that does not know who it is has the session asked at once", async () => {
  const found = session("out");
  const { feed, socket, sockets } = begun({ session: found });
  socket().say({ type: "login_required", timeout: 10 });
  await settled();
  assert.equal(found.looks, 1);
  assert.ok(sockets[0].isClosed);
  assert.ok(feed.state.loginNeeded);
});

test("start connects at once after a login", async () => {
  const { feed, socket, sockets } = begun();
  socket().say({ type: "login_required", timeout: 10 });
  assert.ok(feed.state.loginNeeded);
  assert.ok(sockets[0].isClosed);
  feed.start();
  assert.equal(sockets.length, 2);
  assert.equal(feed.state.loginNeeded, false);
});

test("without a session, the close codes say it", async () => {
  for (const code of [1008, 4001, 4002, 4003]) {
    const { feed, socket } = shown();
    socket().end(code);
    assert.ok(feed.state.loginNeeded);
  }
});

test("whoever logs in after somebody else begins with a snapshot", () => {
  const { feed, socket } = shown();
  socket().end(4003);
  feed.start();
  assert.equal(socket().last, null);
});

test("after events were lost it begins again", async () => {
  const { sink, socket, sockets, time } = shown();
  socket().say({ type: "lost", count: 12 }, { type: "event", seq: "t9", data: { Event: "Hangup" } });
  assert.deepEqual(sink.kinds(), ["hello", "snapshot", "lost"]);
  await time.pass(0.5);
  assert.equal(sockets.length, 2);
  assert.equal(socket().last, null);
});

test("a link that is back is asked for a snapshot until there is one", async () => {
  const { sink, socket, time } = shown();
  const events = () => sink.entries.filter(([kind]) => kind === "link");
  socket().say({ type: "link", state: "down", data: {} });
  assert.deepEqual(events(), [["link", "", false, 5000]]);
  assert.equal(socket().sent.length, 0);
  socket().say({ type: "link", state: "up", data: {} });
  assert.deepEqual(socket().asked("snapshot"), [{ type: "snapshot", id: "s1", kinds: ["queues", "channels", "parked"] }]);
  socket().say({ type: "error", id: "s1", status: 503, title: "Not booted" });
  await time.pass(4.1);
  assert.equal(socket().asked("snapshot").length, 2);
  socket().say({ type: "event", data: { Event: "FullyBooted" } }); // the one that is asked for will do
  assert.equal(socket().asked("snapshot").length, 2);
  socket().end(1006);
  await time.pass(1);
  assert.equal(socket().last, null);
});

test("with the snapshot after a link was lost it can resume again", async () => {
  const { socket, time } = shown();
  socket().say({ type: "link", state: "down" }, { type: "link", state: "up" }, { ...WHOLE, id: "s1", seq: "t7" });
  socket().end(1006);
  await time.pass(0.5);
  assert.equal(socket().last, "t7");
});

test("a server that is back is asked for until a snapshot has it", async () => {
  const servers = [{ name: "east", up: true }, { name: "west", up: false }];
  const { socket, time } = begun();
  const positions = { east: "e1" };
  socket().say({ ...HELLO, servers }, { ...WHOLE, positions, serversMissing: ["west"] });
  await time.pass(4);
  assert.deepEqual(socket().asked("snapshot"), []);
  socket().say({ type: "link", server: "west", state: "up" });
  for (let number = 1; number < 4; number++) {
    assert.equal(socket().asked("snapshot").length, number);
    socket().say({ ...WHOLE, id: `s${number}`, positions, serversMissing: ["west"] });
    await time.pass(4 * number);
  }
  socket().say({ ...WHOLE, id: "s4", positions: { ...positions, west: "w1" } });
  await time.pass(4);
  assert.equal(socket().asked("snapshot").length, 4);
});

test("kinds that a snapshot lacks are asked for a few times, as Asterisk may be busy", async () => {
  const { socket, time } = begun();
  socket().say(HELLO, { ...WHOLE, kinds: ["queues"], kindsMissing: ["parked"] });
  for (let number = 1; number < 8; number++) {
    for (const { id } of socket().asked("snapshot").slice(-1)) {
      socket().say(number === 2 ? { type: "error", id, status: 503, title: "None" } : { ...WHOLE, id, kinds: [], kindsMissing: ["parked"] });
    }
    for (let seconds = 0; seconds < 12; seconds += 4) {
      await time.pass(4);
      socket().say({ type: "pong" });
    }
  }
  const asked = socket().asked("snapshot");
  assert.ok(asked.length > 0 && asked.length <= 4);
  assert.ok(asked.every(({ kinds }) => kinds.length === 1 && kinds[0] === "parked"));
});

test("a server that the user may not see is not asked for without an end", async () => {
  const { socket, time } = begun();
  socket().say({ ...HELLO, servers: [{ name: "east", up: true }, { name: "west", up: true }] });
  socket().say({ ...WHOLE, positions: { east: "e1" }, serversMissing: ["west"] });
  for (let number = 1; number < 40; number++) {
    await time.pass(1);
    socket().say({ type: "heartbeat", server: "east", seq: "e1" });
    for (const { id } of socket().asked("snapshot")) socket().say({ ...WHOLE, id, serversMissing: ["west"] });
    await time.pass(14);
    socket().say({ type: "heartbeat", server: "east", seq: "e1" });
  }
  assert.ok(socket().asked("snapshot").length <= 20);
});

test("after a boot a snapshot is asked for", () => {
  const { socket } = shown();
  socket().say({ type: "event", seq: "t2", data: { Event: "FullyBooted" } });
  assert.equal(socket().asked("snapshot").length, 1);
});

test("a snapshot that is asked for need not be asked for twice", () => {
  const { feed, socket } = shown();
  feed.ask(["queues"]);
  feed.ask(["queues"]);
  assert.equal(socket().asked("snapshot").length, 1);
  socket().say({ ...WHOLE, kinds: ["queues"], id: "s1" });
  feed.ask(["queues"]);
  assert.equal(socket().asked("snapshot").length, 2);
  socket().say({ type: "error", id: "s2", status: 403, title: "No" }, { type: "error", status: 503, title: "None" });
});

test("nothing is asked without a connection", () => {
  const { feed, socket } = begun();
  feed.ask(["queues"]);
  assert.deepEqual(socket().sent, []);
});

test("what is no JSON ends the connection", async () => {
  const { socket, sockets, time } = shown();
  socket().onmessage({ data: "{" });
  await time.pass(0.5);
  assert.equal(sockets.length, 2);
});

test("a stopped feed is silent, and a socket that cannot be made is tried again", async () => {
  const { feed, socket, sockets, time } = shown();
  feed.stop();
  assert.ok(socket().isClosed);
  await time.pass(100);
  assert.equal(sockets.length, 1);
  let attempts = 0;
  const refusing = begun({ open: () => { attempts += 1; throw new Error("no"); } });
  await refusing.time.pass(0.6);
  assert.equal(attempts, 2);
});

test("the address of the socket is next to the document", () => {
  assert.equal(socketUrl("page/ws", "https://pbx.example.org:8443/board/?a#wall"), "wss://pbx.example.org:8443/board/page/ws");
  assert.equal(socketUrl("page/ws", "http://localhost/"), "ws://localhost/page/ws");
});
