import assert from "node:assert/strict";
import { test } from "node:test";

import { Inbox, TOO_LATE } from "../../../../../../../proxy/amiproxy/net/doors/http/page/files/link/inbox.js";

/** An inbox whose messages take a millisecond each, and the tasks that it has asked for. */
function opened(settings = {}) {
  const socket = { sent: [], code: null, send: (text) => socket.sent.push(text), close: (code) => (socket.code = code ?? 1005) };
  const tasks = [];
  const got = [];
  let now = 0;
  const inbox = new Inbox(socket, { now: () => now, soon: (call) => tasks.push(call), ...settings });
  inbox.onmessage = ({ data }) => {
    now += 1;
    got.push(data);
  };
  inbox.onclose = ({ code }) => got.push(code);
  const come = (...texts) => texts.forEach((data) => socket.onmessage({ data }));
  return { inbox, socket, tasks, got, come, pass: () => tasks.shift()?.() };
}

const MANY = Array.from({ length: 20 }, (_, index) => String(index));

test("a slice of messages takes no longer than half a frame, and the others follow in order", () => {
  const { got, come, tasks, pass } = opened();
  come(...MANY);
  assert.equal(tasks.length, 1);
  pass();
  assert.equal(got.length, 8);
  pass();
  assert.equal(got.length, 16);
  pass();
  assert.deepEqual(got, MANY);
  assert.equal(tasks.length, 0);
});

test("messages that come between two slices wait behind the others", () => {
  const { got, come, pass } = opened();
  come(...MANY);
  pass();
  come("last");
  while (got.at(-1) !== "last") pass();
  assert.deepEqual(got, [...MANY, "last"]);
});

test("nothing is sent to a socket that is closing while its messages wait", () => {
  const { inbox, socket, come } = opened();
  for (const readyState of [undefined, 0, 1, 2, 3]) {
    socket.readyState = readyState;
    inbox.send(String(readyState));
  }
  come(...MANY);
  assert.deepEqual(socket.sent, ["undefined", "0", "1"]);
});

test("the end of the socket comes after its messages", () => {
  const { socket, got, come, tasks, pass } = opened();
  come(...MANY);
  socket.onclose({ code: 4003 });
  while (tasks.length) pass();
  assert.deepEqual(got, [...MANY, 4003]);
});

test("after a close nothing is handed on, not even the rest of a slice", () => {
  const { inbox, socket, got, come, tasks, pass } = opened();
  inbox.onmessage = ({ data }) => {
    got.push(data);
    inbox.close(1000);
  };
  come(...MANY);
  while (tasks.length) pass();
  assert.deepEqual(got, ["0"]);
  assert.equal(socket.code, 1000);
});

test("a page that is too late gives up its socket instead of keeping ever more", () => {
  const { socket, got, come, tasks, pass } = opened({ most: 10 });
  come("12345", "67890", "1");
  while (tasks.length) pass();
  assert.deepEqual(got, [TOO_LATE]);
  assert.equal(socket.code, TOO_LATE);
  assert.equal(socket.onmessage, null);
});

test("what is said goes out at once", () => {
  const { inbox, socket } = opened();
  inbox.send("hello");
  assert.deepEqual(socket.sent, ["hello"]);
});
