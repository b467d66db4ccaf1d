"""ProxyResume: what a client is answered and sent, whatever happens while it catches up."""

from dataclasses import replace

import pytest

from amiproxy.ami import message, privilege
from amiproxy.ami.message import Action, Message
from amiproxy.core.audit.historycounts import GAP, OVERTAKEN, RESUMED
from amiproxy.core.clients.history.cursor import Reader, Start, when_caught_up
from amiproxy.core.clients.history.pieces import Pieces
from amiproxy.core.clients.history.resume import PATIENCE
from amiproxy.core.clients.session import Session
from amiproxy.core.history.journal import PIECE
from amiproxy.core.model.encoding import Encoding
from amiproxy.core.model.limits import HistoryBounds, Limits
from amiproxy.core.model.rules import Rules, Scope
from amiproxy.core.model.state import OVER
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.servers.servers import Configured
from tests.core.clients.history.keeping import Kept, hangup, newchannel
from tests.support.core_doubles import Bench, HandClock, ListTransport, event

BOARD = User("board", read=privilege.ALL, write=privilege.ALL, secret="plain:x", history=True)
NAMES = ("pbx1", "pbx2")
EVERYWHERE = replace(BOARD, servers=NAMES)
FILLER = "x" * 900


def bench_of(*users: User, servers: tuple[str, ...] = (), bytes_: int = 8 << 20, **more: object) -> Bench:
    bench = Bench(*users, **({"servers": Configured(servers, named=True)} if servers else {}), **more)
    for server in bench.hub.servers:
        server.keep(HistoryBounds(bytes_, 300.0), present=False)
    bench.all_up()
    return bench


@pytest.fixture
def bench() -> Bench:
    return bench_of(BOARD)


@pytest.fixture
def several() -> Bench:
    return bench_of(EVERYWHERE, servers=NAMES)


def token(bench: Bench, *names: str) -> str:
    """The present position at these servers."""
    found = []
    for name in names or ("",):
        journal = bench.server(name).journal
        assert journal is not None
        found.append(journal.token(journal.last).decode())
    return ".".join(found)


def feed(bench: Bench, count: int, *, at: str = "", first: int = 1, filler: str = FILLER) -> None:
    for number in range(first, first + count):
        bench.feed(event("Newstate", Number=str(number), Filler=filler), at=at)


def send(session: Session, *lines: str) -> None:
    session.receive("".join(f"{line}\r\n" for line in lines).encode() + b"\r\n")


def log_in(bench: Bench, name: str = "board") -> tuple[Session, ListTransport]:
    session, transport = bench.connect()
    send(session, "Action: Login", f"Username: {name}", "Secret: x", "Events: off")
    assert b"Authentication accepted" in transport.take()
    return session, transport


def resume(bench: Bench, position: str, *more: str, name: str = "board") -> tuple[Session, ListTransport]:
    session, transport = log_in(bench, name)
    send(session, "Action: ProxyResume", "ActionID: r", f"From: {position}", *more)
    return session, transport


def messages(transport: ListTransport) -> list[Message]:
    return [Message(raw + b"\r\n\r\n") for raw in transport.take().split(b"\r\n\r\n")[:-1]]


def numbers(transport: ListTransport, server: str = "") -> list[int]:
    found = [message for message in messages(transport) if message.get(b"number")]
    return [int(message.get(b"number")) for message in found if message.get(b"server").decode() == server]


def read_on(session: Session, transport: ListTransport, room: int | None = None) -> None:
    """Let the client take this many more bytes; None: all that come."""
    transport.room = None if room is None or transport.room is None else transport.room + room
    while session.writable():
        pass


