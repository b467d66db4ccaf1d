"""A flush to many clients leaves others their turn, and sends each client everything once and in order."""

import pytest

from amiproxy.ami import privilege
from amiproxy.core.clients.session import Session
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from tests.support.core_doubles import Bench, HandClock, ListTransport, event

CALLS = User("calls", read=privilege.CALL, write=privilege.CALL, secret="plain:x")
USER = User("user", read=privilege.CALL, write=privilege.ALL, secret="plain:x")


class BusyClock(HandClock):
    """A clock that advances by ``step`` whenever it is read."""

    step = 0.0

    def now(self) -> float:
        self.time += self.step
        return self.time

    clock = now


class Broken(ListTransport):
    """Fails with a fault of ours."""

    def write(self, data: bytes) -> int:
        raise RuntimeError


def many_clients(count: int = 150, interval: float = 0.0) -> tuple[Bench, list[ListTransport]]:
    """This many clients of one audience; each reading of the clock takes 0.4 ms from now on."""
    clock = BusyClock()
    bench = Bench(USER, limits=Limits(sessions_per_user=1000), interval=interval, clock=clock)
    bench.link_up()
    transports = [bench.login("user")[1] for _ in range(count)]
    clock.advance(1)
    clock.step = 0.0004
    return bench, transports


def reached(transports: list[ListTransport]) -> int:
    return sum(bool(transport.sent) for transport in transports)


def test_a_long_flush_is_divided_and_continues_in_later_turns() -> None:
    bench, transports = many_clients(320)
    bench.feed(event("One"))
    first = reached(transports)
    assert 0 < first < len(transports)
    bench.feed(event("Two"))
    assert reached(transports) == first, "nothing is flushed past it"
    turns = 0
    while reached(transports) < len(transports):
        bench.clock.advance(0)
        turns += 1
    assert turns > 1
    bench.clock.advance(1)
    assert all(transport.take() == event("One") + event("Two") for transport in transports)
    assert bench.hub.subscriptions.deliveries == 2 * len(transports)


@pytest.mark.parametrize(("named", "awaited"), [(True, True), (True, False), (False, True)])
def test_a_slice_is_shorter_while_one_of_several_servers_has_an_action_to_answer(
    named: bool, awaited: bool
) -> None:
    bench, transports = many_clients(320)
    bench.clock.step = 0.0001
    if awaited:
        bench.hub.sessions[0].receive(b"Action: CoreStatus\r\n\r\n")
        assert bench.hub.servers.first.exchange.in_flight
    bench.hub.servers.named = named
    bench.feed(event("One"))
    shorter = named and awaited
    assert (reached(transports) < 64) is shorter
    bench.clock.advance(1)
    assert all(transport.take() == event("One") for transport in transports)


def test_an_answer_in_between_comes_after_the_events_before_it() -> None:
    bench, transports = many_clients()
    sessions = bench.hub.sessions
    bench.feed(event("One"))
    assert not transports[-1].sent
    for session in (sessions[0], sessions[-1]):
        session.receive(b"Action: Ping\r\n\r\n")
    bench.clock.advance(1)
    for transport in (transports[0], transports[-1]):
        data = transport.take()
        assert data.startswith(event("One") + b"Response: Success\r\nPing: Pong\r\n")
        assert data.count(b"Event: One") == 1


def test_a_client_that_leaves_or_logs_in_meanwhile_gets_its_own_part() -> None:
    bench, transports = many_clients()
    bench.feed(event("One"))
    assert not transports[-1].sent
    sessions = bench.hub.sessions
    for session in (sessions[0], sessions[-1]):
        session.receive(b"Action: Logoff\r\n\r\n")
    bench.clock.step = 0
    _, late = bench.login("user")
    bench.feed(event("Two"))
    bench.clock.advance(1)
    assert late.take() == event("Two")
    assert [transport.take().count(b"Event: One") for transport in transports] == [1] * len(transports)


def test_a_forced_flush_does_not_wait_for_a_turn() -> None:
    bench, transports = many_clients()
    bench.feed(event("One"))
    bench.feed(event("Two"))
    assert reached(transports) < len(transports)
    bench.hub.flush()
    assert all(transport.take() == event("One") + event("Two") for transport in transports)
    bench.clock.advance(1)
    assert reached(transports) == 0


