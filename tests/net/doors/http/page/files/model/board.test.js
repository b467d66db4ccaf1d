import assert from "node:assert/strict";
import { test } from "node:test";

import { Board, KINDS } from "../../../../../../../proxy/amiproxy/net/doors/http/page/files/model/board.js";

/** What a caller may call itself. */
const HOSTILE = `<img src=x onerror=alert(1)>\u202e"'&${"x".repeat(10_000)}`;

const queue = (name, more = {}) => ({
  ...{ Event: "QueueParams", Queue: name, Calls: "0", Holdtime: "7", TalkTime: "90", Completed: "10", Abandoned: "2" },
  ...{ ServiceLevel: "20", ServicelevelPerf: "80.0", ServicelevelPerf2: "75.0", ...more },
});
const member = (name, address, more = {}) => ({
  ...{ Event: "QueueMember", Queue: name, Name: "Ann", Location: address, StateInterface: address, Membership: "dynamic" },
  ...{ CallsTaken: "3", LastCall: "4000", LastPause: "0", LoginTime: "3000", InCall: "0", Status: "1", Paused: "0" },
  ...{ PausedReason: "", ...more },
});
/** The event of a member, which has other names for two of the headers. */
function told(event, name, address, more = {}) {
  const { Name, Location, ...rest } = member(name, address, more);
  return { ...rest, Event: event, MemberName: Name, Interface: Location };
}
const channel = (id, name, more = {}) => ({
  ...{ Channel: name, ChannelState: "6", CallerIDNum: id, CallerIDName: `name ${id}`, Uniqueid: id, Linkedid: "1" },
  ...more,
});

/** A board with a snapshot. */
function board(data = {}, { servers = [{ name: "asterisk", up: true, started: 1000 }], ...more } = {}) {
  const clock = { time: 5000, now: () => clock.time };
  const made = new Board(clock);
  made.hello({ user: "a", servers, time: clock.time });
  made.snapshot({ data, kinds: KINDS, ...more });
  made.clock = clock;
  made.say = (event, more, server = "") => made.event({ ...more, Event: event }, server, clock.time);
  made.changed.clear();
  return made;
}

test("a queue has its callers, its members by state, and its figures", () => {
  const shown = board({
    queues: [queue("sales")],
    members: [
      ...[["1", "a"], ["2", "b"], ["6", "c"], ["5", "d"], ["0", "e"], ["8", "f"]].map(([Status, name]) => member("sales", `PJSIP/${name}`, { Status })),
      member("sales", "PJSIP/g", { Paused: "1" }),
      member("sales", "PJSIP/h", { Paused: "1", Status: "2" }),
      member("sales", "PJSIP/i", { InCall: "1" }),
    ],
    entries: [
      { Queue: "sales", Position: "1", Uniqueid: "1", CallerIDNum: "555", CallerIDName: "unknown", Wait: "40" },
      { Queue: "sales", Position: "2", Uniqueid: "2", CallerIDNum: "666", CallerIDName: HOSTILE, Wait: "70" },
    ],
  });
  const [row] = shown.queues();
  assert.deepEqual(row, {
    ...{ key: "\x00sales", server: "", name: "sales", waiting: 2, longestSince: 4930 },
    callers: [
      { position: 1, name: "", number: "555", since: 4960 },
      { position: 2, name: HOSTILE, number: "666", since: 4930 },
    ],
    ...{ free: 1, ringing: 1, talking: 4, paused: 1, away: 2 },
    ...{ serviceLevel: 80, target: 20, completed: 10, abandoned: 2, hold: 7, talk: 90 },
    ...{ countedSince: 1000, countedSinceReset: false },
  });
  const totals = shown.totals();
  assert.deepEqual([totals.waiting, totals.longestSince, totals.talking, totals.serviceLevel], [2, 4930, 4, 80]);
});

test("there is no service level without a target, or before the first call", () => {
  const shown = board({ queues: [queue("a", { ServiceLevel: "0" }), queue("b", { Completed: "0", Abandoned: "0" })] });
  assert.deepEqual(shown.queues().map((row) => row.serviceLevel), [null, null]);
  assert.equal(shown.totals().serviceLevel, null);
});

test("counters that go back are said to count since then", () => {
  const shown = board({ queues: [queue("sales")] });
  shown.clock.time = 6000;
  shown.snapshot({ id: "1", kinds: ["queues"], data: { queues: [queue("sales", { Completed: "0" })] } });
  assert.deepEqual([shown.queues()[0].countedSince, shown.queues()[0].countedSinceReset], [6000, true]);
  shown.clock.time = 7000;
  shown.link("", false, 7000);
  shown.link("", true, 7010);
  shown.say("FullyBooted", { Uptime: "5" });
  assert.deepEqual([shown.queues()[0].countedSince, shown.queues()[0].countedSinceReset], [6995, false]);
});

