import assert from "node:assert/strict";
import { test } from "node:test";

import { sums } from "../../../../../../../proxy/amiproxy/net/doors/http/page/files/views/totals.js";

const NONE = { waiting: 0, longestSince: null, completed: 0, abandoned: 0, serviceLevel: null };

test("the totals of some queues are sums, the oldest caller, and each service level by its calls", () => {
  const queues = [
    { ...NONE, waiting: 2, longestSince: 100, completed: 30, abandoned: 1, serviceLevel: 90 },
    { ...NONE, waiting: 1, longestSince: 50, completed: 10, abandoned: 2, serviceLevel: 50 },
    { ...NONE, completed: 5 }, // without a target
  ];
  const agents = [{ state: "free" }, { state: "talking" }, { state: "talking" }];
  const totals = sums(queues, agents, 7);
  assert.deepEqual([totals.waiting, totals.longestSince, totals.calls], [3, 50, 7]);
  assert.deepEqual([totals.completed, totals.abandoned, totals.serviceLevel], [45, 3, 80]);
  assert.deepEqual([totals.free, totals.ringing, totals.talking, totals.paused, totals.away], [1, 0, 2, 0, 0]);
});

test("without calls there is no service level", () => {
  const totals = sums([NONE, { ...NONE, serviceLevel: 100 }], [], 0);
  assert.deepEqual([totals.serviceLevel, totals.longestSince], [null, null]);
});