class TestAnswers:
    def test_the_missed_events_follow_and_then_those_that_come(self, bench: Bench) -> None:
        position = token(bench)
        feed(bench, 300)
        session, transport = resume(bench, position)
        feed(bench, 2, first=301)
        bench.clock.advance(0)
        feed(bench, 2, first=303)
        first, *rest = messages(transport)
        assert (first.get(b"response"), first.get(b"actionid")) == (b"Success", b"r")
        assert [int(one.get(b"number")) for one in rest] == list(range(1, 305))
        assert not rest[0].get(b"proxysequence")
        assert session.subscription is not None
        assert session.cursor is None
        counts = bench.hub.stats.history_of(bench.server().name)
        assert (counts.resumes[RESUMED], counts.replayed, counts.catching_up) == (1, 302, 0)

    def test_the_mask_and_the_positions_that_the_client_asks_for_apply_to_both(self, bench: Bench) -> None:
        position = token(bench)
        bench.feed(event("Newstate", Number="1"), event("AgentLogin", "agent", Number="2"))
        _, transport = resume(bench, position, "EventMask: agent", "ProxySequence: on")
        bench.clock.advance(0)
        bench.feed(event("Newstate", Number="3"), event("AgentLogin", "agent", Number="4"))
        answer, *events = messages(transport)
        assert answer.get(b"proxysequence") == b"on"
        assert [one.get(b"number") for one in events] == [b"2", b"4"]
        assert events[-1].get(b"proxysequence").decode() == token(bench)
        _, transport = resume(bench, events[0].get(b"proxysequence").decode())
        bench.clock.advance(0)
        assert numbers(transport) == [3, 4]

    @pytest.mark.parametrize(
        ("lines", "text"),
        [
            ((), b"From is missing"),
            (("From: ",), b"From is missing"),
            (("From: {now}", "EventMask: 4294967295"), b"Invalid event mask"),
            (("From: {now}", "ProxySequence: perhaps"), b"ProxySequence must be on or off"),
            (("From: nonsense",), b"Gap"),
            (("From: {now}.nonsense",), b"Gap"),
            (("From: T0000000000000000-0",), b"Gap"),
        ],
    )
    def test_what_cannot_be_followed_is_an_error_and_events_stay_off(
        self, bench: Bench, lines: tuple[str, ...], text: bytes
    ) -> None:
        session, transport = log_in(bench)
        send(session, "Action: ProxyResume", *(line.format(now=token(bench)) for line in lines))
        (answer,) = messages(transport)
        assert (answer.get(b"response"), answer.get(b"message")) == (b"Error", text)
        feed(bench, 1)
        bench.clock.advance(0)
        assert not transport.take()
        assert bench.hub.stats.history_of(bench.server().name).resumes[GAP] == (text == b"Gap")
        send(session, "Action: ProxyResume", f"From: {token(bench)}")
        assert messages(transport)[0].get(b"response") == b"Success"

    def test_events_have_to_be_off(self, bench: Bench) -> None:
        session, transport = bench.login("board")
        send(session, "Action: ProxyResume", f"From: {token(bench)}")
        assert messages(transport)[0].get(b"message") == b"Events are on: log in with Events: off"

    def test_a_position_before_the_journal_or_of_an_earlier_link_is_a_gap(self) -> None:
        bench = bench_of(BOARD, bytes_=64 << 10)
        early = token(bench)
        feed(bench, 200)
        late = token(bench)
        _, transport = resume(bench, early)
        assert messages(transport)[0].get(b"message") == b"Gap"
        bench.server().link_down("gone")
        bench.link_up()
        _, transport = resume(bench, late)
        assert messages(transport)[0].get(b"message") == b"Gap"

    def test_nothing_can_be_resumed_while_no_journal_is_kept(self, bench: Bench) -> None:
        position = token(bench)
        bench.server().keep(None, present=False)
        _, transport = resume(bench, position)
        assert messages(transport)[0].get(b"message") == b"Gap"

    def test_without_a_mask_nothing_follows(self, bench: Bench) -> None:
        position = token(bench)
        feed(bench, 3)
        session, transport = resume(bench, position, "EventMask: off")
        bench.clock.advance(0)
        assert len(messages(transport)) == 1
        assert session.subscription is session.cursor is None


