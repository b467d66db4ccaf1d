"""The loss and the return of a link reach all clients of a door that sends them to all, and no others."""

import re
from dataclasses import replace

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import FilterSet, compile_legacy
from amiproxy.core.clients.history.repair import READY_SECONDS
from amiproxy.core.clients.linkloss import CLOSED, KEPT, NO_EVENTS, REPAIRED, TOLD
from amiproxy.core.model.encoding import Encoding
from amiproxy.core.model.limits import Limits, UpstreamLost
from amiproxy.core.model.rules import Rules, Scope
from amiproxy.core.model.users import User
from amiproxy.core.servers.servers import Configured
from tests.support.answer_writers import LinkWriter
from tests.support.core_doubles import Bench, ListTransport, event

CALL = privilege.CALL | privilege.AGENT
BOARD = User("board", read=CALL, write=CALL, secret="plain:x")
SYSTEM = User("system", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
BLIND = User("blind", write=CALL, secret="plain:x")
DEAF = User(
    "deaf",
    read=privilege.ALL,
    secret="plain:x",
    filters=FilterSet((compile_legacy(b"!Event: ProxyUpstream"),)),
)
SCOPED = User("scoped", read=privilege.ALL, secret="plain:x", rules=Rules(scope=Scope(channels=("PJSIP/1",))))
SLOW = User("slow", read=privilege.ALL, secret="plain:x", slow_consumer="drop_events")
USERS = BOARD, SYSTEM, BLIND, DEAF, SCOPED, SLOW
#: How events are written for the clients here: not as AMI writes them.
OWN = Encoding("own", lambda raw: b"<" + raw + b">")


class Told(ListTransport):
    """A transport whose door sends the news of links to all its clients."""

    def __init__(self) -> None:
        super().__init__(encoding=OWN)
        self.writer = LinkWriter()

    def news(self) -> list[str]:
        """What it was told about links since the last call; in braces if not as an event."""
        found = re.findall(rb"([<{])Event: ProxyUpstream\r\n[^<{]*\r\nStatus: (\w+)\r\n", self.take())
        return [(b"{%b}" % status if how == b"{" else status).decode() for how, status in found]


def make(choice: UpstreamLost = "stay", *users: User, **limits: float) -> Bench:
    bench = Bench(*(users or USERS), limits=Limits(exempt=("192.0.2.0/24",), **limits))
    bench.hub.link_loss.by_default = choice
    bench.link_up()
    return bench


def lose(bench: Bench, at: str = "") -> None:
    bench.server(at).link_down("gone")


def joined(bench: Bench, name: str) -> Told:
    _, transport = bench.login(name, by=Told())
    transport.take()
    return transport


@pytest.mark.parametrize(
    ("name", "outcome"),
    [("board", KEPT), ("blind", KEPT), ("deaf", KEPT), ("scoped", KEPT), ("system", TOLD)],
)
def test_a_client_that_stays_is_told_once_of_each_change(name: str, outcome: str) -> None:
    bench = make()
    transport = joined(bench, name)
    expected = ["Down", "Up"] if outcome == TOLD else ["{Down}", "{Up}"]
    for _ in range(2):
        lose(bench)
        bench.clock.advance(5)
        assert transport.news() == expected[:1]
        bench.link_up()
        bench.clock.advance(5)
        assert transport.news() == expected[1:]
    assert bench.server().counts.lost_sessions[outcome] == 2


def test_a_client_without_events_is_told() -> None:
    bench = make("auto")
    session, transport = bench.login("board", by=Told())
    session.receive(b"Action: Events\r\nEventMask: off\r\n\r\n")
    transport.take()
    lose(bench)
    bench.link_up()
    assert transport.news() == ["{Down}", "{Up}"]
    assert bench.server().counts.lost_sessions[NO_EVENTS] == 1


def test_a_client_that_is_closed_for_it_knows_at_once() -> None:
    bench = make("auto")
    transport = joined(bench, "board")
    lose(bench)
    assert transport.news() == ["{Down}"]
    bench.clock.advance(2)
    assert transport.closed == "close"
    assert bench.server().counts.lost_sessions[CLOSED] == 1


def test_clients_are_told_while_the_service_drains() -> None:
    bench = make()
    transport = joined(bench, "board")
    bench.server().drain()
    lose(bench)
    assert transport.news() == ["{Down}"]


def test_only_those_who_may_read_it_learn_why() -> None:
    bench = make()
    board, system = joined(bench, "board"), joined(bench, "system")
    lose(bench)
    assert b"Reason: gone\r\n" in system.take()
    assert b"Reason" not in board.take()


@pytest.mark.parametrize("choice", ["auto", "close", "stay", "repair"])
def test_clients_of_ami_are_sent_nothing_more(choice: UpstreamLost) -> None:
    bench = make(choice)
    transports = {user.name: bench.login(user.name)[1] for user in USERS}
    for transport in transports.values():
        transport.take()
    lose(bench)
    bench.link_up()
    found = {name for name, transport in transports.items() if b"ProxyUpstream" in transport.take()}
    assert found == {"system", "slow"}


def test_events_that_came_before_are_sent_before() -> None:
    bench = Bench(*USERS, interval=0.05)
    bench.link_up()
    transport = joined(bench, "board")
    bench.feed(event("Hold"))
    transport.take()
    bench.feed(event("Unhold"))
    assert transport.take() == b"", "it waits for the next flush"
    lose(bench)
    assert re.findall(rb"Event: (\w+)", transport.take()) == [b"Unhold", b"ProxyUpstream"]


def test_a_client_whose_events_are_dropped_is_told() -> None:
    bench = make("stay", SLOW, outbox_soft=1024, outbox_hard=1 << 20)
    session, transport = bench.login("slow", by=Told())
    transport.take()
    transport.room = 0
    while not session.outbox.in_gap:
        bench.feed(event("Hold", Pad="x" * 100))
    lose(bench)
    bench.link_up()
    transport.room = None
    session.writable()
    assert transport.news() == ["{Down}", "{Up}"]
    assert bench.server().counts.lost_sessions[KEPT] == 1


def test_a_client_past_its_hard_limit_is_closed_as_ever() -> None:
    bench = make("stay", BOARD, outbox_soft=1024, outbox_hard=2048)
    session, transport = bench.login("board", by=Told())
    transport.room = 0
    while not transport.closed and session.outbox.size < 2000:
        bench.feed(event("Hold", Pad="x"))
    lose(bench)
    bench.clock.advance(1)
    assert transport.closed
    assert bench.hub.stats.slow_consumers["board"] == 1


def test_a_wait_for_an_event_ends_with_it() -> None:
    bench = make()
    session, transport = bench.login("board", by=Told())
    session.receive(b"Action: WaitEvent\r\nTimeout: -1\r\n\r\n")
    transport.take()
    lose(bench)
    assert b"WaitEventComplete" in (sent := transport.take())
    assert sent.count(b"{Event: ProxyUpstream\r\n") == 1
    bench.link_up()
    assert transport.news() == ["{Up}"]


def test_a_wait_of_a_client_that_is_sent_nothing_goes_on() -> None:
    bench = make()
    session, transport = bench.login("board")
    session.receive(b"Action: WaitEvent\r\nTimeout: -1\r\n\r\n")
    transport.take()
    lose(bench)
    bench.link_up()
    assert transport.take() == b""


def test_those_who_log_in_while_it_is_down_are_told_when_it_is_up() -> None:
    bench = Bench(*USERS)
    before = joined(bench, "board")
    bench.link_up(booted=False)
    meanwhile = joined(bench, "blind")
    assert before.news() == []
    bench.server().serve()
    assert before.news() == meanwhile.news() == ["{Up}"]
    lose(bench)
    later = joined(bench, "blind")
    bench.link_up()
    assert later.news() == ["{Up}"]


def test_a_client_is_told_only_of_the_servers_that_it_sees_and_of_several_by_name() -> None:
    names = "pbx1", "pbx2", "pbx3"
    users = (
        User("two", read=CALL, secret="plain:x", servers=names[:2]),
        User("none", secret="plain:x", servers=names[:2]),
        User("one", secret="plain:x", servers=names[:1]),
    )
    bench = Bench(*users, servers=Configured(names, named=True))
    bench.all_up()
    two, none, one = (joined(bench, user.name) for user in users)
    for name in names:
        lose(bench, name)
    sent = none.take()
    assert re.findall(rb"\r\nStatus: Down\r\nServer: (\w+)\r\n", sent) == [b"pbx1", b"pbx2"]
    assert two.news() == ["Down", "Down"]
    assert b"Server" not in (sent := one.take())
    assert sent.count(b"{Event: ProxyUpstream\r\n") == 1


class TestRepaired:
    @pytest.fixture
    def bench(self) -> Bench:
        bench = Bench(replace(BOARD, upstream_lost="repair", history=True))
        bench.link_up()
        return bench

    def test_a_client_is_told_of_the_return_when_it_is_up_to_date(self, bench: Bench) -> None:
        transport = joined(bench, "board")
        bench.feed(event("Newchannel", Channel="a", Uniqueid="1.1", Linkedid="1.1", ChannelState="6"))
        transport.take()
        lose(bench)
        assert transport.news() == ["{Down}"]
        bench.link_up(booted=False)
        bench.feed(event("Hold", Uniqueid="2.1"))
        bench.server().serve()
        assert transport.take() == b"", "it shows what was there before"
        bench.answer_lists()
        sent = transport.take()
        assert re.findall(rb"Event: (\w+)", sent) == [b"Hangup", b"Hold", b"ProxyUpstream"]
        assert sent.count(b"{") == 1
        assert bench.server().counts.lost_sessions[REPAIRED] == 1

    def test_what_it_asks_meanwhile_is_answered_after_that(self, bench: Bench) -> None:
        session, transport = bench.login("board", by=Told())
        lose(bench)
        bench.link_up(booted=False)
        bench.server().serve()
        transport.take()
        session.receive(b"Action: ProxySnapshot\r\n\r\n")
        assert transport.take() == b""
        bench.answer_lists()
        bench.clock.advance(1)
        sent = transport.take()
        assert sent.index(b"Status: Up\r\n") < sent.index(b"Response: ")

    def test_it_is_told_only_of_a_return_that_lasts(self, bench: Bench) -> None:
        transport = joined(bench, "board")
        lose(bench)
        bench.link_up(booted=False)
        bench.server().serve()
        lose(bench)
        assert transport.news() == ["{Down}", "{Down}"]
        bench.upstream.take()
        bench.link_up(booted=False)
        bench.server().serve()
        bench.answer_lists()
        assert transport.news() == ["{Up}"]
        assert bench.server().counts.lost_sessions[REPAIRED] == 2

    def test_it_is_not_told_of_a_return_after_which_it_is_closed(self, bench: Bench) -> None:
        transport = joined(bench, "board")
        lose(bench)
        bench.link_up(booted=False)
        bench.server().serve()
        bench.clock.advance(READY_SECONDS + 2)
        assert transport.news() == ["{Down}"]
        assert transport.closed

    def test_one_that_has_missed_events_since_the_return_is_closed_as_before(self, bench: Bench) -> None:
        transport = joined(bench, "board")
        lose(bench)
        bench.link_up(booted=False)
        bench.feed(event("Hold", Uniqueid="2.1"))
        bench.server().serve()
        lose(bench)
        assert transport.news() == ["{Down}"]
        assert bench.server().counts.lost_sessions == {CLOSED: 1, TOLD: 0, KEPT: 0, NO_EVENTS: 0, REPAIRED: 1}
