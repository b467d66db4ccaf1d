import assert from "node:assert/strict";
import { test } from "node:test";

import {
  above,
  below,
  levels,
  tiling,
  wanted,
} from "../../../../../../../../proxy/amiproxy/net/doors/http/page/files/views/values/thresholds.js";

const asked = (query) => wanted(new URLSearchParams(query));

test("without parameters a wall shows all queues", () => {
  const { queues, server, show } = asked("");
  assert.deepEqual([queues, server, [...show]], [null, "", ["queues"]]);
});

test("names and views are lists", () => {
  const { queues, server, show } = asked("queues=sales, support,&server=wien&show=agents,queues,nonsense");
  assert.deepEqual([[...queues], server, [...show]], [["sales", "support"], "wien", ["agents", "queues"]]);
});

test("bounds count in either order", () => {
  assert.deepEqual(asked("sl=80,90").serviceLevel, { amber: 90, red: 80 });
  assert.deepEqual(asked("sl=90,80").serviceLevel, { amber: 90, red: 80 });
  assert.deepEqual(asked("wait=60,30").wait, { amber: 30, red: 60 });
  assert.deepEqual(asked("waiting=4").waiting, { amber: 4, red: 4 });
});

test("bounds that are no numbers are those of a wall without them", () => {
  for (const nonsense of ["wait=", "wait=a,b", "wait=1,2,3", "wait=NaN", "wait=Infinity,3"]) {
    assert.deepEqual(asked(nonsense).wait, asked("").wait);
  }
});

test("a bound belongs to the worse level above, and to the better one below", () => {
  const bounds = { amber: 3, red: 5 };
  assert.deepEqual(
    [0, 3, 5, null].map((value) => above(value, bounds)),
    ["calm", "amber", "red", "calm"],
  );
  const least = { amber: 90, red: 80 };
  assert.deepEqual(
    [90, 89.9, 80, 79.9, null].map((value) => below(value, least)),
    ["calm", "amber", "amber", "red", "calm"],
  );
});

test("a queue is as urgent as the worse of its callers and their wait", () => {
  const bounds = asked("waiting=3,5&wait=30,60&sl=90,80");
  const at = (waiting, wait, serviceLevel) =>
    levels({ waiting, longestSince: wait === null ? null : 1000 - wait, serviceLevel }, bounds, 1000);
  assert.equal(at(1, 10, 70).now, "calm");
  assert.equal(at(1, 10, 70).serviceLevel, "red");
  assert.equal(at(3, 10, 95).now, "amber");
  assert.equal(at(1, 60, 95).now, "red");
  assert.equal(at(0, null, null).now, "calm");
});

test("tiles fill a screen, and go to pages of the same size if they would be too small", () => {
  const least = { width: 200, height: 120 };
  for (const [count, width, height] of [
    [1, 1920, 900],
    [8, 1920, 900],
    [50, 1280, 600],
    [3, 300, 500],
    [0, 100, 100],
  ]) {
    const { columns, rows, perPage, pages } = tiling(count, width, height, least);
    assert.ok(columns * rows >= perPage);
    assert.ok(perPage * pages >= count);
    assert.ok(columns === 1 || width / columns >= least.width);
    assert.ok(rows === 1 || height / rows >= least.height);
  }
  assert.equal(tiling(8, 1920, 900, least).pages, 1);
  assert.equal(tiling(31, 1200, 600, least).perPage, 16);
});
