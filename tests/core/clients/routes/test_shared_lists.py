"""List queries of sessions that see several servers, whose answers are shared with other sessions."""

import pytest

from amiproxy.ami.message import Message
from amiproxy.core.clients.session import Session
from amiproxy.core.model.users import UserTable
from amiproxy.core.servers.known.lengths import LONG_BYTES
from tests.core.clients.routes.test_multi_sessions import list_of, make, messages, send, sent_to, user
from tests.core.servers.test_side import Opener
from tests.support.core_doubles import Bench, ListTransport, ListUpstream, event

TWO = ("pbx1", "pbx2")
PEER = user("peer", *TWO, default_server="pbx1")
QUERY = "Action: CoreShowChannels\nActionID: {}"


class Client:
    """A session, and what it was sent."""

    def __init__(self, bench: Bench, name: str, action_id: str) -> None:
        self.session: Session
        self.got: ListTransport
        self.session, self.got = bench.login(name)
        send(self.session, QUERY.format(action_id))

    def listed(self) -> list[tuple[bytes, bytes, bytes]]:
        """ActionID, channel and server of all items that it was sent."""
        items = [m for m in messages(self.got) if m.get(b"event") == b"CoreShowChannel"]
        return sorted((m.get(b"actionid"), m.get(b"channel"), m.get(b"server")) for m in items)


@pytest.fixture
def bench() -> Bench:
    return make(user("boss", *TWO), PEER)


def answer(bench: Bench, asked: dict[str, Message], server: str, *channels: str) -> None:
    """Asterisk's list, which has taken some time."""
    bench.clock.advance(0.02)
    bench.feed(*list_of(asked[server], *channels), at=server)


def asked_now(bench: Bench) -> dict[str, Message]:
    asked = {}
    for server in TWO:
        (asked[server],) = sent_to(bench, server)
    return asked


def waiting(bench: Bench) -> tuple[dict[str, Message], list[Client]]:
    """The actions of another session at each server, and clients that wait for the next turn."""
    Client(bench, "boss", "0")
    asked = asked_now(bench)
    return asked, [Client(bench, name, str(number)) for number, name in enumerate(("boss", "peer"), 1)]


def shared(bench: Bench) -> tuple[dict[str, Message], list[Client]]:
    """Clients that share an answer of each server, and the actions there."""
    asked, clients = waiting(bench)
    for server in TWO:
        answer(bench, asked, server)
    bench.clock.advance(1)
    return asked_now(bench), clients


def test_each_gets_one_list_of_its_own(bench: Bench) -> None:
    asked, clients = shared(bench)
    answer(bench, asked, "pbx1", "SIP/a", "SIP/b")
    bench.clock.advance(0)
    answer(bench, asked, "pbx2", "SIP/c")
    bench.clock.advance(0)
    for number, client in enumerate(clients, 1):
        first, *items, end = messages(client.got)
        action_id = str(number).encode()
        assert {m.get(b"actionid") for m in (first, *items, end)} == {action_id}
        assert [(m.get(b"channel"), m.get(b"server")) for m in items] == [
            (b"SIP/a", b"pbx1"),
            (b"SIP/b", b"pbx1"),
            (b"SIP/c", b"pbx2"),
        ]
        assert (end.get(b"listitems"), end.get(b"servers")) == (b"3", b"pbx1, pbx2")
    assert sum(server.counts.actions_joined for server in bench.hub.servers) == 2


def test_equal_queries_for_one_server_are_not_shared_with_another_server(bench: Bench) -> None:
    sessions = [bench.login(name) for name in ("boss", "peer")]
    for (session, _), server in zip(sessions, TWO, strict=True):
        send(session, QUERY.format("x") + f"\nServer: {server}")
    asked = asked_now(bench)
    answer(bench, asked, "pbx1", "SIP/same")
    assert b"SIP/same" in sessions[0][1].take()
    assert sessions[1][1].take() == b""


def test_a_client_that_reads_slowly_gets_the_lists_of_all_servers(bench: Bench) -> None:
    asked, (slow, other) = shared(bench)
    slow.got.room = 1000
    names = {server: [f"SIP/{server}-{number}-{'x' * 500}" for number in range(500)] for server in TWO}
    for server in TWO:
        parts = list_of(asked[server], *names[server])
        for number in range(0, len(parts), 100):
            bench.feed(*parts[number : number + 100], at=server)
            bench.clock.advance(0.01)
    assert len(other.listed()) == 1000
    kept = slow.session.bytes_waiting
    assert kept > 400_000
    assert not slow.session.is_idle
    slow.got.room = None
    for _ in range(60):
        slow.session.writable()
        bench.clock.advance(0)
    every = [(b"1", name.encode(), server.encode()) for server in TWO for name in names[server]]
    assert slow.listed() == sorted(every)
    assert slow.session.is_idle
    assert bench.hub.limit_state.backlog.size == 0


