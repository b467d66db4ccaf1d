"""The journal: whatever is appended, it holds to its bounds, and what it returns is complete."""

import gc
import tracemalloc

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from amiproxy.core.calls.call import Call
from amiproxy.core.calls.scope import CallTracker
from amiproxy.core.history.journal import CALL_BYTES, EVENT_BYTES, PIECE, Entries, Journal
from amiproxy.core.model.limits import HistoryBounds
from tests.support.core_doubles import HandClock, PlainSealer

EVENT = b"Event: Newstate\r\nPrivilege: call,all\r\nUniqueid: %d\r\n\r\n"


def journal(size: int = 1 << 20, seconds: float = 300.0) -> tuple[Journal, HandClock]:
    clock = HandClock()
    return Journal(HistoryBounds(size, seconds), clock.now, PlainSealer()), clock


def fill(kept: Journal, count: int) -> list[bytes]:
    events = [EVENT % number for number in range(kept.last + 1, kept.last + count + 1)]
    for event in events:
        kept.append(event)
    return events


def all_after(kept: Journal, sequence: int) -> list[bytes] | None:
    """What a reader gets that reads until there is nothing left."""
    found: list[bytes] = []
    while True:
        entries = kept.after(kept.epoch, sequence)
        if entries is None:
            return None
        if not entries.raws:
            return found
        assert entries.first >= sequence + 1
        assert len(entries.calls) == len(entries.raws)
        found += entries.raws
        sequence = entries.last


def test_events_are_returned_from_any_position_on() -> None:
    kept, _ = journal()
    events = fill(kept, 5000)
    assert (kept.first, kept.last, kept.events) == (1, 5000, 5000)
    for sequence in (0, 1, 777, 4999, 5000):
        assert all_after(kept, sequence) == events[sequence:]


def test_an_empty_journal_has_one_position() -> None:
    kept, _ = journal()
    assert (kept.first, kept.last, kept.size, kept.age, kept.events) == (1, 0, 0, 0.0, 0)
    assert all_after(kept, 0) == []
    assert kept.after(kept.epoch, 1) is None


def test_a_position_of_another_epoch_is_not_known() -> None:
    kept, _ = journal()
    fill(kept, 3)
    before = kept.epoch
    assert kept.after(before ^ 1, 2) is None
    kept.begin()
    assert kept.epoch != before
    assert (kept.first, kept.last, kept.size) == (1, 0, 0)
    fill(kept, 3)
    assert kept.after(before, 2) is None
    assert all_after(kept, 2) == [EVENT % 3]


def test_a_position_that_was_never_reached_is_not_known() -> None:
    kept, _ = journal()
    fill(kept, 3)
    assert kept.after(kept.epoch, 4) is None


def test_pieces_are_small_unless_one_event_is_large() -> None:
    kept, _ = journal()
    fill(kept, 3000)
    kept.append(b"x" * 3 * PIECE)
    fill(kept, 3)
    sequence, sizes = 0, []
    while True:
        entries = kept.after(kept.epoch, sequence)
        assert isinstance(entries, Entries)
        if not entries.raws:
            break
        sizes.append(len(b"".join(entries.raws)))
        sequence = entries.last
    assert max(sizes) == 3 * PIECE
    assert sorted(sizes)[-2] <= PIECE


def test_the_oldest_events_make_room() -> None:
    kept, _ = journal(size=64 << 10)
    fill(kept, 5000)
    assert kept.last == 5000
    assert kept.size <= 64 << 10
    # What is forgotten at once is a sixteenth.
    assert kept.size >= (64 << 10) * 14 // 16
    assert kept.after(kept.epoch, kept.first - 2) is None
    assert all_after(kept, kept.first - 1) == [EVENT % number for number in range(kept.first, 5001)]


def test_an_event_that_does_not_fit_at_all_is_counted() -> None:
    kept, _ = journal(size=64 << 10)
    fill(kept, 3)
    kept.append(b"x" * (64 << 10))
    assert (kept.first, kept.last, kept.size) == (5, 4, 0)
    assert kept.after(kept.epoch, 3) is None
    assert all_after(kept, 4) == []
    kept.note(Call())
    assert kept.size == 0
    fill(kept, 1)
    assert all_after(kept, 4) == [EVENT % 5]


def test_old_events_are_forgotten_although_nothing_is_appended() -> None:
    kept, clock = journal(seconds=10.0)
    fill(kept, 3)
    clock.time += 5.0
    kept.tick()
    fill(kept, 2)
    assert (kept.age, kept.first) == (5.0, 1)
    clock.time += 5.5
    assert (kept.age, kept.first) == (5.5, 4)
    assert kept.after(kept.epoch, 2) is None
    clock.time += 5.0
    assert (kept.age, kept.first, kept.size) == (0.0, 6, 0)
    assert all_after(kept, 5) == []
    kept.tick()
    fill(kept, 1)
    assert kept.age == 0.0


