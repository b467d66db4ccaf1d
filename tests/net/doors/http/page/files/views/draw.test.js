import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Drawer } from "../../../../../../../proxy/amiproxy/net/doors/http/page/files/views/draw.js";

let frames = [];
let timers = [];
let drawers = [];
const REAL = { requestAnimationFrame: globalThis.requestAnimationFrame, setTimeout: globalThis.setTimeout };

beforeEach(() => {
  [frames, timers, drawers] = [[], [], []];
  globalThis.requestAnimationFrame = (call) => frames.push(call);
  globalThis.setTimeout = (call, wait) => timers.push({ call, wait });
  globalThis.document = { hidden: false };
});

afterEach(() => {
  for (const { channel } of drawers) channel.port1.close();
  Object.assign(globalThis, REAL);
});

/** A drawer that notes what it does. */
function made() {
  const done = [];
  const drawer = new Drawer(
    () => done.push("draw"),
    () => done.push("tick"),
  );
  drawers.push(drawer);
  return { drawer, done };
}

/** Lets the browser draw a frame. */
const frame = (time) => frames.splice(0).forEach((call) => call(time));

test("however often it is asked, it draws once in a frame", () => {
  const { drawer, done } = made();
  for (let each = 0; each < 10; each += 1) drawer.ask();
  frame(16);
  assert.deepEqual(done, ["draw"]);
});

test("a browser that comes twice with the same frame gets the second draw in the next one", () => {
  const { drawer, done } = made();
  drawer.ask();
  frame(16);
  drawer.ask();
  frame(16);
  assert.deepEqual(done, ["draw"]);
  frame(32);
  assert.deepEqual(done, ["draw", "draw"]);
});

test("a tick is in the same frame as the draw", () => {
  const { drawer, done } = made();
  drawer.start(() => 1000);
  timers[0].call();
  drawer.ask();
  assert.equal(frames.length, 1);
  frame(16);
  assert.deepEqual(done, ["tick", "draw"]);
});

test("after a frame that took long it rests", async () => {
  const { drawer, done } = made();
  drawer.draw = () => {
    const until = performance.now() + 20;
    while (performance.now() < until);
    done.push("draw");
  };
  drawer.ask();
  frame(16);
  while (!drawer.restUntil) await new Promise((go) => REAL.setTimeout(go, 1));
  drawer.ask();
  assert.equal(frames.length, 0);
  assert.equal(timers.length, 1);
  assert.ok(timers[0].wait > 20);
  drawer.restUntil = 0;
  timers[0].call();
  assert.equal(frames.length, 1);
});
