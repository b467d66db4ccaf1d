"""Which client gets which event."""

from dataclasses import replace

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import FilterSet, compile_legacy
from amiproxy.core.audit.stats import Stats
from amiproxy.core.fanout.eventview import EventView, Sight, bound_view
from amiproxy.core.fanout.subscriptions import Subscriptions
from amiproxy.core.learning.recorder import Recorder
from amiproxy.core.model.encoding import Encoding
from amiproxy.core.model.rules import Rules, Scope
from amiproxy.core.model.users import User, UserTable
from tests.support.core_doubles import Bench, ListTransport, event
from tests.support.fan_out import Listener

BOSS = User("boss", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
CALLS = User("calls", read=privilege.CALL, write=privilege.CALL, secret="plain:x")
TWO = User("two", read=privilege.SYSTEM | privilege.USER, secret="plain:x")
HALF = User("half", read=privilege.SYSTEM, secret="plain:x")
MUTE = User("mute", secret="plain:x")


@pytest.fixture
def bench() -> Bench:
    bench = Bench(BOSS, CALLS, TWO, HALF)
    bench.link_up()
    return bench


def view_of(mask: int) -> EventView:
    """Of a client that is bound to the one server."""
    return bound_view(None, Sight("asterisk", mask, None))


CALL_VIEW = view_of(privilege.CALL)
ALL_VIEW = view_of(privilege.ALL)


class Site:
    """Subscriptions without a hub or a server."""

    def __init__(self, *members: Listener) -> None:
        self.stats = Stats()
        self.all = Subscriptions(self.stats)
        self.inflow = self.all.add("asterisk")
        for member in members:
            self.all.subscribe(member)

    def cast(self, name: bytes = b"X", classes: int = privilege.CALL, *, remember: bool = True) -> bytes:
        """An event, passed on as a server does it."""
        raw = event(name.decode(), privilege.class_names(classes))
        head = b"".join(raw.splitlines(keepends=True)[:2])
        audience = self.inflow.by_head.get(head)
        if audience is None:
            audience = self.inflow.audience_of(head, name, classes, remember=remember)
        self.inflow.pass_on(raw, audience)
        return raw

    def flush(self) -> None:
        for subscription in self.all.by_key.values():
            if subscription.pending:
                subscription.flush()


class TestMembers:
    def test_members_with_the_same_view_and_encoding_share_a_subscription(self):
        one, two, three = Listener(CALL_VIEW), Listener(CALL_VIEW), Listener(ALL_VIEW)
        other = Listener(CALL_VIEW, encoding=Encoding("other", None))
        Site(one, two, three, other)
        assert one.subscription is two.subscription is not None
        assert len({one.subscription, three.subscription, other.subscription}) == 3

    def test_a_member_that_moves_is_sent_its_pending_events_and_one_that_leaves_is_not(self):
        moves, leaves = Listener(CALL_VIEW), Listener(CALL_VIEW)
        site = Site(moves, leaves)
        raw = site.cast()
        moves.view = ALL_VIEW
        site.all.subscribe(moves)
        assert site.all.leave(leaves) == raw
        assert site.all.leave(leaves) == b""
        site.flush()
        assert (moves.got, leaves.got) == ([raw], [])
        assert list(site.all.by_key.values()) == [moves.subscription]

    def test_a_member_is_moved_again_only_to_another_view(self):
        member, mute = Listener(CALL_VIEW), Listener(view_of(0))
        site = Site(member, mute)
        before = member.subscription
        for one in (member, mute):
            site.all.subscribe_again(one)
        assert (member.subscription, mute.subscription) == (before, None)
        member.view, mute.view = mute.view, member.view
        for one in (member, mute):
            site.all.subscribe_again(one)
        assert member.subscription is None
        assert mute.subscription is not None


class TestHeads:
    def test_an_audience_is_remembered_until_subscriptions_change(self):
        site = Site()
        site.cast(b"X")
        site.cast(b"Y", remember=False)
        assert [audience.name for audience in site.inflow.by_head.values()] == [b"X"]
        table = site.inflow.by_head
        site.all.subscribe(Listener(CALL_VIEW))
        assert site.inflow.by_head is table
        assert not table
        site.cast(b"X")
        site.inflow.forget()
        assert not table
        site.all.count()
        assert (site.stats.events_in, site.stats.classes[privilege.CALL]) == (3, 3)
        assert site.inflow.counts.unread[privilege.CALL] == 2

    def test_events_are_recorded_for_each_user_once_for_each_view(self):
        members = Listener(CALL_VIEW), Listener(CALL_VIEW), Listener(CALL_VIEW, "bob")
        site = Site(*members)
        recorder = Recorder(0.0)
        site.cast(b"X")
        site.all.record(recorder)
        site.cast(b"X")
        site.cast(b"Y")
        site.all.record(None)
        site.cast(b"Y")
        site.all.count()
        assert {(seen.user, seen.event): count for seen, count in recorder.events.items()} == {
            (user, name): 1 for user in ("ada", "bob") for name in (b"X", b"Y")
        }
        assert site.all.deliveries == 4 * len(members)


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

    def test_a_session_that_reads_no_class_has_no_subscription(self, bench):
        mute = User("mute", secret="plain:x")
        bench.hub.adopt(UserTable([mute]))
        session, _ = bench.login("mute")
        assert session.subscription is None

    def test_events_are_counted_whichever_sessions_join_meanwhile(self, bench):
        (one, _), (two, _) = bench.login("calls"), bench.login("calls")
        before = bench.hub.subscriptions.deliveries
        bench.feed(event("Hold"))
        one.receive(b"Action: CoreStatus\r\n\r\n")
        for session in (one, two):
            bench.feed(event("Hold"), event("Unhold"))
            bench.hub.subscriptions.subscribe(session)
            bench.feed(event("Hold"))
        assert bench.hub.subscriptions.deliveries - before == 2 * 7


def test_readers_are_counted_as_they_come_and_go() -> None:
    bench = Bench(BOSS, MUTE)
    bench.link_up()
    user = privilege.parse_classes("user")
    assert bench.hub.subscriptions.readers(user) == 0
    session, _ = bench.login("boss")
    bench.login("mute")
    assert bench.hub.subscriptions.readers(user) == 1
    bench.login("boss")
    assert bench.hub.subscriptions.readers(user) == 2
    session.receive(b"Action: Events\r\nEventMask: call\r\n\r\n")
    assert bench.hub.subscriptions.readers(user) == 1
    session.lost("gone")
    assert bench.hub.subscriptions.readers(user) == 1


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
        bench.hub.servers.first.link_down("gone")
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
