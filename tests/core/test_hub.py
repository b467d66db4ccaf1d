"""Which session gets which event; effects of the link's loss and return; effects of time."""

from dataclasses import replace

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import FilterSet, compile_legacy
from amiproxy.core.model.encoding import Encoding
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.rules import Rules, Scope
from amiproxy.core.model.state import OVER, State
from amiproxy.core.model.users import User, UserTable
from amiproxy.steps import finish
from tests.support.core_doubles import Bench, ListTransport, event

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


class TestEvents:
    @pytest.mark.parametrize(
        ("classes", "readers"),
        [
            ("call", {"boss", "calls"}),
            ("system", {"boss", "two", "half"}),
            ("system,user", {"boss", "two"}),  # every class, not any
            ("security", {"boss"}),
            ("brandnew", {"boss"}),
            ("Call", {"boss"}),
        ],
    )
    def test_an_event_reaches_sessions_that_may_read_all_its_classes(self, bench, classes, readers):
        clients = {name: bench.login(name)[1] for name in ("boss", "calls", "two", "half")}
        for transport in clients.values():
            transport.take()
        for _ in range(2):  # judged, then remembered
            bench.feed(event("X", classes))
            assert {name for name, transport in clients.items() if transport.take()} == readers

    def test_each_encoding_of_a_view_is_rendered_once(self, bench):
        rendered: list[bytes] = []

        def render(raw: bytes) -> bytes:
            rendered.append(raw)
            return b"<%d>" % len(raw)

        encoding = Encoding("test", render)
        (_, plain), (session, first), (_, second) = (
            bench.login("calls", by=by)
            for by in (ListTransport(), ListTransport(encoding=encoding), ListTransport(encoding=encoding))
        )
        raw = event("X")
        bench.feed(raw)
        assert (plain.take(), rendered) == (raw, [raw])
        assert first.take() == second.take() == b"<%d>" % len(raw)
        subscription = session.subscription
        bench.hub.adopt(UserTable([BOSS, replace(CALLS, write=0), TWO, HALF]))
        assert session.subscription is subscription, "neither the view nor the encoding has changed"
        session.receive(b"Action: Events\r\nEventMask: off\r\n\r\n")
        bench.feed(raw)
        assert (b"<" in first.take(), second.take()) == (False, b"<%d>" % len(raw))

    def test_a_second_privilege_header_widens_nothing(self, bench):
        _, transport = bench.login("calls")
        bench.feed(b"Event: X\r\nPrivilege: system,all\r\nPrivilege: call,all\r\n\r\n")
        assert transport.take() == b""

    def test_members_of_an_audience_share_the_bytes_object(self, bench):
        one, two = bench.login("calls")[1], bench.login("calls")[1]
        bench.feed(event("X"))
        assert one.sent[0] is two.sent[0]

    def test_many_event_heads_are_not_remembered(self, bench):
        _, transport = bench.login("calls")
        for number in range(5000):
            bench.feed(event(f"X{number}"))
        assert transport.take().count(b"Event: ") == 5000

    def test_shutdown_is_announced_at_once_to_readers_of_class_system(self):
        bench = Bench(HALF, CALLS, interval=5.0)
        (_, half), (_, calls) = bench.login("half"), bench.login("calls")
        bench.hub.tell_shutdown()
        assert half.take().endswith(b"Event: ProxyShutdown\r\nPrivilege: system,all\r\n\r\n")
        assert b"ProxyShutdown" not in calls.take()

    def test_a_session_that_reads_no_class_has_no_subscription(self, bench):
        mute = User("mute", secret="plain:x")
        bench.hub.adopt(UserTable([mute]))
        session, _ = bench.login("mute")
        assert session.subscription is None


class TestFaults:
    """An internal error in one message or one session stays there: the link is shared by all."""

    def test_an_error_in_one_session_ends_only_that_session(self, bench, monkeypatch):
        (session, transport), (other, other_got) = bench.login("boss"), bench.login("boss")
        other_got.take()

        def broken(*_):
            raise RuntimeError("fault")

        session.receive(b"Action: CoreStatus\r\n\r\nAction: CoreStatus\r\n\r\n")
        (asked,) = bench.upstream.take()
        monkeypatch.setattr(bench.hub.ctx, "judge", broken)
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
        bench.hub.server.link_down("gone")
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