class TestPositionsThatAreYetToCome:
    """At one edge of a fleet, a client may have had an event that another edge is yet to get."""

    def ahead(self, bench: Bench, by: int, name: str = "") -> str:
        journal = bench.server(name).journal
        assert journal is not None
        return journal.token(journal.last + by).decode()

    def test_the_action_waits_until_the_event_is_here(self, bench: Bench) -> None:
        _, transport = resume(bench, self.ahead(bench, 2))
        bench.clock.advance(1)
        feed(bench, 1)
        bench.clock.advance(1)
        assert not transport.take()
        feed(bench, 3, first=2)
        bench.clock.advance(0.1)
        bench.clock.advance(0)
        answer, *events = messages(transport)
        assert (answer.get(b"response"), answer.get(b"actionid")) == (b"Success", b"r")
        assert [one.get(b"number") for one in events] == [b"3", b"4"]
        counts = bench.hub.stats.history_of(bench.server().name)
        assert (counts.resumes[RESUMED], counts.resumes[GAP]) == (1, 0)

    def test_later_actions_wait_with_it(self, bench: Bench) -> None:
        session, transport = resume(bench, self.ahead(bench, 1))
        send(session, "Action: Ping", "ActionID: p")
        bench.clock.advance(0.1)
        assert not transport.take()
        feed(bench, 1)
        bench.clock.advance(0.1)
        assert [one.get(b"actionid") for one in messages(transport)] == [b"r", b"p"]

    def test_an_event_that_does_not_come_is_a_gap(self, bench: Bench) -> None:
        session, transport = resume(bench, self.ahead(bench, 1))
        bench.clock.advance(PATIENCE - 0.1)
        assert not transport.take()
        bench.clock.advance(0.2)
        assert messages(transport)[0].get(b"message") == b"Gap"
        send(session, "Action: ProxyResume", f"From: {token(bench)}")
        assert messages(transport)[0].get(b"response") == b"Success"

    def test_it_waits_no_longer_if_the_journal_begins_again(self, bench: Bench) -> None:
        _, transport = resume(bench, self.ahead(bench, 1))
        journal = bench.server().journal
        assert journal is not None
        journal.begin()
        bench.clock.advance(0.1)
        assert messages(transport)[0].get(b"message") == b"Gap"

    def test_a_session_that_ends_meanwhile_is_forgotten(self, bench: Bench) -> None:
        session, transport = resume(bench, self.ahead(bench, 1))
        other, its_transport = resume(bench, self.ahead(bench, 1))
        session.close("gone", abort=True)
        feed(bench, 1)
        bench.clock.advance(0.1)
        assert not transport.take()
        assert messages(its_transport)[0].get(b"response") == b"Success"
        other.close("gone", abort=True)

    def test_a_fault_ends_only_its_session(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        session, broken = resume(bench, self.ahead(bench, 1))
        _, transport = resume(bench, self.ahead(bench, 1))

        def write(_data: bytes) -> int:
            raise ZeroDivisionError

        monkeypatch.setattr(broken, "write", write)
        monkeypatch.setattr(broken, "send", write)
        feed(bench, 1)
        bench.clock.advance(0.1)
        assert session.state in OVER
        assert messages(transport)[0].get(b"response") == b"Success"

    def test_all_servers_have_to_reach_their_positions(self, several: Bench) -> None:
        _, transport = resume(several, f"{self.ahead(several, 1, 'pbx1')}.{self.ahead(several, 1, 'pbx2')}")
        feed(several, 1, at="pbx1")
        several.clock.advance(0.1)
        assert not transport.take()
        feed(several, 1, at="pbx2")
        several.clock.advance(0.1)
        assert messages(transport)[0].get(b"response") == b"Success"


class TestSeveralServers:
    def test_each_server_goes_on_from_its_own_position(self, several: Bench) -> None:
        one = token(several, "pbx1")
        feed(several, 100, at="pbx1")
        other = token(several, "pbx2")
        feed(several, 150, at="pbx2")
        _, transport = resume(several, f"{other}.{one}")
        several.clock.advance(0)
        feed(several, 1, at="pbx2", first=151)
        sent = transport.take()
        for name, last in (("pbx1", 100), ("pbx2", 151)):
            transport.sent = [sent]
            assert numbers(transport, name) == list(range(1, last + 1))

    def test_one_server_without_a_position_is_a_gap(self, several: Bench) -> None:
        session, transport = resume(several, token(several, "pbx1"))
        assert messages(transport)[0].get(b"message") == b"Gap"
        send(session, "Action: ProxyResume", f"From: {token(several, *NAMES)}")
        assert messages(transport)[0].get(b"response") == b"Success"

    def test_the_last_of_several_positions_at_a_server_counts(self, several: Bench) -> None:
        before = token(several, *NAMES)
        feed(several, 2, at="pbx1")
        after = token(several, "pbx1")
        feed(several, 1, at="pbx1", first=3)
        _, transport = resume(several, f"{after}.{before}")
        several.clock.advance(0)
        assert numbers(transport, "pbx1") == [3]

    def test_a_bound_session_needs_only_its_own(self, several: Bench) -> None:
        position = token(several, *NAMES)
        feed(several, 1, at="pbx1")
        feed(several, 2, at="pbx2")
        _, transport = resume(several, position, name="board/pbx2")
        several.clock.advance(0)
        assert numbers(transport) == [1, 2]

    def test_an_answer_that_holds_events_of_one_server_back_holds_the_missed_ones_back_too(
        self, several: Bench
    ) -> None:
        position = token(several, *NAMES)
        for name in NAMES:
            feed(several, 200, at=name)
        several.upstreams["pbx1"].take()
        session, transport = resume(several, position)
        what = "Channel: Local/1@x", "Application: Wait", "Data: 1"
        send(session, "Action: Originate", "Server: pbx1", "ActionID: c", *what)
        (asked,) = several.upstreams["pbx1"].take()
        several.clock.advance(0)
        before = [one for one in messages(transport) if one.get(b"number")]
        assert len(before) < 400
        several.answer(asked, b"Message: Originate successfully queued\r\n", at="pbx1")
        done = b"Event: OriginateResponse\r\nPrivilege: call,all\r\nActionID: %b\r\nResponse: Success\r\n\r\n"
        several.feed(done % asked.get(b"actionid"), at="pbx1")
        several.clock.advance(0)
        answer, *after = messages(transport)
        assert answer.get(b"actionid") == b"c"
        for name in (b"pbx1", b"pbx2"):
            found = [int(one.get(b"number")) for one in before + after if one.get(b"server") == name]
            assert found == list(range(1, 201))


def test_clients_that_resume_from_different_events_have_each_made_once(bench: Bench) -> None:
    made: list[bytes] = []

    def render(raw: bytes) -> bytes:
        made.append(raw)
        return raw

    encoding = Encoding("test", render)
    positions = [token(bench)]
    for number in range(3):
        feed(bench, 2, first=2 * number)
        positions.append(token(bench))
    clients = []
    for position in positions[:-1]:
        transport = ListTransport(encoding=encoding)
        session = bench.hub.attach(transport)
        send(session, "Action: Login", "Username: board", "Secret: x", "Events: off")
        transport.take()
        transport.room = 200  # for the answer: the client has to be waited for
        send(session, "Action: ProxyResume", f"From: {position}")
        clients.append((session, transport))
    bench.clock.advance(1)
    for session, transport in clients:
        transport.room = None
        read_on(session, transport)
    bench.clock.advance(1)
    got = [numbers(transport) for _, transport in clients]
    assert got == [list(range(6)), list(range(2, 6)), list(range(4, 6))]
    events = [raw for raw in made if b"Number: " in raw]
    assert len(events) == len(set(events))


def test_clients_that_resume_one_after_the_other_have_each_made_once_as_well(bench: Bench) -> None:
    made: list[bytes] = []

    def render(raw: bytes) -> bytes:
        made.append(raw)
        return raw

    encoding = Encoding("test", render)
    position = token(bench)
    feed(bench, 3)

    def came_back(room: int | None = None) -> tuple[Session, ListTransport]:
        transport = ListTransport(encoding=encoding)
        session = bench.hub.attach(transport)
        send(session, "Action: Login", "Username: board", "Secret: x", "Events: off")
        transport.take()
        made.clear()
        transport.room = room
        send(session, "Action: ProxyResume", f"From: {position}")
        bench.clock.advance(0)
        return session, transport

    def makes() -> int:
        return len([raw for raw in made if b"Number: " in raw])

    first, _ = came_back()
    assert first.cursor is None
    assert makes() == 3
    bench.clock.advance(0.5)
    second, _ = came_back()
    assert second.cursor is None
    assert makes() == 0
    slow, transport = came_back(room=10)
    assert slow.cursor is not None
    bench.clock.advance(2)
    came_back()
    assert makes() == 0, "one client is still catching up"
    transport.room = None
    read_on(slow, transport)
    bench.clock.advance(2)
    assert slow.cursor is None
    came_back()
    assert makes() == 3, "nobody has needed them for a while, so they were not kept"


class TestSlowClients:
    def test_what_a_client_does_not_take_stays_in_the_journal(self, bench: Bench) -> None:
        position = token(bench)
        feed(bench, 1000)
        session, transport = resume(bench, position)
        transport.room = 0
        bench.clock.advance(0)
        assert session.bytes_waiting < 128 << 10
        assert bench.hub.limit_state.backlog.size == session.bytes_waiting
        feed(bench, 500, first=1001)
        while session.cursor is not None:
            read_on(session, transport, 10_000)
            bench.clock.advance(0)
            assert session.bytes_waiting < 128 << 10
        read_on(session, transport)
        feed(bench, 1, first=1501)
        assert numbers(transport) == list(range(1, 1502))

    def test_a_client_that_the_journal_overtakes_is_closed_as_slow(self) -> None:
        bench = bench_of(BOARD, bytes_=256 << 10)
        position = token(bench)
        feed(bench, 200)
        session, transport = resume(bench, position)
        transport.room = 0
        bench.clock.advance(0)
        feed(bench, 300, first=201)
        assert session.state not in OVER
        read_on(session, transport)
        bench.clock.advance(0)
        assert transport.closed
        assert bench.hub.stats.closes == {"slow consumer": 1}
        assert bench.hub.stats.limits == {"history": 1}
        counts = bench.hub.stats.history_of(bench.server().name)
        assert (counts.resumes[OVERTAKEN], counts.catching_up) == (1, 0)

    def test_a_client_whose_missed_events_are_lost_is_closed(self, bench: Bench) -> None:
        position = token(bench)
        feed(bench, 200)
        session, transport = resume(bench, position)
        transport.room = 0
        bench.clock.advance(0)
        bench.server().oversized(b"Event: Long\r\n")
        read_on(session, transport)
        bench.clock.advance(0)
        assert messages(transport)[-1].get(b"event") == b"ProxySessionEnd"
        assert bench.hub.stats.closes == {"events lost": 1}

    def test_others_are_served_between_two_pieces(self) -> None:
        class Slow(HandClock):
            def clock(self) -> float:
                self.time += 0.0003
                return self.time

        bench = bench_of(BOARD, clock=Slow())
        position = token(bench)
        feed(bench, 1000)
        clients = [resume(bench, position) for _ in range(3)]
        for _, transport in clients:
            transport.take()
        turns = 0
        while any(session.cursor is not None for session, _ in clients):
            due = [timer for timer in bench.clock.timers if timer.due <= bench.clock.time]
            for timer in due:
                bench.clock.timers.remove(timer)
                if timer.callback is not None:
                    timer.callback()
            turns += 1
        assert turns > 10
        for _, transport in clients:
            assert numbers(transport) == list(range(1, 1001))


class TestWhileItCatchesUp:
    @pytest.fixture
    def behind(self, bench: Bench) -> tuple[Session, ListTransport]:
        """A client that has taken the answer and none of 200 missed events, of which a piece waits."""
        position = token(bench)
        feed(bench, 200)
        session, transport = resume(bench, position, "ProxySequence: on")
        transport.take()
        transport.room = 0
        bench.clock.advance(0)
        return session, transport

    def test_answers_keep_their_order(self, bench: Bench, behind: tuple[Session, ListTransport]) -> None:
        session, transport = behind
        send(session, "Action: Ping", "ActionID: 1")
        send(session, "Action: ListCommands", "ActionID: 2")
        send(session, "Action: Ping", "ActionID: 3")
        read_on(session, transport)
        bench.clock.advance(0)
        found = messages(transport)
        assert [one.get(b"actionid") for one in found if one.get(b"actionid")] == [b"1", b"2", b"3"]
        assert [int(one.get(b"number")) for one in found if one.get(b"number")] == list(range(1, 201))

    def test_a_filter_applies_to_what_it_is_sent_after_the_answer(
        self, bench: Bench, behind: tuple[Session, ListTransport]
    ) -> None:
        session, transport = behind
        send(session, "Action: Filter", "Operation: Add", "Filter: !Filler", "ActionID: f")
        read_on(session, transport)
        bench.clock.advance(0)
        feed(bench, 1, first=201)
        feed(bench, 1, first=202, filler="")
        found = messages(transport)
        place = [one.get(b"actionid") for one in found].index(b"f")
        assert [int(one.get(b"number")) for one in found[:place]] == list(range(1, place + 1))
        assert [one.get(b"number") for one in found[place + 1 :]] == []

    def test_events_off_ends_it(self, bench: Bench, behind: tuple[Session, ListTransport]) -> None:
        session, transport = behind
        position = token(bench)
        send(session, "Action: ProxyResume", f"From: {position}")
        send(session, "Action: Events", "EventMask: off")
        feed(bench, 2, first=201)
        send(session, "Action: ProxyResume", f"From: {position}")
        read_on(session, transport)
        bench.clock.advance(0)
        found = messages(transport)
        refused, off, again = [one for one in found if one.get(b"response")]
        assert refused.get(b"response") == b"Error"
        assert (off.get(b"events"), again.get(b"response")) == (b"Off", b"Success")
        assert [one.get(b"number") for one in found[found.index(again) + 1 :]] == [b"201", b"202"]
        assert len(bench.hub.cursors) == 0

    def test_events_off_and_on_again_loses_nothing(
        self, bench: Bench, behind: tuple[Session, ListTransport]
    ) -> None:
        session, transport = behind
        send(session, "Action: Events", "EventMask: off")
        send(session, "Action: Events", "EventMask: on")
        read_on(session, transport)
        bench.clock.advance(0)
        assert numbers(transport) == list(range(1, 201))

    def test_a_wait_event_ends_with_missed_events(
        self, bench: Bench, behind: tuple[Session, ListTransport]
    ) -> None:
        session, transport = behind
        send(session, "Action: WaitEvent", "ActionID: w")
        assert session.waiting is not None
        read_on(session, transport)
        bench.clock.advance(0)
        found = messages(transport)
        own = [place for place, one in enumerate(found) if one.get(b"message").startswith(b"Waiting")]
        complete = [place for place, one in enumerate(found) if one.get(b"event") == b"WaitEventComplete"]
        assert len(own) == len(complete) == 1
        assert complete[0] > own[0] + 1
        assert [int(one.get(b"number")) for one in found if one.get(b"number")] == list(range(1, 201))

    def test_an_answer_that_holds_events_back_holds_these_back_too(
        self, bench: Bench, behind: tuple[Session, ListTransport]
    ) -> None:
        session, transport = behind
        bench.upstream.take()
        what = "Channel: Local/1@x", "Application: Wait", "Data: 1"
        send(session, "Action: Originate", "ActionID: o", *what)
        (asked,) = bench.upstream.take()
        read_on(session, transport)
        bench.clock.advance(0)
        held_back = numbers(transport)
        assert 0 < len(held_back) < 200
        bench.answer(asked, b"Message: Originate successfully queued\r\n")
        done = b"Event: OriginateResponse\r\nPrivilege: call,all\r\nActionID: %b\r\nResponse: Success\r\n\r\n"
        bench.feed(done % asked.get(b"actionid"))
        bench.clock.advance(0)
        found = messages(transport)
        assert found[0].get(b"actionid") == b"o"
        assert [int(one.get(b"number")) for one in found if one.get(b"number")] == list(
            range(len(held_back) + 1, 201)
        )

    def test_the_proxys_own_events_come_at_once(
        self, bench: Bench, behind: tuple[Session, ListTransport]
    ) -> None:
        session, transport = behind
        bench.hub.tell_shutdown()
        read_on(session, transport)
        assert messages(transport)[-1].get(b"event") == b"ProxyShutdown"

    def test_no_heartbeat_says_that_it_has_had_what_it_has_not(
        self, bench: Bench, behind: tuple[Session, ListTransport]
    ) -> None:
        session, transport = behind
        bench.hub.tick(bench.clock.now() + 100)
        bench.hub.flush()
        read_on(session, transport)
        bench.clock.advance(0)
        bench.hub.tick(bench.clock.now() + 200)
        bench.hub.flush()
        found = messages(transport)
        assert [one.get(b"event") for one in found] == [b"Newstate"] * 200 + [b"ProxyHeartbeat"]

    def test_a_logoff_ends_it(self, bench: Bench, behind: tuple[Session, ListTransport]) -> None:
        session, transport = behind
        send(session, "Action: Logoff")
        read_on(session, transport)
        assert messages(transport)[-1].get(b"response") == b"Goodbye"
        assert transport.closed
        assert len(bench.hub.cursors) == 0
        assert bench.hub.stats.history_of(bench.server().name).catching_up == 0

    def test_what_waits_for_its_end_is_told(
        self, bench: Bench, behind: tuple[Session, ListTransport]
    ) -> None:
        session, transport = behind
        called: list[bool] = []
        assert session.cursor is not None
        session.cursor.after(lambda: called.append(session.subscription is not None))
        assert called == []
        read_on(session, transport)
        bench.clock.advance(0)
        assert called == [True]

    def test_an_action_may_wait_for_its_end(
        self, bench: Bench, behind: tuple[Session, ListTransport]
    ) -> None:
        session, transport = behind
        handler = when_caught_up(lambda one, action: one.answer(message.success(action.action_id, b"Now")))
        handler(session, Action([(b"Action", b"Any"), (b"ActionID", b"1")]))
        send(session, "Action: Ping", "ActionID: 2")
        read_on(session, transport)
        bench.clock.advance(0)
        *events, first, second = messages(transport)
        assert [int(one.get(b"number")) for one in events] == list(range(1, 201))
        assert (first.get(b"message"), second.get(b"actionid")) == (b"Now", b"2")
        handler(session, Action([(b"Action", b"Any"), (b"ActionID", b"3")]))
        session.push()
        assert messages(transport)[0].get(b"actionid") == b"3"

    def test_an_action_that_waits_is_answered_when_the_session_ends(
        self, bench: Bench, behind: tuple[Session, ListTransport]
    ) -> None:
        session, transport = behind
        cursor = session.cursor
        handler = when_caught_up(lambda *_: None)
        handler(session, Action([(b"Action", b"Any"), (b"ActionID", b"1")]))
        session.close("kicked")
        read_on(session, transport)
        assert messages(transport)[-1].get(b"message") == b"Session closed: kicked"
        assert cursor is not None
        bench.clock.advance(10)
        assert bench.hub.stats.faults == 0

    def test_an_action_that_waits_is_not_run_if_the_session_ends_before_its_turn(
        self, bench: Bench, behind: tuple[Session, ListTransport]
    ) -> None:
        session, transport = behind
        ran: list[Action] = []
        assert session.cursor is not None
        session.cursor.after(lambda: session.close("kicked"))
        when_caught_up(lambda _, action: ran.append(action))(session, Action([(b"Action", b"Any")]))
        read_on(session, transport)
        bench.clock.advance(0)
        assert messages(transport)[-1].get(b"message") == b"Session closed: kicked"
        assert transport.closed
        assert ran == []
        assert bench.hub.stats.faults == 0

    def test_a_fault_ends_the_session(self, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
        class Broken(ListTransport):
            breaks = False

            def send(self, data: bytes | memoryview) -> int:
                if self.breaks:
                    raise RuntimeError("broken")
                return super().send(data)

        position = token(bench)
        feed(bench, 200)
        transport = Broken()
        session, _ = bench.login("board", by=transport)
        send(session, "Action: Events", "EventMask: off")
        send(session, "Action: ProxyResume", f"From: {position}")
        transport.breaks = True
        bench.clock.advance(0)
        assert bench.hub.stats.closes == {"fault": 1}
        assert len(bench.hub.cursors) == 0
        assert "broken" in caplog.text


class TestReloads:
    def behind(self, bench: Bench, *names: str) -> tuple[Session, ListTransport]:
        position = token(bench, *names)
        for name in names or ("",):
            feed(bench, 200, at=name)
        session, transport = resume(bench, position)
        transport.take()
        transport.room = 0
        bench.clock.advance(0)
        return session, transport

    def test_rights_that_are_taken_away_hide_the_rest(self, bench: Bench) -> None:
        session, transport = self.behind(bench)
        bench.hub.adopt(UserTable([replace(BOARD, read=privilege.AGENT)]))
        read_on(session, transport)
        bench.clock.advance(0)
        bench.feed(event("AgentLogin", "agent", Number="201"))
        found = numbers(transport)
        assert found[-1] == 201
        assert found[:-1] == list(range(1, len(found)))
        assert len(found) < 150

    def test_without_the_right_to_resume_the_session_ends(self, bench: Bench) -> None:
        session, transport = self.behind(bench)
        bench.hub.adopt(UserTable([replace(BOARD, history=False)]))
        read_on(session, transport)
        bench.clock.advance(0)
        assert messages(transport)[-1].get(b"event") == b"ProxySessionEnd"
        assert bench.hub.stats.closes == {"history not permitted": 1}
        assert len(bench.hub.cursors) == 0

    def test_a_server_that_is_taken_away_is_left_out(self) -> None:
        names = ("pbx1", "pbx2", "pbx3")
        user = replace(BOARD, servers=names)
        bench = bench_of(user, servers=names)
        session, transport = self.behind(bench, *names)
        bench.hub.adopt(UserTable([replace(user, servers=names[1:])]))
        feed(bench, 1, at="pbx1", first=201)
        waiting = session.bytes_waiting
        read_on(session, transport)
        sent = transport.take()
        assert len(sent) <= waiting
        bench.clock.advance(0)
        later = transport.take()
        transport.sent = [later]
        assert numbers(transport, "pbx1") == []
        for name in names[1:]:
            transport.sent = [sent + later]
            assert numbers(transport, name) == list(range(1, 201))
        assert bench.hub.stats.history_of("pbx1").catching_up == 0

    def test_a_server_that_is_added_is_live_at_once(self) -> None:
        names = ("pbx1", "pbx2", "pbx3")
        bench = bench_of(replace(BOARD, servers=names[:2]), servers=names)
        session, transport = self.behind(bench, *names[:2])
        bench.hub.adopt(UserTable([replace(BOARD, servers=names)]))
        feed(bench, 1, at="pbx3", first=7)
        read_on(session, transport)
        bench.clock.advance(0)
        feed(bench, 1, at="pbx3", first=8)
        sent = transport.take()
        transport.sent = [sent]
        assert numbers(transport, "pbx3") == [7, 8]
        transport.sent = [sent]
        assert numbers(transport, "pbx1") == list(range(1, 201))


class TestLostLinks:
    def test_a_client_of_several_servers_goes_on_with_the_others(self, several: Bench) -> None:
        position = token(several, *NAMES)
        for name in NAMES:
            feed(several, 200, at=name)
        session, transport = resume(several, position)
        transport.take()
        transport.room = 0
        several.clock.advance(0)
        several.server("pbx1").link_down("gone")
        several.link_up(at="pbx1")
        feed(several, 1, at="pbx1", first=201)
        read_on(session, transport)
        several.clock.advance(0)
        feed(several, 1, at="pbx1", first=202)
        found = messages(transport)
        told = [one.get(b"status") for one in found if one.get(b"event") == b"ProxyUpstream"]
        assert told == [b"Down", b"Up"]
        down = next(place for place, one in enumerate(found) if one.get(b"status") == b"Down")
        after = [one for one in found[down:] if one.get(b"number")]
        assert [one.get(b"number") for one in after if one.get(b"server") == b"pbx1"] == [b"201", b"202"]
        both = [one.get(b"number") for one in found if one.get(b"server") == b"pbx2" and one.get(b"number")]
        assert both == [b"%d" % number for number in range(1, 201)]

    def test_the_link_of_another_server_does_not_matter(self, several: Bench) -> None:
        position = token(several, "pbx2")
        feed(several, 200, at="pbx2")
        session, transport = resume(several, position, name="board/pbx2")
        transport.room = 0
        several.clock.advance(0)
        several.server("pbx1").link_down("gone")
        read_on(session, transport)
        several.clock.advance(10)
        assert numbers(transport) == list(range(1, 201))

    def test_a_bound_client_that_is_told_stays(self, bench: Bench) -> None:
        position = token(bench)
        feed(bench, 200)
        session, transport = resume(bench, position)
        transport.take()
        transport.room = 0
        bench.clock.advance(0)
        bench.server().link_down("gone")
        bench.link_up()
        feed(bench, 1, first=201)
        read_on(session, transport)
        bench.clock.advance(10)
        found = messages(transport)
        assert [one.get(b"status") for one in found if one.get(b"event") == b"ProxyUpstream"] == [
            b"Down",
            b"Up",
        ]
        assert found[-1].get(b"number") == b"201"
        assert not transport.closed

    def test_a_bound_client_that_cannot_be_told_is_closed(self, bench: Bench) -> None:
        position = token(bench)
        feed(bench, 200)
        session, transport = resume(bench, position, "EventMask: call")
        transport.room = 0
        bench.clock.advance(0)
        bench.server().link_down("gone")
        read_on(session, transport)
        bench.clock.advance(30)
        assert transport.closed
        assert bench.hub.stats.closes == {"upstream lost": 1}


def test_a_snapshot_comes_behind_all_that_the_client_has_missed() -> None:
    kept = Kept(replace(BOARD, servers=("pbx1",)))
    kept.know()
    bench = kept.bench
    position = token(bench)
    kept.feed(*(newchannel(str(number), Number=str(number), Filler=FILLER) for number in range(200)))
    session, transport = resume(bench, position)
    transport.take()
    transport.room = 0
    bench.clock.advance(0)
    send(session, "Action: ProxySnapshot", "Kinds: channels", "ActionID: s")
    kept.feed(hangup("0"), newchannel("200", Number="200"))
    bench.clock.advance(0)
    read_on(session, transport)
    bench.clock.advance(10)
    found = messages(transport)
    answer = [one for one in found if one.get(b"actionid") == b"s"]
    begin, end = found.index(answer[0]), found.index(answer[-1])
    before = [one for one in found[:begin] if one.get(b"event") == b"Newchannel"]
    assert [int(one.get(b"number")) for one in before] == list(range(201))
    assert [one.get(b"uniqueid") for one in answer[1:-1]] == [b"%d" % number for number in range(1, 201)]
    assert answer[-1].get(b"event") == b"ProxySnapshotComplete"
    assert found[end + 1 :] == []


@pytest.mark.parametrize("name", ["board", "scoped"])
def test_nothing_is_read_behind_an_event_that_is_not_kept(name: str) -> None:
    scoped = replace(BOARD, name="scoped", rules=Rules(scope=Scope(more_events=True)))
    bench = bench_of(BOARD, scoped)
    server = bench.server()
    journal = server.journal
    assert journal is not None
    session, _ = bench.login(name)
    peers = [event("PeerStatus", "system", Peer=f"PJSIP/{number}") for number in range(3)]
    bench.feed(peers[0])
    server.reach(5)
    bench.feed(*peers[1:])
    reader = Reader(Start(server, journal.epoch, 0), session.principal.view, session.encoding)
    found = []
    for until in (1, 3, 3, 5, 6, 7):
        piece = reader.read(PIECE, Pieces(), until)
        assert piece is not None
        assert reader.sequence >= until
        found.append(piece.data)
    assert found == [peers[0], b"", b"", b"", peers[1], peers[2]]
    assert reader.is_done


def test_a_small_outbox_is_not_filled_by_one_piece() -> None:
    bench = bench_of(BOARD, limits=Limits(outbox_hard=16384, outbox_soft=8192))
    position = token(bench)
    feed(bench, 200)
    session, transport = resume(bench, position)
    transport.take()
    transport.room = 100
    bench.clock.advance(0)
    assert session.state not in OVER
    read_on(session, transport)
    bench.clock.advance(0)
    assert numbers(transport) == list(range(1, 201))
