"""An edge and an agent, each with all of its core, and an engine in memory between them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.message import Message
from amiproxy.config.fleet.schema import FleetServer
from amiproxy.core.fleet.subjects import Subjects
from amiproxy.core.model.ceiling import Ceiling
from amiproxy.core.model.limits import HistoryBounds
from amiproxy.core.model.users import User
from amiproxy.core.servers.servers import Configured
from amiproxy.net.upstream.fleet.link import FleetLink
from tests.net.upstream.fleet.doubles import MemoryChannel
from tests.support.agent_bench import AgentBench
from tests.support.core_doubles import Bench, ListTransport, event
from tests.support.waiting import until

BOARD = User("board", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
ORIGINATE = (
    b"Action: Originate\r\nActionID: 7\r\nChannel: Local/1\r\nApplication: Wait\r\nData: 1\r\nAsync: true"
)
SHOW = b"Action: CoreShowChannels\r\nActionID: 8"


class Fleet:
    """The agent's Asterisk is ``agent.upstream``; the engine hands over at once."""

    def __init__(self) -> None:
        ceiling = Ceiling(frozenset({"board"}), privilege.ALL, privilege.ALL)
        self.agent = AgentBench(BOARD, edges={"edge1": ceiling})
        self.name = self.agent.known_as
        self.edge = Bench(replace(BOARD, servers=(self.name,)), servers=Configured((self.name,), named=True))
        self.server = self.edge.server()
        self.server.keep(HistoryBounds(1 << 20, 60.0), present=False)
        self.events, self.actions = MemoryChannel(), MemoryChannel()
        self.link = FleetLink(
            self.server,
            FleetServer(agents=("agent1",)),
            edge="edge1",
            subjects=Subjects(),
            events=self.events,
            actions=self.actions,
            max_lag=5.0,
        )

    def beat(self) -> None:
        beat = self.agent.publisher.beat(self.agent.milliseconds())
        self.events.deliver(f"ami.v1.ev.{self.name}.agent1", beat)
        self.settle()

    def flush(self) -> None:
        """Publish what has happened at Asterisk."""
        for data in self.agent.publisher.take():
            self.events.deliver(f"ami.v1.ev.{self.name}.agent1", data)
        self.settle()

    def settle(self) -> None:
        """Carry what both have sent until there is nothing more."""
        while self.actions.published or self.events.published:
            for _, data, reply in self._taken(self.events):
                for answer in self.agent.desk.ask(self.name, "edge1", data):
                    self.events.deliver(reply, answer)
            for _, data, reply in self._taken(self.actions):
                self.agent.desk.request(
                    self.name, "edge1", data, lambda parts, reply=reply: self._answer(parts, reply)
                )
            self.agent.turn()
        self.edge.clock.advance(0)

    @staticmethod
    def _taken(channel: MemoryChannel) -> list[tuple[str, bytes, str]]:
        taken, channel.published = channel.published, []
        return taken

    def _answer(self, parts: list[bytes], reply: str) -> None:
        for part in parts:
            self.actions.deliver(reply, part)

    def act(self, text: bytes) -> tuple[ListTransport, list[Message]]:
        """A client of the edge sends an action; returns what reaches Asterisk as well."""
        session, transport = self.edge.login("board")
        transport.take()
        session.receive(text + b"\r\n\r\n")
        self.settle()
        return transport, self.agent.upstream.take()


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    fleet = Fleet()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(fleet.link.run())
        await until(lambda: fleet.events.handlers)
        fleet.beat()
        fleet.agent.upstream.take()
        yield fleet
        running.cancel()


