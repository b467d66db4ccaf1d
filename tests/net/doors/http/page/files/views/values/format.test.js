import assert from "node:assert/strict";
import { test } from "node:test";

import {
  age,
  byName,
  clip,
  duration,
  moment,
  number,
  partyTexts,
  percent,
} from "../../../../../../../../proxy/amiproxy/net/doors/http/page/files/views/values/format.js";

test("durations count minutes, hours, then days", () => {
  const shown = [0, 7.9, 60, 3599, 3600, 86399, 86400, 200000].map(duration);
  assert.deepEqual(shown, ["0:00", "0:07", "1:00", "59:59", "1:00:00", "23:59:59", "1 d 00:00", "2 d 07:33"]);
});

test("a duration that is not known is a dash, and none is below nothing", () => {
  assert.equal(duration(null), "–");
  assert.equal(duration(Number.NaN), "–");
  assert.equal(duration(-3), "0:00");
});

test("shares are rounded down, so that none looks as if it met its target", () => {
  assert.deepEqual([79.96, 80, 100, 0].map(percent), ["79%", "80%", "100%", "0%"]);
  assert.equal(percent((29 / 50) * 100), "58%");
  assert.equal(percent(null), "–");
});

test("numbers have their groups of digits", () => {
  assert.equal(number(1234567), "1,234,567");
  assert.equal(number(null), "–");
});

test("times of another day have their date", () => {
  const now = Date.UTC(2026, 5, 15, 12) / 1000;
  assert.match(moment(now - 3600, now), /^\d\d:\d\d$/);
  assert.match(moment(now - 3 * 86400, now), /12.* \d\d:\d\d$/);
  assert.equal(moment(null, now), "–");
});

test("names are cut between characters, and control nothing", () => {
  assert.equal(clip("a".repeat(10000), 5), "aaaaa…");
  assert.equal(clip("😀".repeat(10), 3), "😀😀😀…");
  assert.equal(clip("😀😀😀", 3), "😀😀😀");
  assert.equal(clip("a\nb\u0000c\u001b[31m\u0085"), "a b c [31m ");
});

test("ages change at full seconds of the server, at which they are drawn", () => {
  assert.equal(age(10.9, 11), "0:01");
  assert.equal(age(10.9, 11.99), "0:01");
  assert.equal(age(10.1, 12), "0:02");
  assert.equal(age(null, 12), "–");
});

test("somebody is shown by the agent's name, else the caller's, else the number", () => {
  assert.deepEqual(partyTexts({ agent: "Ann", name: "ann", number: "200" }), ["Ann", "200"]);
  assert.deepEqual(partyTexts({ agent: "", name: "Bob", number: "030" }), ["Bob", "030"]);
  assert.deepEqual(partyTexts({ agent: "", name: "", number: "030" }), ["030", ""]);
  assert.deepEqual(partyTexts({ agent: "", name: "030", number: "030" }), ["030", ""]);
  assert.deepEqual(partyTexts({ agent: "", name: "", number: "" }), ["unknown", ""]);
  assert.deepEqual(partyTexts(null), ["–", ""]);
});

test("names are in the order of people", () => {
  assert.deepEqual(["agent 10", "Ärger", "agent 9", "Zoe", "arm"].sort(byName), [
    "agent 9",
    "agent 10",
    "Ärger",
    "arm",
    "Zoe",
  ]);
});
