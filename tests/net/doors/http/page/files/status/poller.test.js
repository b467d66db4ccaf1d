import assert from "node:assert/strict";
import { mock, test } from "node:test";

const listeners = [];
globalThis.document = { hidden: false, addEventListener: (_, listener) => listeners.push(listener) };
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
  mock.timers.enable({ apis: ["setTimeout"] });
  const { one, asked, drawn, rounds } = poller();
  one.start();
  await settle();
  assert.deepEqual(asked, [...EACH, "history", "limits", "certificates"]);
  mock.timers.tick(3000);
  await settle();
  assert.deepEqual(asked.slice(7), EACH);
  assert.deepEqual(drawn, asked);
  assert.deepEqual(rounds, [null, null]);
  one.stop();
  mock.timers.tick(60000);
  await settle();
  assert.equal(asked.length, 11);
  mock.timers.reset();
});

test("nothing is asked for while nobody looks, and at once when somebody does", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
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
  mock.timers.reset();
});

test("an error ends the round, is told, and the next round tries again", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
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
  mock.timers.tick(3000);
  await settle();
  assert.deepEqual(rounds, [fault, null]);
  one.stop();
  mock.timers.reset();
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