test("a member of several queues is one agent", () => {
  const shown = board({
    queues: [queue("a"), queue("b")],
    members: [member("a", "PJSIP/x"), member("b", "PJSIP/x", { CallsTaken: "4", LastCall: "4500", Paused: "1", PausedReason: "lunch" })],
  });
  const [row] = shown.agents();
  assert.deepEqual(row, {
    ...{ key: "\x00PJSIP/x", server: "", name: "Ann", device: "PJSIP/x", state: "free", isPaused: false, reason: "lunch" },
    ...{ since: null, queues: [{ name: "a", isPaused: false }, { name: "b", isPaused: true }] },
    ...{ taken: 7, lastCall: 4500, loggedIn: 3000, partner: null },
  });
  shown.say("QueueMemberPause", told("QueueMemberPause", "a", "PJSIP/x", { Paused: "1", LastPause: "4990" }));
  assert.deepEqual(shown.agents().map((one) => [one.state, one.isPaused, one.since, one.reason]), [["paused", true, 4990, "lunch"]]);
  shown.clock.time = 5005;
  for (const name of ["a", "b"]) shown.say("QueueMemberStatus", told("QueueMemberStatus", name, "PJSIP/x", { Status: "6" }));
  assert.deepEqual(shown.agents().map((one) => [one.state, one.since]), [["ringing", 5005]]);
  shown.event({ ...told("QueueMemberStatus", "a", "PJSIP/x"), Event: "QueueMemberStatus" }, "", null);
  shown.event({ ...told("QueueMemberStatus", "b", "PJSIP/x"), Event: "QueueMemberStatus" }, "", null);
  assert.deepEqual(shown.agents().map((one) => [one.state, one.since]), [["free", null]]);
  for (const name of ["a", "b"]) shown.say("QueueMemberRemoved", told("", name, "PJSIP/x"));
  assert.deepEqual(shown.agents(), []);
});

test("a call is one row, whatever its channels", () => {
  const shown = board({ queues: [queue("sales")], members: [member("sales", "PJSIP/ann")] });
  shown.say("Newchannel", channel("1", "PJSIP/trunk-00000001", { CallerIDName: HOSTILE }));
  shown.say("QueueCallerJoin", { ...channel("1", "PJSIP/trunk-00000001"), Queue: "sales", Position: "1", Count: "1" });
  assert.deepEqual(shown.calls().map((row) => [row.state, row.place, row.to]), [["waiting", "sales", null]]);
  shown.say("Newchannel", channel("2", "Local/7@agents-00000001;1"));
  shown.say("Newchannel", channel("3", "Local/7@agents-00000001;2"));
  shown.say("Newchannel", channel("4", "PJSIP/ann-00000002", { ChannelState: "5" }));
  shown.clock.time = 5010;
  shown.say("QueueCallerLeave", { ...channel("1", "PJSIP/trunk-00000001"), Queue: "sales", Position: "1", Count: "0" });
  shown.say("AgentConnect", { ...channel("1", "x"), DestUniqueid: "4", Queue: "sales", Interface: "PJSIP/ann", HoldTime: "10" });
  shown.say("QueueMemberStatus", told("", "sales", "PJSIP/ann", { Event: "QueueMemberStatus", InCall: "1", Status: "2" }));
  for (const [id, name] of [["1", "PJSIP/trunk-00000001"], ["4", "PJSIP/ann-00000002"]]) {
    shown.say("BridgeEnter", { ...channel(id, name), BridgeUniqueid: "b", BridgeTechnology: "simple_bridge" });
  }
  assert.deepEqual(shown.calls(), [
    {
      ...{ key: "\x001", server: "", state: "talking", others: 0, place: "", since: 5000, answered: 5010 },
      from: { name: "name 1", number: "1", agent: "" },
      to: { name: "name 4", number: "4", agent: "Ann" },
    },
  ]);
  assert.deepEqual(shown.agents().map(({ state, since, partner }) => [state, since, partner]), [
    ["talking", 5010, { name: "name 1", number: "1", agent: "" }],
  ]);
  assert.equal(shown.totals().calls, 1);
  for (const id of ["1", "2", "3", "4"]) shown.say("Hangup", channel(id, ""));
  assert.deepEqual(shown.calls(), []);
});

