import assert from "node:assert/strict";
import { test } from "node:test";

import { address, route } from "../../../../../../../../proxy/amiproxy/net/doors/http/page/files/views/values/route.js";

test("the part after # is a view with parameters", () => {
  const { view, parameters } = route("#wall?queues=a%20b,c&wait=30,60");
  assert.equal(view, "wall");
  assert.equal(parameters.get("queues"), "a b,c");
  assert.equal(parameters.get("wait"), "30,60");
});

test("whatever else it is, the queues are shown", () => {
  for (const hash of ["", "#", "#nonsense", "#__proto__", "#?a=b"]) assert.equal(route(hash).view, "queues");
});

test("an address leads back to the same", () => {
  const { view, parameters } = route(address("agents", new URLSearchParams({ queues: "a?b&c", wait: "1,2" })));
  assert.equal(view, "agents");
  assert.equal(parameters.get("queues"), "a?b&c");
  assert.equal(address("calls", new URLSearchParams()), "#calls");
});