def test_events_of_a_server_wait_for_its_shared_answer_only(bench: Bench) -> None:
    asked, (client, _) = shared(bench)
    for server in TWO:
        bench.feed(event("Hangup", Channel=server), at=server)
    bench.clock.advance(1)
    assert b"Hangup" not in client.got.take()
    bench.feed(*list_of(asked["pbx1"], "SIP/a"), at="pbx1")
    bench.clock.advance(0)
    got = client.got.take()
    assert got.index(b"Channel: SIP/a") < got.index(b"Channel: pbx1")
    assert b"Channel: pbx2" not in got


def test_a_long_list_is_shared_on_the_link_for_lists(bench: Bench) -> None:
    server = bench.server("pbx1")
    server.lists.opener = Opener()
    for name in ("boss", "peer"):
        server.lengths.note(name, b"coreshowchannels", LONG_BYTES + 1, 0.0, bench.clock.now())
    sessions = [bench.login(name) for name in ("boss", "boss", "peer")]
    for session, _ in sessions:
        send(session, QUERY.format("x") + "\nServer: pbx1")
    server.lists.link_up(upstream := ListUpstream(), b"")
    (asked,) = upstream.take()
    bench.clock.advance(0.02)
    server.lists.from_upstream(list_of(asked))
    bench.clock.advance(1)
    (asked,) = upstream.take()
    for _, got in sessions:
        got.take()
    bench.feed(event("Hangup", Channel="SIP/a"), at="pbx1")
    bench.clock.advance(1)
    told = [b"Event: Hangup" in got.take() for _, got in sessions]
    assert told == [True, False, False]
    server.lists.from_upstream(list_of(asked, "SIP/a"))
    bench.clock.advance(0)
    for _, got in sessions[1:]:
        data = got.take()
        assert 0 <= data.index(b"EventList: Complete") < data.index(b"Event: Hangup")


def test_past_the_limit_of_items_only_that_clients_list_is_cancelled() -> None:
    bench = make(user("boss", *TWO), PEER, list_items=3)
    asked, (client, _) = waiting(bench)
    bound, got = bench.login("boss/pbx2")
    send(bound, QUERY.format("b"))
    for server in TWO:
        answer(bench, asked, server)
    bench.clock.advance(1)
    asked = asked_now(bench)
    for server in TWO:
        answer(bench, asked, server, "SIP/a", "SIP/b")
    bench.clock.advance(0)
    end = messages(client.got)[-1]
    assert (end.get(b"eventlist"), end.get(b"listitems")) == (b"Cancelled", b"4")
    assert b"EventList: Complete\r\nListItems: 2\r\n" in got.take()
    assert bench.hub.servers.in_flight == 0
    assert bench.hub.stats.faults == 0


class TestReload:
    def test_a_server_at_which_the_right_is_lost_is_missing(self, bench: Bench) -> None:
        asked, (_, client) = waiting(bench)
        less = user("peer", *TWO, narrowed={"pbx1": user("peer", write=0)})
        bench.hub.adopt(UserTable([user("boss", *TWO), less]))
        for server in TWO:
            answer(bench, asked, server)
        bench.clock.advance(1)
        asked = asked_now(bench)
        for server in TWO:
            answer(bench, asked, server, "SIP/a")
        bench.clock.advance(0)
        *items, end = messages(client.got)
        assert [m.get(b"server") for m in items if m.get(b"channel")] == [b"pbx2"]
        assert (end.get(b"servers"), end.get(b"serversmissing")) == (b"pbx2", b"pbx1")

    def test_one_that_has_lost_the_right_everywhere_gets_an_error(self, bench: Bench) -> None:
        _, (_, client) = waiting(bench)
        bench.hub.adopt(UserTable([user("boss", *TWO), user("peer", *TWO, write=0)]))
        (error,) = messages(client.got)
        assert error.get(b"message") == b"Permission denied"
        assert client.session.is_idle

    def test_what_a_server_that_is_taken_away_has_sent_may_end_the_list(self) -> None:
        bench = make(user("boss", *TWO), PEER, list_items=3)
        asked, (_, client) = shared(bench)
        answer(bench, asked, "pbx1", "SIP/a", "SIP/b")
        bench.clock.advance(0)
        bench.feed(*list_of(asked["pbx2"], "SIP/c", "SIP/d"), at="pbx2")
        bench.hub.adopt(UserTable([user("boss", *TWO), user("peer", "pbx1")]))
        bench.clock.advance(0)
        *_, end = messages(client.got)
        assert end.get(b"eventlist") == b"Cancelled"
        assert client.session.is_idle
        assert bench.hub.stats.faults == 0
        assert bench.hub.servers.in_flight == 0