def test_other_bounds_hold_at_once() -> None:
    kept, clock = journal()
    fill(kept, 10_000)
    kept.adopt(HistoryBounds(64 << 10, 300.0))
    assert kept.bounds == HistoryBounds(64 << 10, 300.0)
    assert 0 < kept.size <= 64 << 10
    clock.time += 30.0
    kept.adopt(HistoryBounds(64 << 10, 10.0))
    assert kept.size == 0
    assert kept.last == 10_000
    kept.adopt(HistoryBounds(1 << 20, 300.0))
    fill(kept, 5000)
    assert kept.events == 5000


def test_calls_are_kept_with_their_events() -> None:
    kept, _ = journal()
    call = Call()
    fill(kept, 2)
    kept.note(call)
    fill(kept, 3)
    kept.note(call)
    fill(kept, 1)
    entries = kept.after(kept.epoch, 0)
    assert entries is not None
    assert entries.calls == [None, call, None, None, call, None]
    entries = kept.after(kept.epoch, 4)
    assert entries is not None
    assert entries.calls == [call, None]


def test_each_call_counts_once_where_its_last_event_is() -> None:
    kept, clock = journal(size=64 << 10)
    for _ in range(200):
        fill(kept, 1)
        kept.note(Call())
        assert kept.size <= 64 << 10
    kept.begin()
    call, other = Call(), Call()
    fill(kept, 1)
    alone = kept.size
    kept.note(call)
    kept.note(other)
    assert kept.size == alone + CALL_BYTES
    fill(kept, 1)
    kept.note(call)
    assert kept.size == alone + CALL_BYTES + len(EVENT % 2) + EVENT_BYTES
    clock.time += 150.0
    kept.tick()
    fill(kept, 1)
    before = kept.size
    kept.note(call)
    assert kept.size == before
    clock.time += 151.0
    assert (kept.events, kept.size) == (1, alone + CALL_BYTES)


def test_a_call_that_another_journal_counted_counts_in_this_one() -> None:
    call = Call()
    for _ in range(2):
        kept, _ = journal()
        fill(kept, 1)
        alone = kept.size
        kept.note(call)
        assert kept.size == alone + CALL_BYTES


def test_a_token_is_the_sealed_position() -> None:
    kept, _ = journal()
    fill(kept, 7)
    assert PlainSealer().open(kept.token(kept.last)) == ((kept.epoch, 7),)


def test_it_takes_no_more_memory_than_it_says() -> None:
    kept, _ = journal(size=4 << 20)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(30_000):
            kept.append(b"Event: Newstate\r\nUniqueid: %d\r\n%b\r\n\r\n" % (number, b"x" * (number % 700)))
        assert tracemalloc.get_traced_memory()[0] - before <= kept.size
    finally:
        tracemalloc.stop()
    assert kept.size <= 4 << 20


def test_calls_that_have_ended_take_no_more_memory_than_it_says() -> None:
    kept, _ = journal(size=2 << 20)
    tracker = CallTracker()
    tracker.hold(0)

    def pass_on(start: int, count: int) -> None:
        for number in range(start, start + count):
            for name in (b"Newchannel", b"Newstate", b"Hangup"):
                raw = (
                    b"Event: %b\r\nPrivilege: call,all\r\nChannel: PJSIP/%d-1\r\nChannelState: 6\r\n"
                    b"Context: from-%d\r\nAccountCode: a%d\r\nUniqueid: 1.%d\r\nLinkedid: 1.%d\r\n\r\n"
                ) % (name, number, number, number, number, number)
                call = tracker.feed(raw)
                kept.append(raw)
                assert isinstance(call, Call)
                kept.note(call)

    pass_on(0, 2000)
    kept.begin()
    gc.collect()
    tracemalloc.start()
    try:
        pass_on(2000, 512)  # these are what the tracker has afterwards, as before
        gc.collect()
        before, size = tracemalloc.get_traced_memory()[0], kept.size
        pass_on(3000, 512)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before <= kept.size - size
    finally:
        tracemalloc.stop()


def test_it_takes_over_the_numbers_of_another_process() -> None:
    kept, _ = journal()
    fill(kept, 3)
    kept.begin_at(77, 1000)
    assert (kept.epoch, kept.first, kept.last, kept.size) == (77, 1001, 1000, 0)
    assert kept.after(77, 999) is None
    assert kept.after(77, 1001) is None
    events = fill(kept, 3)
    assert PlainSealer().open(kept.token(kept.last)) == ((77, 1003),)
    assert all_after(kept, 1000) == events
    assert all_after(kept, 1001) == events[1:]


