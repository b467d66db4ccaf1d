"""Sessions, events of the proxy's own, effects of the link's loss and return, effects of time."""

import pytest

from amiproxy.ami import privilege
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from tests.support.core_doubles import Bench, event

BOSS = User("boss", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
CALLS = User("calls", read=privilege.CALL, write=privilege.CALL, secret="plain:x")
TWO = User("two", read=privilege.SYSTEM | privilege.USER, secret="plain:x")
HALF = User("half", read=privilege.SYSTEM, secret="plain:x")
BOOTED = (
    b"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: x\r\nLastReload: y\r\n"
    b"Status: Fully Booted\r\n\r\n"
)


@pytest.fixture
def bench() -> Bench:
    bench = Bench(BOSS, CALLS, TWO, HALF)
    bench.link_up()
    return bench


class TestFaults:
    """An internal error in one message or one session stays there: the link is shared by all."""

    def test_an_error_in_one_session_ends_only_that_session(self, bench, monkeypatch):
        (session, transport), (other, other_got) = bench.login("boss"), bench.login("boss")
        other_got.take()

        def broken(*_):
            raise RuntimeError("fault")

        session.receive(b"Action: CoreStatus\r\n\r\nAction: CoreStatus\r\n\r\n")
        (asked,) = bench.upstream.take()
        monkeypatch.setattr(session.route.places[0], "judge", broken)
        bench.answer(asked, b"")
        assert transport.closed == "abort"
        assert bench.hub.stats.closes == {"fault": 1}
        monkeypatch.undo()
        other.receive(b"Action: Ping\r\n\r\n")
        assert b"Pong" in other_got.take()


class TestOwnEvents:
    """Events of the proxy itself look like Asterisk's."""

    def test_own_events_have_the_system_name_that_asterisks_have(self, bench):
        (_, system), (_, calls) = bench.login("half"), bench.login("calls")
        named = event("X", SystemName="pbx", Y="1")
        bench.feed(named)
        assert calls.take() == named
        bench.hub.servers.first.link_down("gone")
        assert system.take().endswith(
            event("ProxyUpstream", "system", SystemName="pbx", Status="Down", Reason="gone")
        )
        bench.link_up()
        assert system.take() == event("ProxyUpstream", "system", SystemName="pbx", Status="Up")
        bench.feed(event("X", Y="1"))
        bench.hub.tell_shutdown()
        assert system.take() == event("ProxyShutdown", "system"), "another Asterisk may have none"

    def test_security_events_have_it_too_and_a_storm_is_reported_as_a_count(self):
        guard = User("guard", secret="plain:x", read=privilege.SECURITY)
        bench = Bench(guard, CALLS)
        bench.link_up()
        bench.feed(event("X", Timestamp="1.5", SystemName="pbx"))
        _, transport = bench.login("guard")
        transport.take()
        for _ in range(20):
            bench.login("calls")
        told = transport.take()
        assert told.count(b"Event: SuccessfulAuth\r\n") == 14, "its own was the first from this address"
        stamp = b"Timestamp: %.6f\r\n" % bench.clock.wall()
        assert told.startswith(
            b"Event: SuccessfulAuth\r\nPrivilege: security,all\r\n" + stamp + b"SystemName: pbx\r\nEventTV: "
        )
        bench.hub.tick(bench.clock.now())
        assert transport.take() == (
            b"Event: ProxySecurityEvents\r\nPrivilege: security,all\r\n"
            + stamp
            + b"SystemName: pbx\r\nSuppressed: SuccessfulAuth\r\nCount: 6\r\n\r\n"
        )
        bench.hub.tick(bench.clock.now() + 1)
        bench.login("calls")
        assert transport.take().count(b"Event: SuccessfulAuth\r\n") == 1

    def test_shutdown_is_announced_at_once_to_readers_of_class_system(self):
        bench = Bench(HALF, CALLS, interval=5.0)
        (_, half), (_, calls) = bench.login("half"), bench.login("calls")
        bench.hub.tell_shutdown()
        assert half.take().endswith(b"Event: ProxyShutdown\r\nPrivilege: system,all\r\n\r\n")
        assert b"ProxyShutdown" not in calls.take()


class TestLink:
    def test_link_loss_and_return_are_announced_to_readers_of_system(self, bench):
        (_, system), (_, calls) = bench.login("half"), bench.login("calls")
        system.take()
        bench.hub.servers.first.link_down("Asterisk is gone")
        assert system.take() == event("ProxyUpstream", "system", Status="Down", Reason="Asterisk is gone")
        bench.link_up(booted=False)
        assert system.take() == b""
        bench.feed(BOOTED)
        assert system.take() == event("ProxyUpstream", "system", Status="Up") + BOOTED
        assert calls.take() == b""


class TestSlowConsumers:
    def test_a_session_past_the_limit_is_closed_and_others_are_not_disturbed(self):
        limits = Limits(outbox_hard=2048, outbox_soft=1024)
        bench = Bench(CALLS, limits=limits)
        bench.link_up()
        (_, slow), (_, quick) = bench.login("calls"), bench.login("calls")
        slow.room = 0
        for number in range(100):
            bench.feed(event("X", N=str(number)))
        assert slow.closed == "abort"
        assert quick.take().count(b"Event: X") == 100
        assert bench.hub.stats.slow_consumers == {"calls": 1}

    def test_one_flush_of_more_than_a_record_closes_it_too(self):
        bench = Bench(CALLS, limits=Limits(outbox_hard=2048, outbox_soft=1024))
        bench.link_up()
        _, slow = bench.login("calls")
        bench.feed(event("X"))
        assert slow.take()
        slow.room = 10
        bench.feed(*(event("X", Pad="x" * 300) for _ in range(100)))
        assert slow.closed == "abort"
        assert bench.hub.stats.slow_consumers == {"calls": 1}

    def test_its_own_answers_close_it_too(self):
        bench = Bench(BOSS, limits=Limits(outbox_hard=2048, outbox_soft=1024))
        bench.link_up()
        session, slow = bench.login("boss")
        slow.room = 0
        for _ in range(100):
            session.receive(b"Action: Ping\r\n\r\n")
            bench.clock.advance(0)
            if slow.closed:
                break
        assert slow.closed == "abort"

    def test_a_session_without_progress_is_closed(self, bench):
        _, slow = bench.login("calls")
        slow.room = 0
        bench.feed(event("X"))
        bench.hub.tick(bench.clock.now())
        bench.clock.advance(9)
        bench.hub.tick(bench.clock.now())
        assert not slow.closed
        bench.clock.advance(2)
        bench.hub.tick(bench.clock.now())
        assert slow.closed == "abort"


def test_sessions_are_counted_by_authentication(bench):
    assert bench.hub.users_logged_in == 0
    session, _ = bench.login("calls")
    other, _ = bench.connect()
    assert (bench.hub.authenticated, bench.hub.unauthenticated) == (1, 1)
    assert bench.hub.users_logged_in == 1
    assert bench.hub.sessions == [other, session]
    session.lost("x")
    other.lost("y")
    assert bench.hub.sessions == []
    assert bench.hub.stats.closes == {"x": 1, "y": 1}
    assert bench.hub.closing == {}
