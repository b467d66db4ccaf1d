"""What an agent publishes: all events, in order, numbered; and what an edge is given that has missed some."""

import pytest

from amiproxy.core.fleet.wire import (
    BEAT,
    END,
    EVENT_BYTES,
    EVENTS,
    GONE,
    HEAD_BYTES,
    Ask,
    decode_beat,
    parsed,
)
from amiproxy.core.model.limits import LEAST_JOURNAL, HistoryBounds
from tests.support.agent_bench import AgentBench
from tests.support.core_doubles import event


@pytest.fixture
def bench() -> AgentBench:
    bench = AgentBench()
    bench.publisher.take()
    return bench


def read(messages: list[bytes]) -> tuple[int, bytes]:
    """The number of the first event, and all events, of consecutive messages."""
    heads = [parsed(message) for message in messages]
    first = expected = heads[0][0].first
    for head, body in heads:
        assert (head.kind, head.first) == (EVENTS, expected)
        assert body.count(b"\r\n\r\n") == head.events
        expected += head.events
    return first, b"".join(body for _, body in heads)


def test_each_event_is_taken_once_and_numbered(bench):
    one, two, three = event("One"), event("Two"), event("Three")
    bench.feed(one, two)
    assert bench.publisher.waits
    assert read(bench.publisher.take()) == (1, one + two)
    assert not bench.publisher.waits
    assert bench.publisher.take() == []
    bench.feed(three)
    assert read(bench.publisher.take()) == (3, three)
    publisher = bench.publisher
    assert (publisher.events, publisher.messages) == (3, 2)
    assert publisher.bytes == len(one + two + three) + 2 * HEAD_BYTES


def test_messages_are_limited_in_size_and_a_large_event_goes_alone(bench):
    small = event("Small", Text="x" * 20_000)
    large = event("Large", Text="x" * (EVENT_BYTES + 1))
    sent = [small] * 4 + [large] + [small] * 2
    bench.feed(*sent)
    messages = bench.publisher.take()
    assert read(messages) == (1, b"".join(sent))
    assert [message for message in messages if len(message) > EVENT_BYTES + HEAD_BYTES] == [
        message for message in messages if b"Event: Large" in message
    ]
    assert max(parsed(message)[0].events for message in messages) == 3


def test_after_a_lost_link_another_epoch_begins(bench):
    bench.feed(event("One"))
    bench.publisher.take()
    before = bench.publisher.epoch
    bench.server().link_down("x")
    assert bench.publisher.waits
    assert bench.publisher.take() == []
    assert bench.publisher.epoch != before
    bench.link_up()
    bench.feed(event("Two"))
    (message,) = bench.publisher.take()
    head, _ = parsed(message)
    assert (head.epoch, head.first) == (bench.server().journal.epoch, 1)


def test_without_a_journal_nothing_is_published(bench):
    bench.server().keep(None, present=False)
    bench.feed(event("One"))
    publisher = bench.publisher
    publisher.leave_out()
    assert (publisher.waits, publisher.take()) == (False, [])
    assert [parsed(message)[0].kind for message in publisher.replay(Ask(publisher.epoch, 1))] == [END]
    publisher.position = 1
    assert [parsed(message)[0].kind for message in publisher.replay(Ask(publisher.epoch, 1))] == [GONE]


def test_events_that_are_not_held_any_more_are_a_gap(bench):
    bench.server().keep(HistoryBounds(bytes=LEAST_JOURNAL), present=False)
    bench.feed(*[event("Some", Text="x" * 1000)] * 50)
    bench.feed(*[event("Some", Text="x" * 1000)] * 100)
    first, events = read(bench.publisher.take())
    assert first > 1
    assert first + events.count(b"\r\n\r\n") == 151


def test_events_can_be_left_out_while_nothing_can_be_sent(bench):
    bench.feed(event("One"))
    bench.publisher.leave_out()
    assert not bench.publisher.waits
    bench.feed(event("Two"))
    assert read(bench.publisher.take()) == (2, event("Two"))
    asked = list(bench.publisher.replay(Ask(bench.publisher.epoch, 1)))
    assert read(asked[:-1]) == (1, event("One") + event("Two"))