def test_the_time_of_all_turns_counts_as_one_flush() -> None:
    bench, transports = many_clients(interval=0.005)
    before = bench.hub.stats.flushes
    bench.feed(event("One"))
    bench.feed(event("Two"))
    bench.clock.advance(1)
    assert reached(transports) == len(transports)
    assert bench.hub.stats.flushes == before + 2
    assert all(transport.take() == event("One") + event("Two") for transport in transports)


def test_a_flush_to_many_audiences_is_divided_too() -> None:
    users = [User(f"u{n}", read=privilege.CALL | 1 << (8 + n), secret="plain:x") for n in range(12)]
    clock = BusyClock()
    bench = Bench(*users, limits=Limits(sessions_per_user=1000), clock=clock)
    bench.link_up()
    transports = [bench.login(user.name)[1] for user in users for _ in range(20)]
    for transport in transports:
        transport.take()
    clock.step = 0.0004
    bench.feed(event("One"))
    assert 0 < reached(transports) < len(transports)
    clock.advance(1)
    assert all(transport.take() == event("One") for transport in transports)


def test_under_a_steady_stream_the_link_pauses_between_divided_flushes() -> None:
    bench, transports = many_clients(200, interval=0.05)
    clock = bench.clock
    clock.step = 0.0
    bench.feed(event("One"))
    bench.feed(event("Two"))
    assert bench.upstream.paused
    bench.upstream.kept.append(event("Three"))
    clock.step = 0.0008
    for transport in transports:
        transport.take()
    clock.time += 0.05
    clock.advance(0)
    assert 0 < reached(transports) < len(transports)
    assert bench.upstream.paused, "what arrives now waits for the next flush anyway"
    while reached(transports) < len(transports):
        clock.advance(0)
    assert bench.upstream.paused


def divided_while_paused() -> tuple[Bench, list[ListTransport]]:
    """A flush that is divided, and before which the link was paused."""
    bench, transports = many_clients(320, interval=0.05)
    clock = bench.clock
    clock.step = 0.0
    bench.feed(event("One"))
    bench.feed(event("Two"))
    bench.upstream.kept.append(event("Three"))
    for transport in transports:
        transport.take()
    clock.time += 0.05
    clock.step = 0.0008
    clock.advance(0)
    assert 0 < reached(transports) < len(transports)
    assert bench.upstream.paused
    return bench, transports


def test_the_link_does_not_wait_for_the_end_of_a_very_long_flush() -> None:
    bench, transports = divided_while_paused()
    bench.clock.time += 0.11
    bench.clock.advance(0)
    assert reached(transports) < len(transports)
    assert not bench.upstream.paused, "Asterisk gives up a manager that leaves megabytes unread"


def test_the_link_is_read_again_after_a_forced_flush() -> None:
    bench, transports = divided_while_paused()
    bench.hub.flush()
    assert reached(transports) == len(transports)
    assert not bench.upstream.paused


def test_a_failure_in_a_turn_does_not_affect_other_clients() -> None:
    bench, transports = many_clients()
    bench.feed(event("One"))
    broken = next(session for session in bench.hub.sessions if not session.transport.sent)
    broken.outbox.through(Broken())
    with pytest.raises(RuntimeError):
        bench.clock.advance(1)
    broken.outbox.through(broken.transport)
    bench.feed(event("Two"))
    bench.clock.advance(1)
    got = [transport.take() for transport in transports]
    assert got.count(event("One") + event("Two")) == len(transports) - 1
    assert got.count(event("Two")) == 1


def awaiting_a_flush(interval: float = 0.005) -> tuple[Bench, Session, ListTransport]:
    """One session to which event A was sent at once and for which B waits."""
    bench = Bench(CALLS, interval=interval)
    bench.link_up()
    session, transport = bench.login("calls")
    bench.feed(event("A"))
    bench.feed(event("B"))
    return bench, session, transport


