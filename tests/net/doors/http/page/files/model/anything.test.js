import assert from "node:assert/strict";
import { test } from "node:test";

import { Board, KINDS } from "../../../../../../../proxy/amiproxy/net/doors/http/page/files/model/board.js";

const VALUES = [
  ...["", "0", "1", "2", "7", "-1", "1.5", "a", "b", "a;@b", ";@", "a\0b", "on", "static", "__proto__", "constructor"],
  ...["PJSIP/a", "PJSIP/a-1", "Local/a@b-1;1", "SIP/b-", "Agent:1", "hint:1@a", "00:00:99999999999999", "AGENT_ONCALL"],
  ...["holding_bridge", "INUSE", "Unavailable", "Registered", "Removed", "Parking", "ConfBridge", "9".repeat(400)],
  ...["PJSIP/a,x&y", "&&&,,,", "(5 ms)", `OK (${"9".repeat(5000)} ms)`, "sip:a@b:5060;x?y>", "2001:db8::1", "<b>".repeat(999)],
];
const HEADERS = [
  ...["Queue", "Interface", "Location", "MemberName", "Name", "StateInterface", "Status", "Paused", "InCall", "CallsTaken"],
  ...["Uniqueid", "DestUniqueid", "Linkedid", "Channel", "Newname", "ChannelState", "CallerIDNum", "CallerIDName", "Position"],
  ...["Count", "HoldTime", "TalkTime", "Wait", "Duration", "BridgeUniqueid", "BridgeId", "BridgeTechnology", "BridgeCreator"],
  ...["BridgeNumChannels", "Parkinglot", "ParkingSpace", "ParkeeUniqueid", "ParkingDuration", "Conference", "Agent"],
  ...["LoggedInTime", "CallStarted", "TalkingToChan", "Exten", "Context", "Hint", "Presentity", "Message", "Device", "State"],
  ...["AOR", "URI", "Uri", "Endpoint", "EndpointName", "ContactStatus", "RoundtripUsec", "ObjectName", "DeviceState", "Peer"],
  ...["PeerStatus", "Address", "Channeltype", "ChannelType", "IPaddress", "IPport", "Username", "Domain", "Completed"],
  ...["Abandoned", "ServiceLevel", "ServicelevelPerf", "Membership", "LastCall", "LastPause", "LoginTime", "Uptime"],
];
const GROUPS = [
  ...["channels", "bridges", "queues", "members", "entries", "agents", "parked", "participants", "extensions", "presence"],
  ...["endpoints", "contacts", "peers", "unknown"],
];

/** Numbers from 0 to 1; the same for the same seed. */
function chance(seed) {
  let state = seed * 2654435761 + 1;
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
}

for (const seed of [1, 2, 3, 4]) {
  test(`nothing that comes is too odd: ${seed}`, () => {
    const random = chance(seed);
    const one = (list) => list[Math.floor(random() * list.length)];
    const value = () => (random() < 0.05 ? [one(VALUES), one(VALUES)] : one(VALUES));
    const data = () => Object.fromEntries(HEADERS.filter(() => random() < 0.8).map((name) => [name, value()]));
    const clock = { time: 1, now: () => clock.time };
    const board = new Board(clock);
    board.hello({ user: "a", servers: [{ name: "asterisk", up: true }], time: 1 });
    const events = [...board.sideOf("").handlers.keys(), "FullyBooted", "UserEvent"];
    for (let number = 0; number < 3000; number++) {
      clock.time += random();
      if (random() < 0.02) {
        const groups = GROUPS.map((name) => [name, Array.from({ length: 4 }, data)]);
        board.snapshot({ id: random() < 0.5 ? "1" : undefined, kinds: KINDS, data: Object.fromEntries(groups) });
      } else board.event({ ...data(), Event: one(events) }, "", random() < 0.9 ? clock.time : null);
      if (number % 20) continue;
      const rows = [...board.queues(), ...board.calls(), ...board.agents(), ...board.extensions(), ...board.trunks()];
      assert.equal(new Set(rows).size, rows.length);
      const totals = board.totals();
      assert.ok(Object.values(totals).every((figure) => figure === null || Number.isFinite(figure)), JSON.stringify(totals));
      for (const { waiting, callers, free, ringing, talking, paused, away } of board.queues()) {
        assert.equal(waiting, callers.length);
        assert.ok([free, ringing, talking, paused, away].every((figure) => figure >= 0));
      }
      for (const row of rows) {
        for (const [name, shown] of Object.entries(row)) {
          if (typeof shown === "number") assert.ok(Number.isFinite(shown), name);
          if (name === "name" || name === "address") assert.equal(typeof shown, "string");
        }
      }
    }
    board.snapshot({ kinds: KINDS, data: {} });
    const rows = [...board.queues(), ...board.calls(), ...board.agents(), ...board.extensions()];
    assert.deepEqual(rows, []);
  });
}
