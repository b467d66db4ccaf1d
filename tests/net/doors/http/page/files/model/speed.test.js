import assert from "node:assert/strict";
import { test } from "node:test";

import { Board, KINDS } from "../../../../../../../proxy/amiproxy/net/doors/http/page/files/model/board.js";

const [QUEUES, AGENTS, CALLS, EVENTS] = [50, 500, 1000, 20_000];
/** Microseconds for one event, and milliseconds for the rows after a second of them; several times what a machine needs. */
const [PER_EVENT, PER_SECOND] = [100, 30];

const queuesOf = (agent) => [0, 1, 2].map((more) => `queue ${(agent * 3 + more) % QUEUES}`);
const channel = (call, end) => ({
  ...{ Channel: `PJSIP/${end ? `agent${call % AGENTS}` : "trunk"}-${call}`, ChannelState: "6", CallerIDNum: `${call}` },
  ...{ CallerIDName: "Caller", Uniqueid: `${call}.${end}`, Linkedid: `${call}.0` },
});
const member = (agent, queue, more) => ({
  ...{ Queue: queue, MemberName: `Agent ${agent}`, Interface: `PJSIP/agent${agent}`, StateInterface: `PJSIP/agent${agent}` },
  ...{ Membership: "dynamic", CallsTaken: "0", LastCall: "0", LastPause: "0", LoginTime: "1", InCall: "0", Status: "1" },
  ...{ Paused: "0", PausedReason: "", ...more },
});
const bridge = (call) => ({ BridgeUniqueid: `b${call}`, BridgeTechnology: "simple_bridge", BridgeCreator: "" });

/** The events of one call, in order. */
function* life(call) {
  const agent = call % AGENTS;
  const [queue] = queuesOf(agent);
  yield { Event: "Newchannel", ...channel(call, 0) };
  yield { Event: "QueueCallerJoin", ...channel(call, 0), Queue: queue, Position: "1", Count: "1" };
  yield { Event: "Newchannel", ...channel(call, 1) };
  for (const name of queuesOf(agent)) yield { Event: "QueueMemberStatus", ...member(agent, name, { Status: "6" }) };
  yield { Event: "QueueCallerLeave", ...channel(call, 0), Queue: queue, Position: "1", Count: "0" };
  const ids = { ...channel(call, 0), DestUniqueid: `${call}.1`, Queue: queue, Interface: `PJSIP/agent${agent}` };
  yield { Event: "AgentConnect", ...ids, HoldTime: "3" };
  for (const end of [0, 1]) yield { Event: "BridgeEnter", ...channel(call, end), ...bridge(call) };
  for (const name of queuesOf(agent)) yield { Event: "QueueMemberStatus", ...member(agent, name, { Status: "2", InCall: "1" }) };
  for (const end of [0, 1]) yield { Event: "NewConnectedLine", ...channel(call, end) };
  yield { Event: "AgentComplete", ...ids, HoldTime: "3", TalkTime: "60" };
  for (const end of [0, 1]) yield { Event: "BridgeLeave", ...channel(call, end), ...bridge(call) };
  for (const name of queuesOf(agent)) yield { Event: "QueueMemberStatus", ...member(agent, name) };
  for (const end of [0, 1]) yield { Event: "Hangup", ...channel(call, end) };
}

/** Milliseconds of this process: others may keep the machine busy. */
function used() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const rows = (board) => [board.queues(), board.calls(), board.agents(), board.extensions(), board.trunks(), board.totals()];

test("a busy call centre is drawn in less than a frame, and nothing of it stays", (t) => {
  const clock = { time: 1, now: () => clock.time };
  const board = new Board(clock);
  board.hello({ user: "a", servers: [{ name: "asterisk", up: true }], time: 1 });
  const queues = Array.from({ length: QUEUES }, (_, number) => ({ Queue: `queue ${number}`, Completed: "0", Abandoned: "0", ServiceLevel: "20" }));
  board.snapshot({ kinds: KINDS, data: { queues, endpoints: [{ ObjectName: "trunk", DeviceState: "In use" }] } });
  for (let agent = 0; agent < AGENTS; agent++) {
    for (const name of queuesOf(agent)) board.event({ Event: "QueueMemberAdded", ...member(agent, name) }, "", 1);
  }
  const lives = Array.from({ length: CALLS }, (_, call) => life(call));
  // Each call is somewhere in its life.
  for (const [call, one] of lives.entries()) for (let steps = call % 14; steps > 0; steps--) board.event(one.next().value, "", 1);
  rows(board);
  let [applied, next] = [0, CALLS];
  const built = [];
  const turns = Array.from({ length: EVENTS }, (_, number) => {
    const place = (number * 7) % CALLS;
    let step = lives[place].next();
    if (step.done) {
      lives[place] = life(next++);
      step = lives[place].next();
    }
    return step.value;
  });
  for (let start = 0; start < EVENTS; start += 1000) {
    clock.time += 1;
    const before = used();
    for (const event of turns.slice(start, start + 1000)) board.event(event, "", clock.time);
    const between = used();
    rows(board);
    applied += between - before;
    built.push(used() - between);
  }
  const [perEvent, perSecond] = [(applied * 1000) / EVENTS, built.sort((one, other) => one - other)[built.length / 2]];
  t.diagnostic(`${perEvent.toFixed(1)} microseconds for an event, ${perSecond.toFixed(2)} ms for the rows of a second`);
  assert.ok(perEvent < PER_EVENT);
  assert.ok(perSecond < PER_SECOND);
  for (const one of lives) for (const event of one) board.event(event, "", clock.time);
  const side = board.sideOf("");
  assert.equal(board.calls().length, 0);
  const left = [side.channels.channels, side.channels.calls, side.queues.callers, side.queues.calls.open, side.queues.calls.orphans];
  for (const map of [...left, side.channels.ofDevice, side.pool.bridges, side.callRows.rows, side.callRows.stale]) assert.equal(map.size, 0);
  assert.ok(side.channels.ended.size <= 512);
});