async def test_events_at_asterisk_reach_the_clients_of_the_edge_with_the_same_positions(fleet: Fleet) -> None:
    _, transport = fleet.edge.login("board")
    transport.take()
    for number in range(5):
        fleet.agent.feed(event("Newchannel", Uniqueid=str(number)))
    fleet.flush()
    assert [Message(raw).get(b"uniqueid") for raw in split(transport.take())] == [b"%d" % n for n in range(5)]
    ours, theirs = fleet.server.journal, fleet.agent.server().journal
    assert ours is not None
    assert theirs is not None
    assert (ours.epoch, ours.last) == (theirs.epoch, theirs.last)


async def test_events_that_the_engine_loses_are_repaired(fleet: Fleet) -> None:
    _, transport = fleet.edge.login("board")
    transport.take()
    for number in range(100):
        fleet.agent.feed(event("Newchannel", Uniqueid=str(number)))
        if number % 20:
            fleet.agent.publisher.take()
        else:
            fleet.flush()
    fleet.beat()
    found = [Message(raw).get(b"uniqueid") for raw in split(transport.take())]
    assert found == [b"%d" % number for number in range(100)]
    assert fleet.link.following.counts.gaps > 1
    assert fleet.server.downs == 0


async def test_an_action_is_executed_once_at_asterisk_and_answered(fleet: Fleet) -> None:
    transport, [sent] = fleet.act(ORIGINATE)
    assert sent.get(b"channel") == b"Local/1"
    fleet.agent.answer(sent, b"Message: Originate successfully queued\r\n")
    fleet.agent.turn()
    answer = Message(transport.take())
    assert (answer.get(b"actionid"), answer.get(b"message")) == (b"7", b"Originate successfully queued")
    fleet.settle()
    assert b"Originate" not in {action.get(b"action") for action in fleet.agent.upstream.take()}


async def test_a_long_list_comes_whole(fleet: Fleet) -> None:
    transport, [sent] = fleet.act(SHOW)
    mark = b"ActionID: " + sent.get(b"actionid") + b"\r\n"
    fleet.agent.feed(
        b"Response: Success\r\n" + mark + b"EventList: start\r\nMessage: x\r\n\r\n",
        *(
            b"Event: CoreShowChannel\r\n" + mark + b"Channel: Local/%d\r\n\r\n" % number
            for number in range(3000)
        ),
        b"Event: CoreShowChannelsComplete\r\n" + mark + b"EventList: Complete\r\nListItems: 3000\r\n\r\n",
    )
    fleet.agent.turn()
    received = bytearray()

    def is_complete() -> bool:
        received.extend(transport.take())
        return b"ListItems: 3000" in received

    await until(is_complete)
    items = [Message(raw) for raw in split(bytes(received))][1:-1]
    assert [item.get(b"channel") for item in items] == [b"Local/%d" % number for number in range(3000)]
    assert {item.get(b"actionid") for item in items} == {b"8"}


async def test_if_asterisk_is_lost_open_actions_have_an_unknown_outcome(fleet: Fleet) -> None:
    transport, [_] = fleet.act(ORIGINATE)
    fleet.agent.server().link_down("Asterisk has stopped")
    fleet.beat()
    fleet.agent.turn()  # its answer comes after the news, and is waited for
    assert b"outcome unknown" in transport.take()
    assert not fleet.link.serves
    assert fleet.server.downs == 1
    fleet.agent.link_up()
    fleet.beat()
    assert fleet.link.serves
    assert fleet.server.ups == 2


async def test_without_an_engine_actions_fail_at_once_and_are_never_sent(fleet: Fleet) -> None:
    fleet.actions.is_up = False
    transport, sent = fleet.act(ORIGINATE)
    assert sent == []
    said = bytearray()

    def is_told() -> bytes:
        said.extend(transport.take())
        return bytes(said)

    await until(is_told)
    assert b"not connected" in said
    fleet.actions.is_up = True
    fleet.settle()
    assert b"Originate" not in {action.get(b"action") for action in fleet.agent.upstream.take()}


def split(data: bytes) -> list[bytes]:
    return [part + b"\r\n\r\n" for part in data.split(b"\r\n\r\n")[:-1]]