def test_nothing_is_missing_in_a_hole() -> None:
    kept, _ = journal()
    kept.begin_at(77, 10)
    kept.skip()
    assert (kept.last, all_after(kept, 10), all_after(kept, 11)) == (11, [], [])
    first = fill(kept, 2)  # 12 and 13
    kept.reach(20)
    kept.reach(15)
    second = fill(kept, 2)  # 21 and 22
    kept.skip()
    assert (kept.first, kept.last, kept.events) == (11, 23, 13)
    for sequence, found in [
        (10, first + second),
        (11, first + second),
        (12, first[1:] + second),
        *((number, second) for number in range(13, 21)),
        (21, second[1:]),
        (22, []),
        (23, []),
    ]:
        assert all_after(kept, sequence) == found
    assert kept.after(77, 9) is None
    assert [kept.event(number) for number in range(10, 25)] == [
        b"", b"", *first, *[b""] * 7, *second, b"", b"",
    ]  # fmt: skip


def test_the_calls_of_events_around_a_hole_are_theirs() -> None:
    kept, _ = journal()
    call, other = Call(), Call()
    fill(kept, 1)
    kept.note(call)
    kept.skip()
    fill(kept, 2)
    kept.note(other)
    for sequence, calls in [(0, [call]), (1, [None, other]), (2, [None, other]), (3, [other])]:
        entries = kept.after(kept.epoch, sequence)
        assert entries is not None
        assert entries.calls == calls


class AnyJournal(RuleBasedStateMachine):
    """Any appends, times, bounds and epochs, against a list of everything."""

    @initialize(size=st.integers(64 << 10, 256 << 10), seconds=st.floats(0.1, 1000.0))
    def create(self, size: int, seconds: float) -> None:
        self.bounds = HistoryBounds(size, seconds)
        self.clock = HandClock()
        self.kept = Journal(self.bounds, self.clock.now, PlainSealer())
        #: The number before the first of this epoch.
        self.began = 0
        #: Every event of this epoch, and when it arrived; b"" for a hole.
        self.events: list[tuple[bytes, float]] = []

    @rule(count=st.integers(1, 400), size=st.integers(0, 3000), noted=st.booleans())
    def append(self, count: int, size: int, noted: bool) -> None:
        for _ in range(count):
            raw = b"%d:%b" % (len(self.events), b"x" * size)
            self.kept.append(raw)
            self.events.append((raw, self.clock.time))
            if noted:
                self.kept.note(Call())

    @rule(size=st.integers(60 << 10, 300 << 10))
    def append_a_large_one(self, size: int) -> None:
        raw = b"%d:%b" % (len(self.events), b"x" * size)
        self.kept.append(raw)
        self.events.append((raw, self.clock.time))

    @rule(seconds=st.floats(0.0, 400.0), ticks=st.booleans())
    def wait(self, seconds: float, ticks: bool) -> None:
        self.clock.time += seconds
        if ticks:
            self.kept.tick()

    @rule(size=st.integers(64 << 10, 256 << 10), seconds=st.floats(0.1, 1000.0))
    def adopt(self, size: int, seconds: float) -> None:
        self.bounds = HistoryBounds(size, seconds)
        self.kept.adopt(self.bounds)

    @rule()
    def begin(self) -> None:
        self.kept.begin()
        self.began = 0
        self.events.clear()

    @rule(epoch=st.integers(0, 2**64 - 1), last=st.integers(0, 2**60))
    def begin_at(self, epoch: int, last: int) -> None:
        self.kept.begin_at(epoch, last)
        self.began = last
        self.events.clear()

    @rule()
    def skip(self) -> None:
        self.kept.skip()
        self.events.append((b"", self.clock.time))

    @rule(count=st.integers(-5, 50))
    def reach(self, count: int) -> None:
        self.kept.reach(self.kept.last + count)
        self.events += [(b"", self.clock.time)] * count

    @rule(part=st.floats(0.0, 1.0))
    def read(self, part: float) -> None:
        passed = int(part * len(self.events))
        sequence = self.began + passed
        found = all_after(self.kept, sequence)
        if sequence < self.kept.first - 1:
            assert found is None
        else:
            assert found == [raw for raw, _ in self.events[passed:] if raw]
        if passed:
            raw = self.events[passed - 1][0]
            assert self.kept.event(sequence) == (raw if sequence >= self.kept.first else b"")

    @invariant()
    def it_holds_to_its_bounds(self) -> None:
        events = self.events[self.kept.first - 1 - self.began :]
        assert self.kept.last == self.began + len(self.events)
        assert self.kept.events == len(events)
        held = [(raw, when) for raw, when in events if raw]
        assert sum(len(raw) + EVENT_BYTES for raw, _ in held) <= self.kept.size <= self.bounds.bytes
        assert all(self.clock.time - when <= self.bounds.seconds for _, when in held)
        assert self.kept.age <= self.bounds.seconds
        assert all_after(self.kept, self.kept.first - 1) == [raw for raw, _ in held]


TestAnyJournal = AnyJournal.TestCase
