/** Plays snapshots and events to a board, and writes what it knows whenever that is asked. */

import { readFileSync, writeFileSync } from "node:fs";

import { Board } from "../../../../../../../proxy/amiproxy/net/doors/http/page/files/model/board.js";

const clock = { time: 0, now: () => clock.time };
const board = new Board(clock);
board.hello({ user: "test", servers: [{ name: "asterisk", up: true }], time: 0 });
const rows = () => [board.queues(), board.calls(), board.agents(), board.extensions(), board.trunks(), board.totals()];

function known() {
  const { queues, channels, places, pool, lines } = board.sideOf("");
  const endpoints = [...lines.endpoints];
  const all = [...queues.queues.values()];
  return {
    queues: all.map(({ name, counters, callers }) => [
      name,
      [callers.length, counters.completed, counters.abandoned, counters.hold, counters.talk, counters.target],
      [counters.level.toFixed(1), counters.level2.toFixed(1)].map(Number),
    ]),
    members: all.flatMap(({ name, members }) =>
      [...members.values()].map((member) => [
        ...[name, member.interface, member.name, member.status, member.isInCall, member.isPaused, member.reason],
        ...[member.taken, member.lastCall ?? 0, member.lastPause ?? 0, member.loginTime ?? 0],
      ]),
    ),
    callers: all.map(({ name, callers }) => [
      name,
      callers.map(({ uniqueid, name: label, number, since }) => [uniqueid, label, number, clock.time - since]),
    ]),
    channels: [...channels.channels.values()].map((channel) => [
      ...[channel.id, channel.name, channel.state, channel.number, channel.label, channel.linkedid, channel.bridge],
    ]),
    parked: [...places.parked.values()].map(({ key, uniqueid }) => [key, uniqueid]),
    participants: [...places.participants.values()].map(({ room, uniqueid }) => [room, uniqueid]),
    extensions: [...lines.extensions.values()].map(({ exten, context, status, hint }) => [exten, context, status, hint]),
    presences: [...lines.presences].map(([name, { status, message }]) => [name, status, message]),
    endpoints: endpoints.map(([device, { status }]) => [device, status]),
    contacts: endpoints.flatMap(([device, { contacts }]) => [...contacts.values()].map(({ uri, status }) => [device, uri, status])),
    peers: [...lines.peers].map(([device, { status, address }]) => [device, status, address]),
    agents: [...pool.agents.values()].map(({ id, state, uniqueid }) => [id, state, uniqueid]),
  };
}

const answers = [];
for (const step of JSON.parse(readFileSync(0, "utf8"))) {
  clock.time = step.at;
  if (step.event) board.event(step.event, "", step.at);
  else if (step.snapshot) board.snapshot(step.snapshot);
  else {
    answers.push(known());
    rows();
  }
}
writeFileSync(1, JSON.stringify(answers));
