"""The proxy's own questions: one response, or a whole event list; or why it did not come."""

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.actions import OtherActions
from amiproxy.ami.answers import Answer, AnswerKind
from amiproxy.ami.message import Action
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.core.servers import failures
from tests.support.core_doubles import Bench

BOSS = User("boss", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
DESCRIBED = {b"rowed": Answer(AnswerKind.ROWS), b"listed": Answer(AnswerKind.LIST, b"ListedComplete")}


class Collected:
    """A Collector that writes down what it is given."""

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
    bench.hub.server.adopt_actions(OtherActions(answers=DESCRIBED))
    return bench


def collect(bench: Bench, name: bytes = b"CoreShowChannels") -> tuple[Collected, bytes]:
    """Ask for all of this action's answer; the collector, and our ActionID."""
    collected = Collected()
    bench.hub.server.exchange.collect(action(name), collected)
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
    def test_a_list_is_the_response_its_items_and_the_end(self, bench):
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
        assert bench.hub.server.exchange.in_flight == 0

    def test_it_is_sent_before_asterisk_has_booted(self):
        bench = Bench(BOSS)
        bench.link_up(booted=False)
        collected, ours = collect(bench)
        bench.feed(start(ours), last(ours))
        assert collected.ends == [b"ended"]

    def test_items_without_an_action_id_belong_to_it(self, bench):
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

    def test_what_comes_after_the_end_is_not_given_to_it(self, bench):
        collected, ours = collect(bench, b"Foo")
        bench.feed(lines(b"Response: Success", b"ActionID: " + ours))
        bench.pong()
        bench.feed(lines(b"Event: Late", b"ActionID: " + ours))
        assert (collected.items, collected.ends) == ([], [b"ended"])

    def test_an_announced_list_of_unknown_name_ends_by_its_header(self, bench):
        collected, ours = collect(bench, b"Foo")
        bench.feed(start(ours), lines(b"Event: End", b"ActionID: " + ours, b"EventList: Complete"))
        assert (collected.items, collected.ends) == ([], [b"ended"])

    def test_clients_are_served_before_and_after_it(self, bench):
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

    def test_nobody_is_charged_for_it(self, bench):
        collected, ours = collect(bench)
        bench.clock.advance(1)
        bench.feed(start(ours), *(channel(ours, number) for number in range(50)), last(ours))
        assert collected.ends == [b"ended"]
        assert bench.hub.server.exchange.accounts.seconds() == {}


class TestFailing:
    def test_there_is_no_link(self):
        bench, collected = Bench(BOSS), Collected()
        bench.hub.server.exchange.collect(action(b"CoreShowChannels"), collected)
        assert collected.ends == [failures.NOT_CONNECTED]
        assert bench.upstream.take() == []

    @pytest.mark.parametrize("name", [b"CoreShowChannels", b"Foo", b"FAXStats"])
    @pytest.mark.parametrize("begun", [False, True])
    def test_the_link_is_lost(self, bench, name, begun):
        collected, ours = collect(bench, name)
        if begun:
            bench.feed(
                lines(b"Response: Success", b"ActionID: " + ours, *[b"EventList: start"][: name < b"F"])
            )
        bench.hub.server.link_down("gone")
        assert len(collected.responses) == begun
        assert collected.ends == [failures.LOST]

    @pytest.mark.parametrize("begun", [False, True])
    def test_the_answer_takes_too_long(self, bench, begun):
        collected, ours = collect(bench)
        if begun:
            bench.feed(start(ours))
        bench.clock.advance(61)
        bench.hub.tick(bench.clock.now())
        assert collected.ends == [failures.TIMED_OUT]
        assert bench.hub.stats.action_timeouts == 1
        bench.feed(channel(ours, 1), last(ours))
        assert collected.items == [], "what comes late is swallowed"
        bench.pong()
        assert bench.hub.server.exchange.in_flight == 0

    def test_its_response_was_lost(self, bench):
        collected, _ = collect(bench)
        bench.hub.server.exchange.ask(action(b"Ping"), lambda _: None)
        bench.pong()
        assert collected.ends == [failures.NO_ANSWER]

    def test_a_lost_response_is_found_out_by_a_ping(self, bench):
        collected, _ = collect(bench)
        bench.hub.tick(bench.clock.now())
        bench.pong()
        assert collected.ends == [failures.NO_ANSWER]

    def test_its_last_event_did_not_come(self, bench):
        collected, ours = collect(bench)
        bench.feed(start(ours), channel(ours, 1))
        bench.hub.tick(bench.clock.now())
        bench.pong()
        assert collected.ends == [failures.CUT_OFF]

    def test_asterisk_cancels_it(self, bench):
        collected, ours = collect(bench)
        bench.feed(start(ours), channel(ours, 1), last(ours, b"Cancelled"))
        assert len(collected.items) == 1
        assert collected.ends == [failures.CANCELLED]

    def test_it_has_too_many_items(self, bench):
        collected, ours = collect(bench)
        bench.feed(start(ours))
        for number in range(1002):
            bench.feed(channel(ours, number))
        bench.feed(last(ours))
        assert len(collected.items) == 1001
        assert collected.ends == [failures.TOO_MANY_ITEMS]
        assert bench.hub.server.exchange.in_flight == 0

    def test_a_message_of_it_is_too_long(self, bench):
        collected, ours = collect(bench)
        bench.feed(start(ours))
        bench.hub.server.oversized(b"Event: CoreShowChannel\r\nActionID: " + ours + b"\r\nX: ")
        assert collected.ends == [failures.TOO_LONG]
        bench.feed(last(ours))
        assert len(collected.ends) == 1

    def test_it_cannot_be_sent(self, bench):
        collected = Collected()
        bench.hub.server.exchange.collect(Action([(b"Action", b"Foo"), *[(b"H", b"1")] * 127]), collected)
        assert collected.ends == [b"Too many lines in message or allocation failure"]
        assert bench.upstream.take() == []

    @pytest.mark.parametrize("name", [b"IAXnetstats", b"Rowed"])
    def test_rows_cannot_be_collected(self, bench, name):
        with pytest.raises(ValueError, match="alone"):
            bench.hub.server.exchange.collect(action(name), Collected())


class TestAsking:
    def test_the_response_is_given_unchanged(self, bench):
        answers: list[bytes] = []
        bench.hub.server.exchange.ask(action(b"Getvar"), answers.append)
        (asked,) = bench.upstream.take()
        raw = lines(b"Response: Success", b"ActionID: " + asked.get(b"actionid"), b"Value: 1")
        bench.feed(raw, raw)
        assert answers == [raw]
        assert bench.hub.server.exchange.in_flight == 0

    def test_it_is_not_called_without_a_link_or_when_the_link_is_lost(self, bench):
        answers: list[bytes] = []
        bench.hub.server.exchange.ask(action(b"Getvar"), answers.append)
        bench.hub.server.link_down("gone")
        bench.hub.server.exchange.ask(action(b"Getvar"), answers.append)
        assert answers == []

    def test_it_is_not_called_if_the_response_is_too_long(self, bench):
        answers: list[bytes] = []
        bench.hub.server.exchange.ask(action(b"ListCommands"), answers.append)
        (asked,) = bench.upstream.take()
        bench.hub.server.oversized(b"Response: Success\r\nActionID: " + asked.get(b"actionid") + b"\r\nX: ")
        assert answers == []
        assert bench.hub.server.exchange.in_flight == 0

    def test_an_event_with_its_relay_id_is_no_answer(self, bench):
        answers: list[bytes] = []
        bench.hub.server.exchange.ask(action(b"Getvar"), answers.append)
        (asked,) = bench.upstream.take()
        bench.feed(lines(b"Event: Odd", b"ActionID: " + asked.get(b"actionid")))
        assert (answers, bench.hub.stats.events_dropped) == ([], 1)
        bench.answer(asked, b"")
        assert len(answers) == 1
