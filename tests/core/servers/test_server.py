"""What the links to Asterisk bring: repairs, how much is taken at a time, and what a fault affects."""

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.actions import OtherActions
from amiproxy.ami.arguments import Described
from amiproxy.ami.message import Action
from amiproxy.core.model.limits import HistoryBounds, Limits, ServerLimits
from amiproxy.core.model.rules import Scope
from amiproxy.core.model.users import User
from amiproxy.core.servers.answers.failures import NOT_CONNECTED
from amiproxy.core.servers.servers import Configured
from tests.support.core_doubles import Bench, HandClock, event

BOSS = User("boss", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
CALLS = User("calls", read=privilege.CALL, write=privilege.CALL, secret="plain:x")
BOOTED = (
    b"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: x\r\nLastReload: y\r\n"
    b"Status: Fully Booted\r\n\r\n"
)


@pytest.fixture
def bench() -> Bench:
    bench = Bench(BOSS, CALLS)
    bench.link_up()
    return bench


PAST = HistoryBounds()


class TestTheJournal:
    def test_it_is_kept_while_it_is_wanted(self, bench):
        server = bench.server()
        bench.feed(event("X"))
        assert server.journal is None
        server.keep(PAST, present=True)
        journal = server.journal
        bench.feed(event("X"), event("Y"))
        assert (journal.last, server.state is not None) == (2, True)
        other = HistoryBounds(1 << 20, 30.0)
        server.keep(other, present=False)
        assert server.journal is journal
        assert (journal.last, journal.bounds, server.state is not None) == (2, other, False)
        server.keep(None, present=False)
        bench.feed(event("Z"))
        assert (server.journal, journal.last) == (None, 2)

    def test_a_new_epoch_begins_with_each_link(self, bench):
        server = bench.server()
        server.keep(PAST, present=False)
        epochs = {server.journal.epoch}
        for _ in range(2):
            bench.feed(event("X"))
            server.link_down("gone")
            assert server.journal.last == 0
            epochs.add(server.journal.epoch)
            bench.link_up()
            epochs.add(server.journal.epoch)
        assert len(epochs) == 5

    def test_a_new_epoch_begins_after_a_fault(self, bench):
        session, _ = bench.login("calls")
        server = bench.server()
        server.keep(PAST, present=False)
        session.subscription.admits = lambda _: 1 / 0
        bench.feed(event("X"))
        assert server.journal.last == 0

    def test_a_new_epoch_begins_after_a_message_that_may_have_been_an_event_was_dropped(self, bench):
        server = bench.server()
        server.keep(PAST, present=False)
        bench.feed(event("X"))
        server.oversized(b"Event: Y\r\nPrivilege: call,all\r\n")
        assert server.journal.last == 0

    def test_a_dropped_answer_is_not_a_missed_event(self, bench):
        session, _ = bench.login("boss")
        server = bench.server()
        server.keep(PAST, present=False)
        bench.feed(event("X"))
        session.receive(b"Action: Getvar\r\nVariable: A\r\n\r\n")
        (asked,) = bench.pong()
        server.oversized(b"Response: Success\r\nActionID: " + asked.get(b"actionid") + b"\r\n")
        assert server.journal.last == 1

    def test_old_events_are_forgotten_in_time(self, bench):
        server = bench.server()
        server.keep(PAST, present=False)
        bench.feed(event("X"))
        bench.clock.advance(301.0)
        server.tick(bench.clock.now())
        assert (server.journal.events, server.journal.last) == (0, 1)

    def test_a_server_that_is_removed_keeps_nothing(self, bench):
        server = bench.server()
        server.keep(PAST, present=True)
        server.retire()
        server.link_down("removed")
        assert (server.journal, server.state is not None) == (None, False)


def channel(name: str, number: str = "7.1", device: str = "SIP/a", **more: str) -> bytes:
    """An event of a channel, as Asterisk writes it."""
    return event(
        name, Channel=f"{device}-{number[-1]}", ChannelState="6", Uniqueid=number, Linkedid="7.0", **more
    )


def listed(number: str = "7.1", device: str = "SIP/a", bridge: str = "") -> bytes:
    """The same as an item of CoreShowChannels."""
    raw = channel("CoreShowChannel", number, device, BridgeId=bridge)
    return raw.replace(b"Privilege: call,all\r\n", b"")


def uniqueids(bench: Bench) -> list[bytes]:
    return [item.key for item in bench.server().state.present(["channels"])["channels"]]


class TestTheState:
    def test_it_is_seeded_when_asterisk_has_booted_and_moved_by_events(self, bench):
        bench.server().link_down("gone")
        bench.server().keep(PAST, present=True)
        bench.link_up()
        assert uniqueids(bench) == []
        bench.feed(channel("Newchannel"))
        bench.feed(b"Event: Newchannel\r\nX: y\r\n\r\n", channel("Newchannel", "7.2"))
        assert uniqueids(bench) == [b"7.1", b"7.2"]

    def test_it_begins_at_once_if_the_link_is_up(self, bench):
        bench.server().keep(None, present=True)
        assert not bench.server().state.is_known("channels")
        assert bench.answer_lists({"CoreShowChannels": [listed()]}) == []
        assert uniqueids(bench) == [b"7.1"]
        bench.server().keep(None, present=True)
        assert uniqueids(bench) == [b"7.1"]

    def test_nothing_is_asked_before_asterisk_has_booted(self, bench):
        bench.server().link_down("gone")
        bench.link_up(booted=False)
        bench.server().keep(None, present=True)
        assert bench.upstream.take() == []
        bench.server().serve()
        assert [action.get(b"action") for action in bench.upstream.take()] == [b"CoreShowChannels"]

    def test_a_list_that_asterisk_does_not_have_is_not_asked(self, bench):
        bench.server().link_down("gone")
        bench.link_up(b"CoreShowChannels: lists.  (Priv: system,reporting,all)\r\n")
        bench.server().keep(None, present=True)
        asked = bench.upstream.take()
        assert [action.get(b"action") for action in asked] == [b"CoreShowChannels"]
        for action in asked:
            bench.answer(action, b"EventList: start\r\n")
            mark = b"ActionID: " + action.get(b"actionid") + b"\r\n"
            bench.feed(
                b"Event: CoreShowChannelsComplete\r\n" + mark + b"EventList: Complete\r\nListItems: 0\r\n\r\n"
            )
        assert bench.upstream.take() == []
        standings = {each.kind: each.standing for each in bench.server().state.standings}
        assert standings.pop("channels") == "settling"
        assert set(standings.values()) == {"unavailable"}

    def test_it_is_forgotten_with_the_link(self, bench):
        bench.server().keep(None, present=True)
        bench.answer_lists({"CoreShowChannels": [listed()]})
        bench.server().link_down("gone")
        assert not bench.server().state.is_known("channels")
        assert bench.server().state.was_known

    def test_a_list_that_is_asked_when_the_link_is_lost_is_not_asked_again(self, bench):
        bench.server().keep(None, present=True)
        bench.server().link_down("gone")
        bench.clock.advance(100)
        assert bench.hub.stats.history_of(bench.server().name).seed_failures == {}

    def test_after_a_missed_event_it_is_seeded_again(self, bench):
        bench.server().keep(None, present=True)
        bench.answer_lists()
        bench.server().oversized(b"Event: Y\r\nPrivilege: call,all\r\n")
        bench.clock.advance(20)
        bench.answer_lists({"CoreShowChannels": [listed()]})
        assert uniqueids(bench) == [b"7.1"]

    def test_its_lines_in_the_log_name_the_server_if_servers_have_names(self):
        bench = Bench(BOSS, servers=Configured(("pbx1", "pbx2"), named=True))
        for server in bench.hub.servers:
            server.keep(None, present=True)
            assert server.state.logged_name == server.name
        bench.hub.servers.settle(Configured(("pbx1",), named=False))
        assert bench.server().state.logged_name is None

    def test_a_tracker_knows_the_calls_that_are_older_than_the_link(self, bench):
        server = bench.server()
        view = server.follow_calls().follow(Scope(channels=("SIP/a",)))
        server.keep(None, present=True)
        bench.answer_lists(
            {
                "CoreShowChannels": [listed(bridge="one"), listed("7.2", "SIP/b", bridge="one")],
                "BridgeList": [
                    b"Event: BridgeListItem\r\nBridgeUniqueid: one\r\nBridgeTechnology: simple\r\n\r\n"
                ],
            }
        )
        raw = event("BridgeLeave", BridgeUniqueid="one", BridgeType="basic")
        assert view.admit(server.tracker.feed(raw), raw) == (raw,)

    def test_a_later_tracker_knows_the_calls_that_the_lists_have_told(self, bench):
        server = bench.server()
        server.keep(None, present=True)
        bench.answer_lists({"CoreShowChannels": [listed()]})
        view = server.follow_calls().follow(Scope(channels=("SIP/a",)))
        raw = event("Hangup", Uniqueid="7.1")
        assert view.admit(server.tracker.feed(raw), raw) == (raw,)


class TestEvents:
    @pytest.mark.parametrize(
        "raw",
        [
            b"Event: X\r\n\r\n",
            b"Event: X\r\nChannel: a\r\nPrivilege: call,all\r\n\r\n",
            b"Event: X\r\nPrivilege: <none>\r\n\r\n",
            b"Event: X\r\nPrivilege: Call\r\n\r\n",
        ],
    )
    def test_an_event_without_a_privilege_in_its_place_reaches_no_session(self, bench, raw):
        _, transport = bench.login("boss")
        transport.take()
        bench.feed(raw)
        assert transport.take() == b""
        assert bench.hub.servers.first.counts.events_dropped == 1

    def test_malformed_events_are_repaired_and_counted(self, bench):
        _, transport = bench.login("calls")
        bench.feed(b"Event: X\nPrivilege: call,all\nY: 1\n\n")
        assert transport.take() == event("X", Y="1")
        assert bench.hub.servers.first.counts.events_repaired == 1

    def test_an_error_in_one_message_loses_only_that_message(self, bench):
        session, transport = bench.login("calls")

        def broken(raw):
            if b"Odd" in raw:
                raise RuntimeError("fault")
            return True

        session.subscription.admits = broken
        bench.feed(event("A"), event("Odd"), event("B"))
        assert transport.take() == event("A") + event("B")
        assert bench.hub.stats.faults == 1


def test_a_long_list_is_taken_in_portions_like_anything_else(bench):
    session, got = bench.login("boss")
    session.receive(b"Action: CoreShowChannels\r\n\r\n")
    (asked,) = bench.upstream.take()
    head = b"ActionID: " + asked.get(b"actionid") + b"\r\n"
    bench.answer(asked, b"EventList: start\r\n")
    items = [b"Event: CoreShowChannel\r\n" + head + b"N: %d\r\n\r\n" % number for number in range(300)]
    taken = bench.hub.servers.first.from_upstream(items)
    assert 64 < taken < 200
    bench.feed(*items[taken:])
    assert got.take().count(b"Event: CoreShowChannel\r\n") == 300


def test_many_answers_are_taken_a_few_at_a_time(bench):
    sessions = [bench.login("boss")[0] for _ in range(20)]
    for session in sessions:
        session.receive(b"Action: QueueRule\r\n\r\n")
    answers = [
        b"Response: Success\r\nActionID: " + asked.get(b"actionid") + b"\r\n\r\n"
        for asked in bench.upstream.take()
    ]
    assert len(answers) == 20
    counts = []
    while answers:
        counts.append(bench.hub.servers.first.from_upstream([*answers, event("Hold")]))
        answers = answers[counts[-1] :]
    assert counts == [8, 8, 5]
    assert bench.hub.servers.first.exchange.in_flight == 0


class BrokenClock(HandClock):
    """A clock that raises while it is ``broken``."""

    broken = False

    def cpu(self) -> float:
        if self.broken:
            raise ValueError
        return super().cpu()


def test_a_failure_after_a_read_loses_none_of_the_messages_left():
    clock = BrokenClock()
    bench = Bench(BOSS, clock=clock)
    bench.link_up()
    _, got = bench.login("boss")
    events = [event("Hold", N=str(number)) for number in range(100)]
    clock.broken = True
    taken = bench.hub.servers.first.from_upstream(events)
    clock.broken = False
    assert 0 < taken < len(events)
    assert bench.hub.stats.faults == 1
    bench.feed(*events[taken:])
    bench.hub.flush()
    assert got.take().count(b"Event: Hold") == len(events)


class TestBoot:
    def test_actions_are_refused_until_asterisk_has_booted(self):
        bench = Bench(BOSS, CALLS)
        bench.link_up(booted=False)
        session, got = bench.login("calls")
        session.receive(b"Action: Park\r\nActionID: 1\r\n\r\nAction: Ping\r\nActionID: 2\r\n\r\n")
        assert bench.upstream.take() == []
        assert got.take().count(b"Message: Upstream not connected\r\n") == 2
        bench.feed(BOOTED)
        (learn,) = bench.upstream.take()
        bench.answer(learn, b"")
        session.receive(b"Action: Park\r\n\r\n")
        assert [asked.get(b"action") for asked in bench.upstream.take()] == [b"Park"]

    def test_upstream_boot_timeout_ends_the_wait_for_fullybooted(self, caplog):
        bench = Bench(BOSS, CALLS, limits=Limits(upstream_boot_timeout=20.0))
        bench.link_up(booted=False)
        bench.clock.advance(19)
        assert not bench.hub.servers.first.exchange.connected
        bench.clock.advance(2)
        assert bench.hub.servers.first.exchange.connected
        assert "upstream-not-booted" in caplog.text
        assert [asked.get(b"action") for asked in bench.upstream.take()] == [b"ListCommands"]

    def test_a_proxy_that_has_no_asterisk_itself_is_waited_for(self, caplog):
        bench = Bench(BOSS, CALLS, limits=Limits(upstream_boot_timeout=20.0))
        server, refusal = bench.hub.servers.first, b"Response: Error\r\nActionID: %s\r\nMessage: %s\r\n\r\n"

        def refuse() -> None:
            asked = bench.upstream.take()[-1]
            assert asked.get(b"action") == b"ListCommands"
            bench.feed(refusal % (asked.get(b"actionid"), NOT_CONNECTED))

        server.link_up(bench.upstream, b"Asterisk Call Manager/11.0.0\r\n")
        refuse()
        for _ in range(3):
            bench.clock.advance(21)
            refuse()
            assert not server.exchange.connected
        assert "upstream-not-booted" not in caplog.text
        bench.feed(BOOTED)
        assert server.exchange.connected

    def test_log_lines_name_one_of_several_servers_only(self, caplog):
        caplog.set_level("DEBUG", "amiproxy")
        bench = Bench(BOSS, CALLS, limits=Limits(upstream_boot_timeout=20.0))
        server = bench.hub.servers.first
        for named in (False, True):
            server.log_name(named)
            caplog.clear()
            bench.link_up(booted=False)
            bench.clock.advance(21)
            bench.upstream.take()
            server.lists.failed("refused")
            server.lists.refused = ""
            said = {record.msg: record.__dict__["fields"] for record in caplog.records}
            for line in ("actions-learnt", "upstream-not-booted", "side-link-refused"):
                assert said[line]["server"] == (server.name if named else None)
            server.link_down("gone")

    def test_actions_of_modules_loaded_before_the_boot_are_learnt(self):
        bench = Bench(BOSS, CALLS)
        bench.link_up(booted=False)
        bench.feed(event("Load", "system", Module="x"))
        bench.clock.advance(1.1)
        assert [asked.get(b"action") for asked in bench.upstream.take()] == [b"ListCommands"]

    def test_nothing_is_sent_or_logged_after_a_disconnect(self, caplog):
        bench = Bench(BOSS, CALLS)
        bench.link_up(booted=False)
        bench.feed(event("Load", "system", Module="x"))
        bench.hub.servers.first.disconnect()
        bench.clock.advance(100)
        bench.hub.servers.first.exchange.ask(Action([(b"Action", b"Ping")]), lambda _: None)
        assert bench.upstream.take() == []
        assert "upstream-not-booted" not in caplog.text

    def test_a_link_lost_before_the_boot_logs_nothing_later(self, caplog):
        bench = Bench(BOSS, CALLS)
        bench.link_up(booted=False)
        bench.hub.servers.first.link_down("gone")
        bench.clock.advance(100)
        assert "upstream-not-booted" not in caplog.text
        assert not bench.hub.servers.first.exchange.connected

    def test_fullybooted_is_not_sent_for_a_lost_asterisk(self, bench):
        bench.feed(BOOTED)
        assert bench.hub.servers.first.boot.event()
        bench.hub.servers.first.link_down("gone")
        assert bench.hub.servers.first.boot.event() is None

    def test_a_reload_before_the_boot_is_only_passed_on(self, bench):
        bench.feed(event("Reload", "system"))
        assert bench.hub.servers.first.boot.event() is None


class TestActions:
    def test_actions_are_learnt_again_when_modules_change(self, bench):
        bench.feed(event("Load", "system", Module="x"))
        bench.feed(event("Load", "system", Module="y"))
        assert bench.upstream.take() == []
        bench.clock.advance(1.1)
        (asked,) = bench.upstream.take()
        bench.answer(asked, b"Brandnew: does.  (Priv: call,all)\r\n")
        session, _ = bench.login("calls")
        session.receive(b"Action: Brandnew\r\n\r\n")
        assert bench.upstream.take() == []
        bench.hub.servers.first.adopt_actions(OtherActions({}, {b"brandnew": Described(b"Brandnew", ())}))
        session.receive(b"Action: Brandnew\r\n\r\n")
        assert bench.upstream.take()[0].get(b"action") == b"Brandnew"

    def test_actions_are_not_learnt_again_after_a_link_loss(self, bench):
        bench.feed(event("Load", "system", Module="x"))
        bench.hub.servers.first.link_down("gone")
        bench.clock.advance(2)
        assert bench.upstream.take() == []
        bench.feed(event("Load", "system", Module="x"))
        bench.clock.advance(2)
        assert bench.upstream.take() == []

    def test_an_unusable_list_of_actions_keeps_the_table(self, bench):
        assert bench.hub.servers.first.actions.table.live == ()


class TestOwnLimits:
    """A server's own limits override those for all servers, on all its links."""

    def test_they_apply_to_its_links(self, bench):
        bench.hub.adopt_limits(Limits(), {"asterisk": ServerLimits(action_timeout=3.0, link_share=0.7)})
        (server,) = bench.hub.servers
        assert server.limits.action_timeout == 3.0
        assert [side.limits.action_timeout for side in server.sides] == [3.0, 3.0]
        assert server.exchange.deadlines.action == 3.0
        assert server.exchange.share == 0.7
        assert bench.hub.limits == Limits()

    def test_other_limits_are_those_for_all_servers(self, bench):
        bench.hub.adopt_limits(Limits(ping_interval=7.0), {"asterisk": ServerLimits(action_timeout=3.0)})
        assert bench.hub.servers.first.limits.ping_interval == 7.0
