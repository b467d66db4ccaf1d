"""An agent between a hub and engines in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

from amiproxy.ami import privilege
from amiproxy.core.fleet.subjects import Subjects
from amiproxy.core.fleet.wire import (
    ANSWER,
    BEAT,
    END,
    EVENTS,
    LAST,
    REFUSED,
    Ask,
    Beat,
    Head,
    Request,
    decode_beat,
    encode_ask,
    encode_request,
    parsed,
)
from amiproxy.core.hub import ONE_SERVER, Hub
from amiproxy.core.model.ceiling import Ceiling
from amiproxy.core.model.users import LONE_SERVER
from amiproxy.core.servers.server import Server
from amiproxy.core.servers.servers import Configured
from amiproxy.net.fleet.agent import Agent
from amiproxy.net.fleet.channel import EngineDown, Handler
from tests.support.core_doubles import ListUpstream, event
from tests.support.live_hub import live_hub
from tests.support.waiting import until

_ALL = Ceiling(None, privilege.ALL, privilege.ALL)
_BANNER = b"Asterisk Call Manager/11.0.0\r\n"
_EVENTS = "ami.v1.ev.berlin.berlin-a"
_ACTIONS = "ami.v1.act.berlin.berlin-a"
_ASKS = "ami.v1.ask.berlin.berlin-a"


class _Outlet:
    """A connection to an engine, of which ``sent`` has all that was published."""

    def __init__(self) -> None:
        self.is_up = True
        self.pending = 0
        self.sent: list[tuple[str, bytes, str]] = []
        self.handlers: dict[str, Handler] = {}
        self._watchers: list[Callable[[bool], None]] = []

    def publish(self, subject: str, data: bytes, reply: str = "") -> None:
        if not self.is_up:
            raise EngineDown
        self.sent.append((subject, data, reply))

    def subscribe(self, subject: str, callback: Handler) -> Callable[[], None]:
        self.handlers[subject] = callback
        return lambda: self.handlers.pop(subject, None) and None

    def on_change(self, watcher: Callable[[bool], None]) -> Callable[[], None]:
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def turn(self, is_up: bool) -> None:
        self.is_up = is_up
        for watcher in self._watchers:
            watcher(is_up)

    def hears(self, subject: str, data: bytes, reply: str) -> None:
        self.handlers[f"{subject.rpartition('.')[0]}.*"](subject, reply, data, False)

    def to(self, subject: str) -> list[tuple[Head, bytes]]:
        return [parsed(data) for address, data, _ in self.sent if address == subject]

    def beats(self) -> list[tuple[Head, Beat]]:
        return [(head, decode_beat(body)) for head, body in self.to(_EVENTS) if head.kind == BEAT]

    def events(self) -> list[tuple[int, bytes]]:
        return [(head.first, body) for head, body in self.to(_EVENTS) if head.kind == EVENTS]


async def _turns() -> None:
    """As many turns of the loop as any of this takes."""
    for _ in range(20):
        await asyncio.sleep(0)


class _Bench:
    def __init__(self, servers: Configured = ONE_SERVER) -> None:
        self.hub: Hub = live_hub(servers=servers)
        self.hub.always_kept = frozenset(servers.names)
        self.events, self.actions = _Outlet(), _Outlet()
        self.agent = Agent(
            self.hub,
            "berlin-a",
            Subjects(),
            self.events,
            self.actions,
            edges={"edge1": _ALL},
            known_as=lambda name: "berlin" if name == LONE_SERVER else name,
            reason_of=lambda _: "no route",
        )
        self.upstream = ListUpstream()

    @property
    def server(self) -> Server:
        return self.hub.servers.first

    def link(self) -> None:
        self.server.link_up(self.upstream, _BANNER)
        self.server.serve()

    def feed(self, *messages: bytes) -> None:
        self.server.from_upstream(messages, True)
        self.hub.settle()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.agent.run())
            await asyncio.sleep(0)
            yield
            task.cancel()

    def request(self, action: bytes, user: str = "") -> bytes:
        journal = self.server.journal
        assert journal is not None
        expires = int(asyncio.get_running_loop().time() * 1000) + 9000
        return encode_request(
            Request(action[-16:].rjust(16), user, b"", "s", "127.0.0.1", journal.epoch, expires, action)
        )

    def answers(self, reply: str) -> Iterator[tuple[Head, bytes]]:
        return iter(self.actions.to(reply))


async def test_events_are_published_in_order_and_numbered() -> None:
    bench = _Bench()
    async with bench.running():
        bench.link()
        one, two, three = event("One"), event("Two"), event("Three")
        bench.feed(one, two)
        await until(bench.events.events)
        bench.feed(three)
        await until(lambda: len(bench.events.events()) == 2)
    [(first, body), (second, more)] = bench.events.events()
    assert (body, more) == (one + two, three)
    assert second == first + 2


async def test_a_beat_says_how_the_link_is_at_once_and_each_second() -> None:
    bench = _Bench()
    async with bench.running():
        await until(bench.events.beats)
        [(_, beat)] = bench.events.beats()
        assert (beat.agent, beat.server, beat.state, beat.reason) == (
            "berlin-a",
            "berlin",
            "down",
            "no route",
        )
        bench.server.link_up(bench.upstream, _BANNER)
        await until(lambda: bench.events.beats()[-1][1].state == "booting", within=0.9)
        bench.server.serve()
        await until(lambda: bench.events.beats()[-1][1].state == "up", within=0.9)
        head, beat = bench.events.beats()[-1]
        assert beat.banner == _BANNER.strip()
        journal = bench.server.journal
        assert journal is not None
        assert (head.epoch, head.first) == (journal.epoch, journal.last + 1)
        number = len(bench.events.beats())
        await until(lambda: len(bench.events.beats()) == number + 2)
        clocks = [beat.clock for _, beat in bench.events.beats()[-2:]]
        assert 900 < clocks[1] - clocks[0] < 2000


async def test_a_new_epoch_begins_with_a_beat() -> None:
    """Edges must not take its events for those of the epoch before."""
    bench = _Bench()
    async with bench.running():
        bench.link()
        bench.feed(event("One"))
        await until(bench.events.events)
        bench.server.link_down("lost")
        bench.link()
        bench.feed(event("Two"))
        await until(lambda: len(bench.events.events()) == 2)
    heads = [head for head, _ in bench.events.to(_EVENTS)]
    epoch = heads[-1].epoch
    assert epoch != heads[0].epoch or heads[0].kind == BEAT
    first = next(head for head in heads if head.epoch == epoch)
    assert first.kind == BEAT


async def test_without_an_engine_nothing_waits_and_the_next_beat_says_where_it_is() -> None:
    bench = _Bench()
    async with bench.running():
        bench.link()
        await until(bench.events.beats)
        bench.events.turn(False)
        bench.events.sent.clear()
        bench.feed(event("One"), event("Two"))
        assert not bench.agent.waits
        bench.hub.flush()
        bench.events.turn(True)
        [(head, _)] = bench.events.beats()
        journal = bench.server.journal
        assert journal is not None
        assert head.first == journal.last + 1
        assert not bench.events.events()


async def test_at_the_end_edges_are_told_at_once() -> None:
    bench = _Bench()
    async with bench.running():
        bench.link()
        await until(lambda: bench.events.beats() and bench.events.beats()[-1][1].state == "up")
        bench.server.disconnect()
        await bench.agent.leave()
        beat = bench.events.beats()[-1][1]
        assert (beat.state, beat.reason) == ("down", "the agent is stopping")


async def test_an_edge_is_sent_again_what_it_missed() -> None:
    bench = _Bench()
    async with bench.running():
        bench.link()
        bench.feed(event("One"), event("Two"))
        await until(bench.events.events)
        head = bench.events.to(_EVENTS)[-1][0]
        bench.events.hears(f"{_ASKS}.edge1", encode_ask(Ask(head.epoch, 2)), "_INBOX.edge1.q")
        await until(lambda: any(head.kind == END for head, _ in bench.events.to("_INBOX.edge1.q")))
    assert [body for head, body in bench.events.to("_INBOX.edge1.q") if head.kind == EVENTS] == [event("Two")]
    assert bench.agent.status()["servers"][0]["replays"] == 1


async def test_a_replay_waits_while_much_has_to_be_sent() -> None:
    bench = _Bench()
    async with bench.running():
        bench.link()
        bench.feed(event("One"))
        await until(bench.events.events)
        head = bench.events.to(_EVENTS)[-1][0]
        bench.events.pending = 3 << 20
        bench.events.hears(f"{_ASKS}.edge1", encode_ask(Ask(head.epoch, 1)), "_INBOX.edge1.q")
        await _turns()
        assert not bench.events.to("_INBOX.edge1.q")
        bench.events.pending = 0
        await until(lambda: bench.events.to("_INBOX.edge1.q"))


async def test_a_request_is_judged_and_answered() -> None:
    bench = _Bench()
    async with bench.running():
        bench.link()
        bench.upstream.take()
        bench.actions.hears(
            f"{_ACTIONS}.edge1",
            bench.request(b"Action: Ping\r\nActionID: 1\r\n\r\n", "nobody"),
            "_INBOX.edge1.1",
        )
        await until(lambda: list(bench.answers("_INBOX.edge1.1")))
    [(head, body)] = bench.answers("_INBOX.edge1.1")
    assert (head.kind, head.flags) == (ANSWER, LAST | REFUSED)
    assert b"Response: Error" in body
    assert not bench.upstream.actions
    [edge] = bench.agent.status()["edges"]
    assert edge["edge"] == "edge1"
    assert edge["refused"]["user"] == 1
    assert edge["last"] is not None


async def test_nothing_is_answered_to_another_than_the_sender() -> None:
    """The engine would refuse that; an edge must not be able to have it tried."""
    bench = _Bench()
    async with bench.running():
        bench.link()
        data = bench.request(b"Action: Ping\r\nActionID: 1\r\n\r\n")
        for subject, reply in (
            (f"{_ACTIONS}.edge1", "_INBOX.edge2.1"),
            (f"{_ACTIONS}.edge1", "_INBOX.edge1"),
            (f"{_ACTIONS}.edge1", ""),
            (f"{_ACTIONS}.EDGE", "_INBOX.EDGE.1"),
        ):
            bench.actions.hears(subject, data, reply)
            bench.events.hears(subject.replace(".act.", ".ask."), encode_ask(Ask(1, 1)), reply)
        await _turns()
    assert not bench.actions.sent
    assert all(subject == _EVENTS for subject, _, _ in bench.events.sent)


async def test_edges_may_be_removed() -> None:
    bench = _Bench()
    async with bench.running():
        bench.link()
        bench.agent.adopt({})
        bench.actions.hears(
            f"{_ACTIONS}.edge1",
            bench.request(b"Action: CoreSettings\r\nActionID: 1\r\n\r\n"),
            "_INBOX.edge1.1",
        )
        await until(lambda: list(bench.answers("_INBOX.edge1.1")))
    [(head, _)] = bench.answers("_INBOX.edge1.1")
    assert head.flags & REFUSED
    assert bench.agent.status()["edges"] == []


async def test_servers_come_and_go() -> None:
    bench = _Bench(Configured(("berlin", "paris"), named=True))
    assert set(bench.actions.handlers) == {f"ami.v1.act.{name}.berlin-a.*" for name in ("berlin", "paris")}
    more = Configured(("berlin", "rome"), named=True)
    bench.hub.add_servers(more.names)
    bench.hub.adopt(bench.hub.ctx.users, more)
    bench.agent.settle(bench.hub.servers)
    assert set(bench.actions.handlers) == {f"ami.v1.act.{name}.berlin-a.*" for name in ("berlin", "rome")}
    assert set(bench.events.handlers) == {f"ami.v1.ask.{name}.berlin-a.*" for name in ("berlin", "rome")}
    assert [row["server"] for row in bench.agent.status()["servers"]] == ["berlin", "rome"]