class TestLink:
    def test_link_loss_and_return_are_announced_to_readers_of_system(self, bench):
        (_, system), (_, calls) = bench.login("half"), bench.login("calls")
        system.take()
        bench.hub.server.link_down("Asterisk is gone")
        assert system.take() == event("ProxyUpstream", "system", Status="Down", Reason="Asterisk is gone")
        bench.link_up(booted=False)
        assert system.take() == b""
        bench.feed(BOOTED)
        assert system.take() == event("ProxyUpstream", "system", Status="Up") + BOOTED
        assert calls.take() == b""

    def test_events_are_counted_whichever_sessions_join_meanwhile(self, bench):
        (one, _), (two, _) = bench.login("calls"), bench.login("calls")
        before = bench.hub.deliveries
        bench.feed(event("Hold"))
        one.receive(b"Action: CoreStatus\r\n\r\n")
        for session in (one, two):
            bench.feed(event("Hold"), event("Unhold"))
            bench.hub.subscribe(session)
            bench.feed(event("Hold"))
        assert bench.hub.deliveries - before == 2 * 7


class TestUsers:
    def test_changed_rights_apply_at_once(self, bench):
        session, transport = bench.login("calls")
        more = User("Calls", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
        bench.hub.adopt(UserTable([more]))
        assert session.state is State.READY
        bench.feed(event("X", "system"))
        assert transport.take() == event("X", "system")
        assert bench.hub.sessions_of(more) == [session]
        assert session.principal.user is more

    @pytest.mark.parametrize(
        ("table", "reason"),
        [
            ([BOSS], "user removed"),
            ([User("calls", secret="plain:x", disabled=True)], "user removed"),
            ([User("calls", secret="plain:y")], "credentials changed"),
            ([User("calls", secret="plain:x", md5_secret=b"n")], "credentials changed"),
        ],
    )
    def test_sessions_whose_user_may_no_longer_log_in_end(self, bench, table, reason):
        _, transport = bench.login("calls")
        bench.hub.adopt(UserTable(table))
        assert transport.closed == "close"
        assert bench.hub.stats.closes == {reason: 1}

    def test_two_sessions_of_a_renamed_user_stay(self, bench):
        bench.login("calls")
        bench.login("calls")
        renamed = User("CALLS", read=privilege.CALL, secret="plain:x")
        bench.hub.adopt(UserTable([renamed]))
        assert len(bench.hub.sessions_of(renamed)) == 2
        assert bench.hub.authenticated == 2

    def test_pending_events_of_the_old_view_are_not_lost(self):
        bench = Bench(CALLS, interval=0.01)
        bench.link_up()
        _, transport = bench.login("calls")
        bench.feed(event("A"))
        bench.feed(event("B"))
        bench.hub.adopt(UserTable([replace(CALLS, read=privilege.ALL)]))
        assert transport.take() == event("A") + event("B")

    def test_a_session_whose_view_is_unchanged_keeps_its_subscription(self, bench):
        session, transport = bench.login("calls")
        before = session.subscription
        bench.hub.adopt(UserTable([replace(CALLS, write=privilege.ALL)]))
        assert session.subscription is before
        assert session.principal.user.write == privilege.ALL
        bench.feed(event("A"))
        assert transport.take() == event("A")

    def test_between_two_steps_each_session_uses_one_table_consistently(self, bench):
        """In the end all sessions use the new table, and the generation has grown by one."""
        sessions = [bench.login("calls") for _ in range(3)]
        boss, _ = bench.login("boss")
        more = UserTable([replace(CALLS, read=privilege.ALL), replace(BOSS, disabled=True)])
        generation, table = bench.hub.ctx.generation, bench.hub.ctx.users
        steps = bench.hub.adopting(more)
        seen = []
        for _ in steps:
            new = sum(session.principal.user.read == privilege.ALL for session, _ in sessions)
            seen.append((new, boss.state in OVER, bench.hub.ctx.generation, bench.hub.ctx.users is table))
            bench.feed(event("X", "system"))  # events sent follow the current rights of each session
            received = sum(bool(transport.take()) for _, transport in sessions)
            assert received == new
        assert seen == [
            (1, False, generation, True),
            (2, False, generation, True),
            (3, False, generation, True),
            (3, True, generation, True),
        ]
        assert (bench.hub.ctx.generation, bench.hub.ctx.users) == (generation + 1, more)

    def test_a_login_between_two_steps_uses_the_new_table_in_the_end(self, bench):
        bench.login("calls")
        steps = bench.hub.adopting(UserTable([replace(CALLS, read=privilege.ALL)]))
        next(steps)
        late, _ = bench.login("calls")
        gone, transport = bench.login("boss")
        assert late.principal.user is CALLS
        finish(steps)
        assert late.principal.user.read == privilege.ALL
        assert gone.state in OVER
        assert transport.closed == "close"

    def test_a_session_that_ends_between_two_steps_is_skipped(self, bench):
        bench.login("calls")
        session, _ = bench.login("calls")
        steps = bench.hub.adopting(UserTable([replace(CALLS, read=privilege.ALL)]))
        next(steps)
        session.close("client gone")
        finish(steps)
        assert session.principal.user is CALLS
        assert bench.hub.authenticated == 1

    def test_a_session_that_cannot_be_moved_ends_and_the_others_are_moved(self, bench):
        broken, _ = bench.login("calls")
        fine, _ = bench.login("calls")

        class Broken(UserTable):
            def successor(self, before, certificate):
                if fine.principal.user is before and broken.state not in OVER:
                    raise RuntimeError
                return super().successor(before, certificate)

        bench.hub.adopt(Broken([replace(CALLS, read=privilege.ALL)]))
        assert broken.state in OVER
        assert fine.principal.user.read == privilege.ALL
        assert bench.hub.stats.closes == {"fault": 1}


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
    session, _ = bench.login("calls")
    other, _ = bench.connect()
    assert (bench.hub.authenticated, bench.hub.unauthenticated) == (1, 1)
    assert bench.hub.sessions == [other, session]
    session.lost("x")
    other.lost("y")
    assert bench.hub.sessions == []
    assert bench.hub.stats.closes == {"x": 1, "y": 1}
    assert bench.hub.closing == {}


def scoped(name: str, *channels: str, **rest) -> User:
    scope = Scope(channels=channels)
    return User(name, read=privilege.CALL, secret="plain:x", rules=Rules(scope=scope), **rest)


def leg(name: str, channel: str, uniqueid: str, linkedid: str, **headers: str) -> bytes:
    return event(name, Channel=channel, Uniqueid=uniqueid, Linkedid=linkedid, **headers)


class TestScopes:
    def test_a_scope_shows_its_own_calls_with_all_their_legs_and_no_others(self):
        mine = scoped("mine", "PJSIP/100")
        bench = Bench(mine, CALLS)
        bench.link_up()
        (_, scope), (_, everything) = bench.login("mine"), bench.login("calls")
        trunk = leg("Newchannel", "PJSIP/trunk-1", "1.1", "1.1")
        other = leg("Newchannel", "PJSIP/200-1", "2.1", "2.1")
        bench.feed(trunk, other)
        assert scope.take() == b""
        phone = leg("Newchannel", "PJSIP/100-1", "1.2", "1.1")
        bench.feed(phone)
        assert scope.take() == trunk + phone, "from the call's first event on"
        hold = leg("Hold", "PJSIP/trunk-1", "1.1", "1.1")
        bench.feed(hold, leg("Hold", "PJSIP/200-1", "2.1", "2.1"))
        assert scope.take() == hold
        assert everything.take().count(b"Event: ") == 5

    def test_classes_and_filters_still_apply_within_a_scope(self):
        bench = Bench(scoped("mine", "PJSIP/100", filters=FilterSet((compile_legacy(b"!Hold"),))))
        bench.link_up()
        _, got = bench.login("mine")
        new = leg("Newchannel", "PJSIP/100-1", "1.1", "1.1")
        dtmf = event("DTMFBegin", "dtmf", Channel="PJSIP/100-1", Uniqueid="1.1", Linkedid="1.1")
        bench.feed(new, dtmf, leg("Hold", "PJSIP/100-1", "1.1", "1.1"))
        assert got.take() == new

    def test_an_event_that_claims_a_response_or_action_id_is_scoped_too(self):
        bench = Bench(scoped("mine", "PJSIP/100"), BOSS)
        bench.link_up()
        (_, got), (boss, _) = bench.login("mine"), bench.login("boss")
        bench.feed(leg("Newchannel", "PJSIP/100-1", "1.1", "1.1"))
        boss.receive(b"Action: Originate\r\nAsync: true\r\nActionID: 7\r\nChannel: PJSIP/100\r\n\r\n")
        (asked,) = bench.upstream.take()
        bench.answer(asked, b"Message: Originate successfully queued\r\n")
        got.take()
        decided = b"Event: OriginateResponse\r\nPrivilege: call,all\r\nActionID: %s\r\nResponse: Success\r\n"
        bench.feed(decided % asked.get(b"actionid") + b"Channel: PJSIP/100-1\r\nUniqueid: 1.1\r\n\r\n")
        assert got.take() == decided % b"7" + b"Channel: PJSIP/100-1\r\nUniqueid: 1.1\r\n\r\n"

    def test_calls_are_forgotten_when_the_link_is_lost(self):
        bench = Bench(scoped("mine", "PJSIP/100"))
        bench.link_up()
        _, got = bench.login("mine")
        bench.feed(leg("Newchannel", "PJSIP/100-1", "1.1", "1.1"))
        bench.hub.server.link_down("gone")
        bench.link_up()
        got.take()
        bench.feed(leg("Hold", "PJSIP/200-9", "1.1", "1.1"))
        assert got.take() == b""

    def test_a_scope_given_by_a_reload_applies_at_once(self, bench):
        session, got = bench.login("calls")
        bench.hub.adopt(UserTable([scoped("calls", "PJSIP/100")]))
        bench.feed(
            leg("Newchannel", "PJSIP/200-1", "2.1", "2.1"), leg("Newchannel", "PJSIP/100-1", "1.1", "1.1")
        )
        assert got.take() == leg("Newchannel", "PJSIP/100-1", "1.1", "1.1")
        bench.hub.adopt(UserTable([scoped("calls", "PJSIP/200")]))
        session.lost("gone")
        bench.feed(leg("Hold", "PJSIP/100-1", "1.1", "1.1"))


class TestLearning:
    def test_learning_records_allowed_actions_and_sent_events(self):
        scoped = User(
            "scoped", read=privilege.CALL, secret="plain:x", rules=Rules(scope=Scope(channels=("PJSIP/1",)))
        )
        bench = Bench(CALLS, TWO, scoped)
        bench.link_up()
        session, _ = bench.login("calls")
        bench.login("two")
        bench.login("scoped")
        bench.feed(event("Newchannel", "call"))
        bench.hub.learn(0)
        assert bench.hub.ctx.recorder is not None
        session.receive(b"Action: Getvar\r\nVariable: A\r\n\r\n")
        session.receive(b"Action: CoreStatus\r\n\r\n")
        bench.feed(event("Hangup", "call", Channel="PJSIP/1-00000001", Uniqueid="1.1"))
        bench.feed(event("UserEvent", "user"))
        bench.hub.end_learning()
        recorded = bench.hub.recorded
        assert recorded is not None
        assert {shape.action for shape in recorded.shapes} == {b"Getvar"}
        assert {(seen.user, seen.event): count for seen, count in recorded.events.items()} == {
            ("calls", b"Hangup"): 1,
            ("scoped", b"Hangup"): 1,
            ("two", b"UserEvent"): 1,
        }
        bench.feed(event("Hangup", "call"))
        bench.hub.audiences.count()
        assert bench.hub.ctx.recorder is None
        bench.hub.end_learning()
        assert bench.hub.recorded is recorded

    def test_learning_ends_when_its_time_is_over(self, bench):
        bench.hub.learn(5)
        bench.clock.advance(4)
        bench.hub.tick(bench.clock.now())
        assert bench.hub.ctx.recorder is not None
        bench.clock.advance(2)
        bench.hub.tick(bench.clock.now())
        assert bench.hub.ctx.recorder is None
        assert bench.hub.recorded is not None
