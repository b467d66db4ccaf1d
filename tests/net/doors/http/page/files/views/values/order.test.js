import assert from "node:assert/strict";
import { test } from "node:test";

import {
  compare,
  finder,
  rising,
  sorted,
} from "../../../../../../../../proxy/amiproxy/net/doors/http/page/files/views/values/order.js";

test("what is not known comes last, whichever way the column is sorted", () => {
  for (const isFalling of [false, true]) {
    assert.equal(compare(null, 3, isFalling), 1);
    assert.equal(compare(3, null, isFalling), -1);
    assert.equal(compare("", "a", isFalling), 1);
    assert.equal(compare(null, "", isFalling), 0);
  }
});

test("numbers are sorted by size, and equal rows by their tie", () => {
  const rows = [
    ["b", 10],
    ["a", 9],
    ["c", 10],
  ].map(([name, value]) => ({ name, value }));
  const names = (isFalling) =>
    sorted(
      rows,
      (row) => row.value,
      isFalling,
      (row) => row.name,
    ).map((row) => row.name);
  assert.deepEqual(names(false), ["a", "b", "c"]);
  assert.deepEqual(names(true), ["b", "c", "a"]);
});

test("a row is found by all words in any order, without case and accents", () => {
  const finds = finder("  garcia TOM ");
  assert.equal(finds(["Tomás García", "200"]), true);
  assert.equal(finds(["Tom", "sales"]), false);
  assert.equal(finder("   "), null);
});

test("a word is not found across two texts", () => {
  assert.equal(finder("ab")(["a", "b"]), false);
});

test("as much as possible stays where it is", () => {
  assert.deepEqual([...rising([0, 1, 2, 3])].sort(), [0, 1, 2, 3]);
  assert.equal(rising([3, 0, 1, 2]).size, 3); // the first has moved
  assert.equal(rising([1, 2, 3, 0]).size, 3); // the last has
  assert.equal(rising([3, 2, 1, 0]).size, 1);
  assert.equal(rising([]).size, 0);
});

test("what stays is in order", () => {
  const values = [5, 1, 8, 2, 9, 3, 4, 7, 6, 0];
  const kept = [...rising(values)].sort((one, other) => one - other).map((index) => values[index]);
  assert.deepEqual(
    kept,
    [...kept].sort((one, other) => one - other),
  );
  assert.equal(kept.length, 5);
});