class TestIntervals:
    def test_flush_interval_delays_events_after_the_first(self):
        bench = Bench(CALLS, interval=0.005)
        bench.link_up()
        _, transport = bench.login("calls")
        bench.feed(event("A"))
        assert transport.take() == event("A"), "the first after a quiet moment leaves at once"
        bench.feed(event("B"))
        bench.feed(event("C"))
        assert transport.take() == b""
        bench.clock.advance(0.006)
        assert transport.take() == event("B") + event("C")

    def test_events_that_arrive_before_a_flush_are_read_with_it(self):
        bench = Bench(CALLS, interval=0.005)
        bench.link_up()
        _, transport = bench.login("calls")
        bench.feed(event("A"))
        assert not bench.upstream.paused, "after a quiet period the next event is not waited for"
        bench.feed(event("B"))
        assert bench.upstream.paused
        bench.upstream.kept = [event("C"), event("D")]
        transport.take()
        bench.clock.advance(0.006)
        assert transport.take() == event("B") + event("C") + event("D")
        assert len(transport.sent) == 0

    def test_under_a_steady_stream_the_link_pauses_from_flush_to_flush(self):
        bench, _, transport = awaiting_a_flush()
        for name in ("C", "D", "E"):
            transport.take()
            bench.upstream.kept = [event(name)]
            bench.clock.advance(0.007)
            assert transport.take().endswith(event(name))
            assert bench.upstream.paused, "the next would only wait for the next flush"
        bench.clock.advance(0.007)
        assert not bench.upstream.paused, "nothing came: the link is read at once again"
        assert not bench.clock.timers or all(
            timer.due > bench.clock.time + 0.5 for timer in bench.clock.timers
        )
        bench.clock.advance(0.005)
        bench.feed(event("F"))
        assert transport.take() == event("F"), "the first after a quiet moment leaves at once"

    def test_in_a_steady_stream_the_interval_counts_from_the_first_event(self):
        bench, _, transport = awaiting_a_flush()
        bench.upstream.kept = [event("C"), event("D"), event("E")]
        bench.clock.advance(0.005)
        transport.take()
        bench.upstream.kept = [event("G")]
        bench.clock.advance(0.0055)
        assert transport.take() == b"", "four in 5 ms: the next one is expected 0.6 ms after a flush"
        bench.clock.advance(0.0002)
        assert transport.take() == event("G")

    def test_a_failure_in_a_flush_leaves_the_link_read_and_the_next_flush_due(self):
        bench, session, transport = awaiting_a_flush()
        transport.take()

        sound = session.outbox.sender
        session.outbox.through(Broken())
        with pytest.raises(RuntimeError):
            bench.clock.advance(0.005)
        assert not bench.upstream.paused
        session.outbox.through(sound)
        bench.clock.advance(1)
        bench.feed(event("C"))
        assert transport.take() == event("C")

    def test_a_steady_stream_does_not_delay_an_answer(self):
        bench, session, _ = awaiting_a_flush()
        session.receive(b"Action: Park\r\nActionID: 1\r\n\r\n")
        assert not bench.upstream.paused
        bench.clock.advance(0.005)
        assert not bench.upstream.paused, "one is awaited"

    def test_the_link_does_not_pause_when_every_event_leaves_at_once(self):
        bench, _, _ = awaiting_a_flush()
        bench.pacing.shortest = 0.0  # a reload
        bench.upstream.kept = [event("C")]
        bench.clock.advance(0.005)
        assert not bench.upstream.paused

    def test_the_link_is_not_paused_for_long(self):
        bench, _, _ = awaiting_a_flush(0.5)
        assert not bench.upstream.paused, "Asterisk gives up a manager that leaves megabytes unread"

    def test_the_link_is_not_paused_when_a_reload_comes_long_before_a_flush(self):
        bench, _, _ = awaiting_a_flush(1.0)
        bench.pacing.shortest, bench.pacing.longest = 0.005, 0.05
        bench.feed(event("C"))
        assert not bench.upstream.paused

    def test_the_link_is_not_paused_while_an_answer_is_awaited(self):
        bench = Bench(CALLS, interval=0.005)
        bench.link_up()
        session, transport = bench.login("calls")
        bench.feed(event("A"))
        session.receive(b"Action: Park\r\nActionID: 1\r\n\r\n")
        bench.feed(event("B"))
        assert not bench.upstream.paused, "one is awaited"
        (asked,) = bench.upstream.take()
        bench.answer(asked, b"")
        bench.feed(event("C"))
        assert bench.upstream.paused
        session.receive(b"Action: Park\r\nActionID: 2\r\n\r\n")
        assert not bench.upstream.paused, "one is asked for"
        bench.hub.servers.first.link_down("gone")
        bench.clock.advance(1)  # the flush that was due finds no link
        assert b"Event: C" in transport.take()
