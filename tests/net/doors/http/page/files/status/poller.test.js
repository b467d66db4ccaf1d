import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

const listeners = new Set();
globalThis.document = {
  hidden: false,
  addEventListener: (_, listener) => listeners.add(listener),
  removeEventListener: (_, listener) => listeners.delete(listener),
};

/** The call that is due next, and in how many milliseconds. */
let due = null;
globalThis.setTimeout = (call, milliseconds) => (due = { call, milliseconds });
globalThis.clearTimeout = (timer) => {
  if (timer === due) due = null;
};
afterEach(() => assert.equal(listeners.size, 0, "a poller that is stopped listens to nothing"));

/** Lets the pause between two rounds pass. */
function pass() {
  const { call, milliseconds } = due;
  assert.equal(milliseconds, 3000);
  due = null;
  call();
}
const { Poller } = await import("../../../../../../../proxy/amiproxy/net/doors/http/page/files/status/poller.js");

const EACH = ["status", "sessions", "denials", "upstream"];

/** Lets what waits for promises go on. */
const settle = async () => {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
};

/** A poller, with what it has asked for, drawn, and how its rounds ended. */
function poller(answer = async (path) => ({ path })) {
  const asked = [];
  const drawn = [];
  const rounds = [];
  let open = 0;
  const api = {
    async get(path) {
      open += 1;
      assert.equal(open, 1, "one request at a time");
      asked.push(path.split("?")[0]);
      try {
        return await answer(path);
      } finally {
        open -= 1;
      }
    },
  };
  const one = new Poller(
    api,
    (part) => drawn.push(part),
    (error) => rounds.push(error),
  );
  return { one, asked, drawn, rounds };
}

test("what seldom changes is asked for less often", async () => {
  const { one, asked, drawn, rounds } = poller();
  one.start();
  await settle();
  assert.deepEqual(asked, [...EACH, "history", "limits", "certificates"]);
  pass();
  await settle();
  assert.deepEqual(asked.slice(7), EACH);
  assert.deepEqual(drawn, asked);
  assert.deepEqual(rounds, [null, null]);
  one.stop();
  assert.equal(due, null);
  assert.equal(asked.length, 11);
});

test("nothing is asked for while nobody looks, and at once when somebody does", async () => {
  const { one, asked } = poller();
  document.hidden = true;
  one.start();
  await settle();
  assert.equal(asked.length, 0);
  document.hidden = false;
  for (const listener of listeners) listener();
  await settle();
  assert.equal(asked.length, 7);
  one.stop();
});

test("an error ends the round, is told, and the next round tries again", async () => {
  const fault = new Error("refused");
  let fails = true;
  const { one, asked, rounds } = poller(async (path) => {
    if (fails && path === "sessions") throw fault;
    return {};
  });
  one.start();
  await settle();
  assert.deepEqual(asked, ["status", "sessions"]);
  assert.deepEqual(rounds, [fault]);
  fails = false;
  pass();
  await settle();
  assert.deepEqual(rounds, [fault, null]);
  one.stop();
});

test("an answer that comes after the view was left is not drawn", async () => {
  let give;
  const { one, asked, drawn, rounds } = poller(() => new Promise((resolve) => (give = resolve)));
  one.start();
  await settle();
  one.stop();
  give({});
  await settle();
  assert.deepEqual([asked, drawn, rounds], [["status"], [], []]);
});