test("members behind hints have the device of the hint", () => {
  const shown = board({
    extensions: [{ Exten: "101", Context: "phones", Hint: "PJSIP/101&Custom:x,CustomPresence:101", Status: "0" }],
    queues: [queue("sales")],
    members: [member("sales", "Local/101@queue/n", { StateInterface: "hint:101@phones", Status: "2" })],
    channels: [
      channel("1", "PJSIP/trunk-1", { BridgeId: "b", Duration: "00:00:09" }),
      channel("2", "PJSIP/101-2", { BridgeId: "b", Duration: "00:00:09" }),
    ],
  });
  assert.equal(shown.calls()[0].to.agent, "Ann");
  assert.equal(shown.agents()[0].partner.name, "name 1");
});

test("parked calls and conferences have a place", () => {
  const shown = board({
    channels: [channel("1", "SIP/a-1", { Duration: "00:10:00" }), channel("2", "SIP/b-1", { Linkedid: "2", Duration: "00:00:30" })],
    parked: [{ ParkeeUniqueid: "1", Parkinglot: "default", ParkingSpace: "701", ParkingDuration: "60" }],
    participants: [{ Conference: "room", Uniqueid: "2" }],
  });
  assert.deepEqual(shown.calls().map((row) => [row.state, row.place, row.since]), [["parked", "701", 4940], ["conference", "room", 4970]]);
  const leave = { BridgeUniqueid: "p", BridgeTechnology: "holding_bridge" };
  shown.say("BridgeLeave", { ...channel("1", "SIP/a-1"), ...leave, BridgeCreator: "Parking" });
  shown.say("BridgeLeave", { ...channel("2", "SIP/b-1", { Linkedid: "2" }), ...leave, BridgeCreator: "ConfBridge" });
  assert.deepEqual(shown.calls().map((row) => row.state), ["other", "other"]);
});

test("an action that takes a caller away ends the waiting", () => {
  for (const event of ["BridgeEnter", "Hangup"]) {
    const shown = board({ queues: [queue("a")], entries: [{ Queue: "a", Uniqueid: "1", Position: "1", Wait: "5" }] });
    shown.say(event, channel("1", "SIP/a-1", { BridgeUniqueid: "b" }));
    assert.equal(shown.queues()[0].waiting, 0);
  }
});

test("agents of app_agent_pool are rows, unless they are members", () => {
  const agents = [
    { Agent: "1", Name: "Bob", Status: "AGENT_LOGGEDOFF" },
    { Agent: "2", Name: "Eve", Status: "AGENT_IDLE", Uniqueid: "7", Channel: "SIP/e-1", LoggedInTime: "4321" },
  ];
  const shown = board({ agents, queues: [queue("a")], members: [member("a", "Local/2@agents/n", { StateInterface: "Agent:2" })] });
  const rows = () => shown.agents().map((row) => [row.name, row.state, row.loggedIn]);
  assert.deepEqual(rows(), [["Ann", "free", 4321], ["Bob", "away", null]]);
  shown.say("QueueMemberRemoved", told("", "a", "Local/2@agents/n"));
  assert.deepEqual(rows(), [["Bob", "away", null], ["Eve", "free", 4321]]);
  shown.say("Newchannel", channel("7", "SIP/e-1", { Linkedid: "7" }));
  shown.say("Newchannel", channel("8", "SIP/caller-1", { Linkedid: "7" }));
  for (const id of ["8", "7"]) shown.say("BridgeEnter", { ...channel(id, `SIP/${id}-1`, { Linkedid: "7" }), BridgeUniqueid: "b" });
  assert.deepEqual(shown.agents().map((row) => [row.name, row.state, row.partner?.number]), [["Bob", "away", undefined], ["Eve", "talking", "8"]]);
  shown.say("AgentLogoff", { Agent: "2", Uniqueid: "7" });
  assert.deepEqual(rows()[1], ["Eve", "away", null]);
});

