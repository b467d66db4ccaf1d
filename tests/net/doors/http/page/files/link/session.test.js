import assert from "node:assert/strict";
import { test } from "node:test";

import { Api, ApiError } from "../../../../../../../proxy/amiproxy/net/doors/http/page/files/link/api.js";
import { Clock } from "../../../../../../../proxy/amiproxy/net/doors/http/page/files/link/clock.js";
import { AGAIN, Session } from "../../../../../../../proxy/amiproxy/net/doors/http/page/files/link/session.js";
import { Time } from "./world.js";

/** A server that gives these answers one after another. */
function server(...answers) {
  const requests = [];
  const api = new Api("page/api/", async (url, options) => {
    requests.push([options.method, url, options.body]);
    const [status, body] = answers.shift();
    if (!status) throw new TypeError("no network");
    return new Response(status === 204 ? null : typeof body === "string" ? body : JSON.stringify(body), { status });
  });
  return { api, requests };
}

test("the clock goes as the server's does", () => {
  const time = new Time();
  const clock = new Clock(time.monotonic, () => 77);
  assert.equal(clock.now(), 77);
  clock.set(5000);
  time.now += 2.5;
  assert.equal(clock.now(), 5002.5);
});

test("requests go next to the document, with a body only if it has one", async () => {
  const { api, requests } = server([200, { user: "a" }], [204], [200, {}]);
  assert.deepEqual(await api.get("me"), { user: "a" });
  assert.equal(await api.delete("session"), null);
  await api.post("session", { username: "a", secret: "b" });
  assert.deepEqual(requests, [
    ["GET", "page/api/me", undefined],
    ["DELETE", "page/api/session", undefined],
    ["POST", "page/api/session", '{"username":"a","secret":"b"}'],
  ]);
});

test("failures have a status and what the server says", async () => {
  const { api } = server([403, { title: "Forbidden", detail: "not you" }], [502, "<html>"], [0]);
  const errors = [];
  for (let number = 0; number < 3; number++) errors.push(await api.get("me").catch((error) => error));
  assert.ok(errors.every((error) => error instanceof ApiError));
  assert.deepEqual(errors.map(({ status, detail }) => [status, detail]).slice(0, 2), [[403, "not you"], [502, ""]]);
  assert.equal(errors[2].status, 0);
});

test("a session is found, and looked at every ten minutes", async () => {
  const time = new Time();
  const { api, requests } = server([200, { user: "a" }], [200, { user: "a" }], [401, {}]);
  const session = new Session(api, time);
  const states = [];
  session.onchange = () => states.push(session.state);
  await Promise.all([session.find(), session.find()]);
  assert.equal(requests.length, 1);
  assert.deepEqual(session.me, { user: "a" });
  await time.pass(AGAIN / 1000 + 1);
  assert.deepEqual(states, ["in"]);
  await time.pass(AGAIN / 1000 + 1);
  assert.deepEqual(states, ["in", "out"]);
  assert.equal(session.me, null);
  await time.pass(10 * AGAIN);
  assert.equal(requests.length, 3);
});

test("a server that is away ends no session", async () => {
  const time = new Time();
  const { api, requests } = server([200, { user: "a" }], [0], [503, {}], [200, { user: "a" }]);
  const session = new Session(api, time);
  await session.find();
  await time.pass((AGAIN / 1000) * 3 + 1);
  assert.equal(session.state, "in");
  assert.equal(requests.length, 4);
});

test("login and logout", async () => {
  const { api } = server([401, { title: "Unauthorized" }], [200, { user: "a" }], [200, { user: "a" }], [0]);
  const session = new Session(api, new Time());
  await assert.rejects(session.login("a", "wrong"), { status: 401 });
  assert.equal(session.state, "unknown");
  await session.login("a", "right");
  assert.equal(session.state, "in");
  await assert.rejects(session.logout());
  assert.equal(session.state, "out");
});
