"""Requests of the proxy's own: one response, or a whole event list, or the reason of a failure."""

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.actions import OtherActions
from amiproxy.ami.answers import Answer, AnswerKind
from amiproxy.ami.message import Action
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.core.servers.answers import failures
from tests.support.core_doubles import Bench

BOSS = User("boss", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
DESCRIBED = {b"rowed": Answer(AnswerKind.ROWS), b"listed": Answer(AnswerKind.LIST, b"ListedComplete")}


class Collected:
    """A Collector that records its calls."""

    def __init__(self) -> None:
        self.responses: list[bytes] = []
        self.items: list[bytes] = []
        self.ends: list[bytes] = []

    def response(self, raw: bytes) -> None:
        assert not self.ends
        self.responses.append(raw)

    def item(self, raw: bytes) -> None:
        assert not self.ends
        self.items.append(raw)

    def ended(self) -> None:
        self.ends.append(b"ended")

    def failed(self, reason: bytes) -> None:
        self.ends.append(reason)


def lines(*given: bytes) -> bytes:
    return b"\r\n".join(given) + b"\r\n\r\n"


def action(name: bytes) -> Action:
    return Action([(b"Action", name)])


@pytest.fixture
def bench() -> Bench:
    bench = Bench(BOSS, limits=Limits(list_items=1000))
    bench.link_up()
    bench.hub.servers.first.adopt_actions(OtherActions(answers=DESCRIBED))
    return bench


def collect(bench: Bench, name: bytes = b"CoreShowChannels") -> tuple[Collected, bytes]:
    """Collect this action's whole answer; returns the collector and our ActionID."""
    collected = Collected()
    bench.hub.servers.first.exchange.collect(action(name), collected)
    (asked,) = bench.upstream.take()
    assert asked.get(b"action") == name
    return collected, asked.get(b"actionid")


def start(ours: bytes) -> bytes:
    return lines(b"Response: Success", b"ActionID: " + ours, b"EventList: start", b"Message: will follow")


def channel(ours: bytes, number: int) -> bytes:
    return lines(b"Event: CoreShowChannel", b"ActionID: " + ours, b"Channel: %d" % number)


def last(ours: bytes, listed: bytes = b"Complete") -> bytes:
    return lines(b"Event: CoreShowChannelsComplete", b"ActionID: " + ours, b"EventList: " + listed)


class TestCollecting:
    def test_a_list_gives_its_response_its_items_and_one_end(self, bench):
        collected, ours = collect(bench)
        bench.feed(start(ours), *(channel(ours, number) for number in range(5)))
        assert collected.ends == []
        bench.feed(channel(ours, 5), last(ours))
        assert collected.responses == [
            b"Response: Success\r\nEventList: start\r\nMessage: will follow\r\n\r\n"
        ]
        assert collected.items == [
            b"Event: CoreShowChannel\r\nChannel: %d\r\n\r\n" % number for number in range(6)
        ]
        assert collected.ends == [b"ended"]
        assert bench.hub.servers.first.exchange.in_flight == 0

    def test_a_list_is_requested_before_asterisk_has_booted(self):
        bench = Bench(BOSS)
        bench.link_up(booted=False)
        collected, ours = collect(bench)
        bench.feed(start(ours), last(ours))
        assert collected.ends == [b"ended"]

    def test_items_without_an_action_id_belong_to_the_list(self, bench):
        collected, ours = collect(bench, b"IAXpeers")
        bench.feed(start(ours), lines(b"Event: PeerEntry", b"ObjectName: a"))
        bench.feed(lines(b"Event: PeerlistComplete", b"ActionID: " + ours, b"EventList: Complete"))
        assert collected.items == [b"Event: PeerEntry\r\nObjectName: a\r\n\r\n"]
        assert collected.ends == [b"ended"]

    def test_lines_that_a_caller_forged_are_removed_from_items(self, bench):
        collected, ours = collect(bench)
        forged = lines(b"Event: CoreShowChannel", b"ActionID: " + ours, b"X: 1", b"EventList: Complete")
        bench.feed(start(ours), forged)
        assert collected.items == [b"Event: CoreShowChannel\r\nX: 1\r\n\r\n"]
        assert collected.ends == []

    def test_an_error_is_a_complete_answer(self, bench):
        collected, ours = collect(bench)
        bench.feed(lines(b"Response: Error", b"ActionID: " + ours, b"Message: no"))
        assert collected.responses == [b"Response: Error\r\nMessage: no\r\n\r\n"]
        assert collected.ends == [b"ended"]

    def test_a_list_without_a_known_end_ends_with_the_pong(self, bench):
        collected, ours = collect(bench, b"Foo")
        bench.feed(lines(b"Response: Success", b"ActionID: " + ours), lines(b"Row: 1", b"ActionID: " + ours))
        bench.feed(lines(b"Event: Item", b"ActionID: " + ours))
        assert collected.ends == []
        bench.pong()
        assert len(collected.responses) == 1
        assert collected.items == [b"Row: 1\r\n\r\n", b"Event: Item\r\n\r\n"]
        assert collected.ends == [b"ended"]

    def test_an_event_after_the_end_is_not_collected(self, bench):
        collected, ours = collect(bench, b"Foo")
        bench.feed(lines(b"Response: Success", b"ActionID: " + ours))
        bench.pong()
        bench.feed(lines(b"Event: Late", b"ActionID: " + ours))
        assert (collected.items, collected.ends) == ([], [b"ended"])

    def test_an_announced_list_of_an_unknown_action_ends_by_its_header(self, bench):
        collected, ours = collect(bench, b"Foo")
        bench.feed(start(ours), lines(b"Event: End", b"ActionID: " + ours, b"EventList: Complete"))
        assert (collected.items, collected.ends) == ([], [b"ended"])

    def test_clients_are_answered_before_and_after_a_list(self, bench):
        session, got = bench.login("boss")
        session.receive(b"Action: CoreStatus\r\nActionID: 1\r\n\r\n")
        (before,) = bench.upstream.take()
        collected, ours = collect(bench)
        bench.answer(before, b"")
        bench.feed(start(ours), channel(ours, 1))
        session.receive(b"Action: CoreSettings\r\nActionID: 2\r\n\r\n")
        (after,) = bench.upstream.take()
        bench.feed(last(ours))
        bench.answer(after, b"")
        assert got.take().count(b"Response: Success") == 2
        assert collected.ends == [b"ended"]

    def test_a_list_is_charged_to_no_user(self, bench):
        collected, ours = collect(bench)
        bench.clock.advance(1)
        bench.feed(start(ours), *(channel(ours, number) for number in range(50)), last(ours))
        assert collected.ends == [b"ended"]
        assert bench.hub.servers.first.exchange.accounts.seconds() == {}


class TestFailing:
    def test_a_request_without_a_link_fails(self):
        bench, collected = Bench(BOSS), Collected()
        bench.hub.servers.first.exchange.collect(action(b"CoreShowChannels"), collected)
        assert collected.ends == [failures.NOT_CONNECTED]
        assert bench.upstream.take() == []

    @pytest.mark.parametrize("name", [b"CoreShowChannels", b"Foo", b"FAXStats"])
    @pytest.mark.parametrize("begun", [False, True])
    def test_a_request_fails_when_the_link_is_lost(self, bench, name, begun):
        collected, ours = collect(bench, name)
        if begun:
            bench.feed(
                lines(b"Response: Success", b"ActionID: " + ours, *[b"EventList: start"][: name < b"F"])
            )
        bench.hub.servers.first.link_down("gone")
        assert len(collected.responses) == begun
        assert collected.ends == [failures.LOST]

    @pytest.mark.parametrize("begun", [False, True])
    def test_an_answer_that_takes_too_long_fails_and_its_late_items_are_dropped(self, bench, begun):
        collected, ours = collect(bench)
        if begun:
            bench.feed(start(ours))
        bench.clock.advance(61)
        bench.hub.tick(bench.clock.now())
        assert collected.ends == [failures.TIMED_OUT]
        assert bench.hub.servers.first.counts.action_timeouts == 1
        bench.feed(channel(ours, 1), last(ours))
        assert collected.items == [], "late items are dropped"
        bench.pong()
        assert bench.hub.servers.first.exchange.in_flight == 0

    def test_a_request_fails_if_a_later_answer_overtakes_its_response(self, bench):
        collected, _ = collect(bench)
        bench.hub.servers.first.exchange.ask(action(b"Ping"), lambda _: None)
        bench.pong()
        assert collected.ends == [failures.NO_ANSWER]

    def test_a_lost_response_is_detected_by_a_ping(self, bench):
        collected, _ = collect(bench)
        bench.hub.tick(bench.clock.now())
        bench.pong()
        assert collected.ends == [failures.NO_ANSWER]

    def test_a_list_without_its_last_event_is_reported_as_cut_off(self, bench):
        collected, ours = collect(bench)
        bench.feed(start(ours), channel(ours, 1))
        bench.hub.tick(bench.clock.now())
        bench.pong()
        assert collected.ends == [failures.CUT_OFF]

    def test_a_list_that_asterisk_cancels_fails_after_its_items(self, bench):
        collected, ours = collect(bench)
        bench.feed(start(ours), channel(ours, 1), last(ours, b"Cancelled"))
        assert len(collected.items) == 1
        assert collected.ends == [failures.CANCELLED]

    def test_a_list_over_its_limit_fails(self, bench):
        collected, ours = collect(bench)
        bench.feed(start(ours))
        for number in range(1002):
            bench.feed(channel(ours, number))
        bench.feed(last(ours))
        assert len(collected.items) == 1001
        assert collected.ends == [failures.TOO_MANY_ITEMS]
        assert bench.hub.servers.first.exchange.in_flight == 0

    def test_a_list_fails_once_if_one_of_its_messages_is_too_long(self, bench):
        collected, ours = collect(bench)
        bench.feed(start(ours))
        bench.hub.servers.first.oversized(b"Event: CoreShowChannel\r\nActionID: " + ours + b"\r\nX: ")
        assert collected.ends == [failures.TOO_LONG]
        bench.feed(last(ours))
        assert len(collected.ends) == 1

    def test_an_action_with_too_many_lines_fails_and_is_not_sent(self, bench):
        collected = Collected()
        bench.hub.servers.first.exchange.collect(
            Action([(b"Action", b"Foo"), *[(b"H", b"1")] * 127]), collected
        )
        assert collected.ends == [b"Too many lines in message or allocation failure"]
        assert bench.upstream.take() == []

    @pytest.mark.parametrize("name", [b"IAXnetstats", b"Rowed"])
    def test_collecting_rows_raises_an_error(self, bench, name):
        with pytest.raises(ValueError, match="alone"):
            bench.hub.servers.first.exchange.collect(action(name), Collected())


class TestAsking:
    def test_the_response_is_passed_to_the_callback_unchanged(self, bench):
        answers: list[bytes] = []
        bench.hub.servers.first.exchange.ask(action(b"Getvar"), answers.append)
        (asked,) = bench.upstream.take()
        raw = lines(b"Response: Success", b"ActionID: " + asked.get(b"actionid"), b"Value: 1")
        bench.feed(raw, raw)
        assert answers == [raw]
        assert bench.hub.servers.first.exchange.in_flight == 0

    def test_the_callback_is_not_called_without_a_link_or_if_it_is_lost(self, bench):
        answers: list[bytes] = []
        bench.hub.servers.first.exchange.ask(action(b"Getvar"), answers.append)
        bench.hub.servers.first.link_down("gone")
        bench.hub.servers.first.exchange.ask(action(b"Getvar"), answers.append)
        assert answers == []

    def test_the_callback_is_not_called_if_the_response_is_too_long(self, bench):
        answers: list[bytes] = []
        bench.hub.servers.first.exchange.ask(action(b"ListCommands"), answers.append)
        (asked,) = bench.upstream.take()
        bench.hub.servers.first.oversized(
            b"Response: Success\r\nActionID: " + asked.get(b"actionid") + b"\r\nX: "
        )
        assert answers == []
        assert bench.hub.servers.first.exchange.in_flight == 0

    def test_an_event_with_the_relay_id_does_not_count_as_the_answer(self, bench):
        answers: list[bytes] = []
        bench.hub.servers.first.exchange.ask(action(b"Getvar"), answers.append)
        (asked,) = bench.upstream.take()
        bench.feed(lines(b"Event: Odd", b"ActionID: " + asked.get(b"actionid")))
        assert (answers, bench.hub.servers.first.counts.events_dropped) == ([], 1)
        bench.answer(asked, b"")
        assert len(answers) == 1