test("extensions have a state and a presence", () => {
  const item = (Exten, Status, Hint = `PJSIP/${Exten}`) => ({ Exten, Context: "in", Hint, Status });
  const codes = { 0: "free", 1: "busy", 2: "busy", 4: "offline", 8: "ringing", 9: "ringing", 16: "held", 17: "held", x: "unknown" };
  const shown = board({
    extensions: [...Object.keys(codes).map((code) => item(`e${code}`, code)), item("p", "0", "PJSIP/p,CustomPresence:p")],
    presence: [{ Presentity: "CustomPresence:p", Status: "away", Message: "back at 5" }],
  });
  assert.deepEqual(Object.fromEntries(shown.extensions().slice(0, -1).map((row) => [row.exten.slice(1), row.state])), codes);
  assert.deepEqual([shown.extensions().at(-1).presence, shown.extensions().at(-1).text], ["away", "back at 5"]);
  shown.say("PresenceStateChange", { Presentity: "CustomPresence:p", Status: "not_set", Message: "" });
  shown.say("ExtensionStatus", item("e0", "-1"));
  assert.equal(shown.extensions().at(-1).presence, "");
  assert.equal(shown.extensions().length, Object.keys(codes).length);
});

test("of hints that have changed nothing stays", () => {
  const shown = board({ extensions: [] });
  for (let number = 0; number < 100; number += 1) {
    const Hint = `PJSIP/${number},CustomPresence:${number}`;
    shown.say("ExtensionStatus", { Exten: "1", Context: "in", Hint, Status: "0" });
  }
  const [side] = shown.sides.values();
  assert.deepEqual([...side.lines.watchers.keys()], ["CustomPresence:99"]);
  shown.say("ExtensionStatus", { Exten: "1", Context: "in", Hint: "", Status: "-1" });
  assert.equal(side.lines.watchers.size, 0);
});

test("trunks are endpoints with their contacts, peers, and registrations", () => {
  const shown = board({
    endpoints: [
      { ObjectName: "carrier", DeviceState: "Not in use" },
      { ObjectName: "gone", DeviceState: "Unavailable" },
    ],
    contacts: [{ ObjectName: "carrier;@0a", Uri: "sip:c@192.0.2.1:5060;ob", Endpoint: "carrier", Status: "Reachable", RoundtripUsec: "12500" }],
    peers: [
      { Channeltype: "SIP", ObjectName: "old", IPaddress: "2001:db8::1", IPport: "5060", Status: "OK (5 ms)", Dynamic: "yes" },
      { Channeltype: "IAX", ObjectName: "far", IPaddress: "(null)", Port: "(null)", Status: "UNREACHABLE", Dynamic: "yes" },
    ],
  });
  const rows = () => shown.trunks().map((row) => [row.technology, row.name, row.state, row.address, row.rtt, row.channels]);
  assert.deepEqual(rows(), [
    ["PJSIP", "carrier", "up", "192.0.2.1:5060", 12.5, 0],
    ["PJSIP", "gone", "down", "", null, 0],
    ["SIP", "old", "up", "[2001:db8::1]:5060", 5, 0],
    ["IAX2", "far", "down", "", null, 0],
  ]);
  shown.changed.clear();
  shown.say("Newchannel", channel("1", "PJSIP/carrier-00000001"));
  assert.ok(shown.changed.has("lines"));
  assert.equal(shown.trunks()[0].channels, 1);
  const contact = { AOR: "carrier", URI: "sip:c@192.0.2.1:5060;ob", EndpointName: "carrier" };
  shown.say("ContactStatus", { ...contact, ContactStatus: "Unreachable", RoundtripUsec: "0" });
  assert.equal(shown.trunks()[0].state, "down");
  shown.say("ContactStatus", { ...contact, ContactStatus: "Removed" });
  shown.say("DeviceStateChange", { Device: "PJSIP/carrier", State: "UNAVAILABLE" });
  assert.equal(shown.trunks()[0].state, "down");
  shown.say("PeerStatus", { Peer: "SIP/old", PeerStatus: "Unregistered" });
  shown.say("PeerStatus", { Peer: "IAX2/far", PeerStatus: "Reachable" });
  shown.say("Registry", { ChannelType: "PJSIP", Username: "me", Domain: "sip:carrier", Status: "Rejected" });
  assert.deepEqual(rows().slice(2), [
    ["SIP", "old", "down", "", null, 0],
    ["IAX2", "far", "up", "", null, 0],
    ["PJSIP", "me", "down", "sip:carrier", null, 0],
  ]);
});

test("a snapshot in parts is shown when it is complete, and one that was asked for replaces its kinds", () => {
  const shown = board({ queues: [queue("a")], channels: [channel("1", "SIP/a-1")] });
  shown.snapshot({ id: "s", more: true, data: { queues: [queue("b")] } });
  assert.deepEqual(shown.queues().map((row) => row.name), ["a"]);
  shown.snapshot({ id: "s", kinds: ["queues"], data: { queues: [queue("c")] } });
  assert.deepEqual(shown.queues().map((row) => row.name), ["b", "c"]);
  assert.equal(shown.calls().length, 1);
  shown.snapshot({ more: true, data: { queues: [queue("lost")] } });
  shown.hello({ user: "a", servers: [{ name: "asterisk", up: true }], time: 1 });
  shown.snapshot({ kinds: ["queues"], kindsMissing: ["channels"], data: { queues: [queue("d")] } });
  assert.deepEqual(shown.queues().map((row) => row.name), ["d"]);
  assert.deepEqual(shown.calls(), []);
  assert.deepEqual([...shown.missing], ["channels"]);
});