def test_numbers_of_events_that_the_journal_does_not_have_are_passed_over(bench):
    journal = bench.server().journal
    journal.skip()
    assert bench.publisher.waits
    assert bench.publisher.take() == []
    assert bench.publisher.position == 1
    bench.feed(event("Two"))
    assert read(bench.publisher.take()) == (2, event("Two"))
    journal.skip()
    bench.publisher.take()
    asked = bench.publisher.replay(Ask(bench.publisher.epoch, 1))
    assert [parsed(message)[0].kind for message in asked] == [EVENTS, END]


class TestBeats:
    def beat(self, bench, reason=""):
        head, body = parsed(bench.publisher.beat(7, reason))
        assert head.kind == BEAT
        return head, decode_beat(body)

    def test_it_says_what_comes_next_of_what_was_published(self, bench):
        bench.feed(event("One"))
        head, beat = self.beat(bench)
        assert (head.epoch, head.first) == (bench.publisher.epoch, 1)
        bench.publisher.take()
        head, beat = self.beat(bench)
        assert head.first == 2
        assert (beat.agent, beat.server, beat.clock) == ("agent1", bench.known_as, 7)
        assert beat.software.startswith("amiproxy ")
        assert beat.banner == b"Asterisk Call Manager/11.0.0"
        assert len(beat.rights) == 16

    def test_it_says_whether_the_link_is_up(self, bench):
        assert self.beat(bench)[1].state == "up"
        bench.server().link_down("gone")
        assert self.beat(bench, "gone" * 100)[1].state == "down"
        bench.link_up(booted=False)
        assert self.beat(bench)[1].state == "booting"

    def test_a_new_epoch_is_told_at_once(self, bench):
        bench.feed(event("One"))
        bench.publisher.take()
        bench.server().link_down("gone")
        head, _ = self.beat(bench)
        assert (head.epoch, head.first) == (bench.server().journal.epoch, 1)


class TestReplays:
    def replay(self, bench, first, epoch=None):
        asked = Ask(bench.publisher.epoch if epoch is None else epoch, first)
        return list(bench.publisher.replay(asked))

    @pytest.fixture(autouse=True)
    def published(self, bench):
        bench.feed(*[event(f"Number{number}") for number in range(1, 6)])
        bench.publisher.take()

    def test_all_from_a_number_on_are_given(self, bench):
        *messages, last = self.replay(bench, 3)
        assert read(messages) == (3, event("Number3") + event("Number4") + event("Number5"))
        head, _ = parsed(last)
        assert (head.kind, head.epoch, head.first) == (END, bench.publisher.epoch, 6)

    def test_nothing_was_missed(self, bench):
        (last,) = self.replay(bench, 6)
        assert parsed(last)[0].kind == END

    def test_what_was_not_published_yet_is_not_part_of_it(self, bench):
        bench.feed(event("Six"))
        *messages, last = self.replay(bench, 5)
        assert read(messages) == (5, event("Number5"))
        assert parsed(last)[0].first == 6

    @pytest.mark.parametrize(("first", "epoch"), [(3, 1), (0, None), (7, None), (1 << 60, None)])
    def test_what_is_not_held_is_gone(self, bench, first, epoch):
        (last,) = self.replay(bench, first, epoch)
        head, _ = parsed(last)
        assert (head.kind, head.epoch, head.first) == (GONE, bench.publisher.epoch, 6)
        assert (bench.publisher.replays, bench.publisher.gone) == (1, 1)

    def test_an_epoch_that_ends_meanwhile_is_gone(self, bench):
        bench.feed(*[event("Some", Text="x" * 30_000)] * 10)
        bench.publisher.take()
        messages = bench.publisher.replay(Ask(bench.publisher.epoch, 1))
        assert parsed(next(messages))[0].kind == EVENTS
        bench.server().link_down("gone")
        kinds = [parsed(message)[0].kind for message in messages]
        assert kinds[-1] == GONE
        assert END not in kinds