test("figures are wanted after a call, until there are some", () => {
  const shown = board({ queues: [queue("a")], members: [member("a", "SIP/x")] });
  assert.equal(shown.wantsFigures, false);
  shown.say("AgentConnect", { ...channel("1", "x"), DestUniqueid: "4", Queue: "a", Interface: "SIP/x", HoldTime: "4" });
  assert.equal(shown.wantsFigures, true);
  shown.snapshot({ id: "1", kinds: ["queues"], data: { queues: [queue("a")] } });
  assert.equal(shown.wantsFigures, false);
});

test("several servers have rows of their own, and keep them while they are away", () => {
  const servers = [{ name: "east", up: true }, { name: "west", up: true }];
  const shown = board({}, { servers, serversMissing: ["east", "west"] });
  shown.snapshot({ server: "east", more: true, data: { queues: [queue("q")] } });
  shown.snapshot({ server: "west", kinds: KINDS, data: { queues: [queue("q", { Completed: "5", ServicelevelPerf: "0.0" })] } });
  assert.deepEqual(shown.queues().map((row) => [row.server, row.name, row.key]), [["east", "q", "east\0q"], ["west", "q", "west\0q"]]);
  assert.equal(Math.round(shown.totals().serviceLevel), 53);
  shown.link("west", false, 5001);
  assert.deepEqual(shown.servers.get("west"), { name: "west", isUp: false, since: 5001, started: null });
  shown.snapshot({ server: "east", kinds: KINDS, serversMissing: ["west"], data: { queues: [queue("r")] } });
  assert.deepEqual(shown.queues().map((row) => row.name), ["r", "q"]);
  shown.snapshot({ server: "west", kinds: KINDS, serversMissing: [], data: {} });
  assert.equal(shown.servers.get("west").isUp, true);
});

test("whoever logs in after somebody else sees nothing of it", () => {
  const shown = board({ queues: [queue("a")] });
  shown.hello({ user: "b", servers: [{ name: "asterisk", up: true }], time: 1 });
  assert.deepEqual(shown.queues(), []);
  assert.equal(shown.isWhole, false);
});

test("rows that have not changed stay the same objects, and only groups that have changed are named", () => {
  const shown = board({ queues: [queue("a"), queue("b")], members: [member("a", "SIP/x"), member("b", "SIP/y")] });
  const [first, second] = shown.queues();
  assert.equal(shown.queues(), shown.queues());
  shown.changed.clear();
  shown.say("QueueMemberStatus", told("", "a", "SIP/x", { Event: "QueueMemberStatus", Status: "6" }));
  assert.deepEqual([...shown.changed].sort(), ["agents", "queues"]);
  assert.notEqual(shown.queues()[0], first);
  assert.equal(shown.queues()[1], second);
  shown.say("UserEvent", {});
  shown.event({ Event: ["Hangup", "Hangup"], Uniqueid: "1" }, "", 1);
});

test("calls that come and go while nobody looks leave nothing", () => {
  const shown = board();
  for (let number = 0; number < 5000; number++) {
    const one = channel(`${number}`, `SIP/a-${number}`, { Linkedid: `${number}` });
    shown.say("Newchannel", one);
    shown.say("Hangup", one);
  }
  const { callRows } = shown.sideOf("");
  assert.ok(callRows.stale.size + callRows.rows.size < 1500);
  assert.deepEqual(shown.calls(), []);
});

test("messages without the headers that they should have do nothing", () => {
  const shown = board();
  for (const names of shown.sideOf("").handlers.keys()) {
    shown.say(names, {});
    shown.say(names, { Queue: ["a", "b"], Interface: "", Uniqueid: ["1", "2"], Agent: "", Exten: "", AOR: "x" });
    shown.say(names, { __proto__: null, constructor: "x", Uniqueid: "__proto__", Queue: "__proto__", Interface: "constructor" });
  }
  for (const rows of [shown.queues(), shown.calls(), shown.agents(), shown.extensions(), shown.trunks()]) assert.ok(rows.length < 2);
});
