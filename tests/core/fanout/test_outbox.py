"""Bytes for one client: in order, whole, bounded."""

from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami.stamp import stamp_of
from amiproxy.core.fanout.outbox import NEVER, Outbox
from amiproxy.core.limitstate import Backlog
from tests.support.core_doubles import ListTransport


def make(room: int | None = None, limit: int = 100) -> tuple[Outbox, ListTransport]:
    transport = ListTransport()
    transport.room = room
    return Outbox(transport, limit), transport


def test_bytes_that_the_client_takes_are_not_kept():
    outbox, transport = make()
    assert outbox.push(b"one")
    assert (outbox.size, outbox.sent, transport.take()) == (0, 3, b"one")


def test_bytes_that_are_not_taken_wait_in_order():
    outbox, transport = make(room=2)
    assert outbox.push(b"one")
    assert outbox.push(b"two")
    assert outbox.size == 4
    transport.room = 3
    outbox.drain()
    assert outbox.size == 1
    transport.room = None
    outbox.drain()
    assert transport.take() == b"onetwo"
    assert (outbox.size, outbox.sent) == (0, 6)


def test_a_drain_that_moves_nothing_keeps_all():
    outbox, _ = make(room=0)
    outbox.push(b"one")
    outbox.drain()
    assert outbox.size == 3


def test_pushing_past_the_limit_returns_false():
    outbox, _ = make(room=0, limit=4)
    assert outbox.push(b"1234")
    assert not outbox.push(b"5")
    outbox, _ = make(room=0, limit=4)
    assert not outbox.push(b"12345")


def test_held_bytes_come_between_head_and_tail():
    outbox, transport = make()
    outbox.hold()
    outbox.push(b"a")
    outbox.hold()
    outbox.push(b"b")
    assert (outbox.holding, outbox.held, transport.take()) == (True, 2, b"")
    assert outbox.release(b"<", b">")
    assert (outbox.holding, outbox.held, transport.take()) == (False, 0, b"<ab>")


def test_releasing_nothing_sends_nothing():
    outbox, transport = make()
    assert outbox.release(b"")
    assert transport.sent == []


def test_held_bytes_past_the_limit_are_sent_early():
    outbox, transport = make(limit=4)
    outbox.hold()
    outbox.push(b"1234")
    assert transport.take() == b""
    assert outbox.push(b"5")
    assert not outbox.holding
    assert transport.take() == b"12345"


def test_waiting_bytes_are_shared_not_copied():
    data = bytes(100_000)
    waiting = []
    for _ in range(2):
        outbox, _ = make(room=0, limit=1 << 20)
        outbox.push(b"x")
        outbox.push(data)
        waiting.append(outbox._chunks[1])
    assert waiting[0] is waiting[1] is data


class Counting(ListTransport):
    """Takes bytes only while there is room for all of them, as TLS does with records."""

    def __init__(self) -> None:
        super().__init__()
        self.offered: list[int] = []

    def send(self, data: bytes | memoryview) -> int:
        self.offered.append(len(data))
        return super().send(data)


def test_a_drain_offers_no_more_than_is_sent_soon():
    outbox = Outbox(transport := Counting(), 1 << 24)
    transport.room = 0
    for _ in range(5000):
        outbox.push(bytes(400))
    transport.offered.clear()
    transport.room = 16384
    assert not outbox.drain()
    assert transport.offered == [16384, 16384], "small pieces together, up to a record; then none was taken"
    transport.room = 0
    transport.offered.clear()
    outbox.drain()
    assert transport.offered == [16384]
    outbox.push(bytes(1 << 20))
    transport.room = None
    while outbox.drain():
        pass
    assert outbox.size == 0
    assert outbox.sent == 5000 * 400 + (1 << 20)


def test_one_drain_leaves_others_their_turn():
    outbox, transport = make(room=0, limit=1 << 24)
    for _ in range(1000):
        outbox.push(bytes(1000))
    transport.room = None
    assert outbox.drain(), "there is more, and the transport would take it"
    assert 0 < len(transport.take()) < 500_000
    assert outbox.size
    transport.room = 300_000
    assert outbox.drain()
    assert not outbox.drain(), "the transport calls when it can take more"
    assert outbox.size


def test_the_rest_of_a_large_piece_does_not_keep_the_whole_in_memory():
    outbox, _ = make(room=99_990, limit=1 << 20)
    outbox.push(bytes(100_000))
    assert outbox._chunks[0] == bytes(10)
    assert isinstance(outbox._chunks[0], bytes)


def test_large_held_bytes_are_sent_in_their_pieces():
    for room in (None, 0, 50_000):
        outbox, transport = make(limit=1 << 20)
        transport.room = room
        outbox.hold()
        parts = [bytes([number]) * 20_000 for number in range(20)]
        for part in parts:
            outbox.push(part)
        assert outbox.release(b"<", b">")
        assert outbox.ready is (room is None)
        transport.room = None
        while outbox.drain():
            pass
        assert transport.take() == b"<" + b"".join(parts) + b">"
        assert (outbox.size, outbox.held, outbox.ready) == (0, 0, True)


def test_large_held_bytes_come_after_waiting_bytes():
    outbox, transport = make(room=0, limit=30_000)
    outbox.push(b"first")
    outbox.hold()
    outbox.push(bytes(20_000))
    assert outbox.release(b"")
    outbox.hold()
    outbox.push(bytes(20_000))
    assert not outbox.release(b""), "past the limit"
    transport.room = None
    outbox.drain()
    assert transport.take() == b"first" + bytes(40_000)


def test_an_outbox_is_stalled_only_while_nothing_moves():
    outbox, transport = make(room=0)
    assert not outbox.stalled(0, 10)
    outbox.push(b"12")
    assert not outbox.stalled(1, 10)
    assert not outbox.stalled(11, 10)
    assert outbox.stalled(12, 10)
    transport.room = 1
    outbox.drain()
    assert not outbox.stalled(13, 10)
    assert outbox.stalled(24, 10)
    transport.room = None
    outbox.drain()
    assert not outbox.stalled(99, 10)


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=8), st.integers(0, 8), st.booleans())))
def test_any_room_at_any_time_gives_the_same_bytes(steps):
    outbox, transport = make(room=0, limit=1 << 20)
    for data, room, drains in steps:
        transport.room = room
        outbox.push(data)
        if drains:
            transport.room = room
            outbox.drain()
    transport.room = None
    outbox.drain()
    assert transport.take() == b"".join(data for data, _, _ in steps)
    assert outbox.size == 0


EVENT = b"Event: X\r\n\r\n"


def dropped_event(count: int) -> bytes:
    return b"Event: ProxyEventsDropped\r\nPrivilege: system,all\r\nCount: %d\r\n\r\n" % count


def deliver(outbox: Outbox, events: bytes) -> None:
    """Deliver as sessions do."""
    if outbox.size > outbox.closed_above:
        outbox.drop(events)
    else:
        outbox.push(events)


class TestDroppingEvents:
    def test_one_gap_is_reported_once_in_its_place(self):
        outbox, transport = make(room=0)
        outbox.drop_events_past(20)
        for _ in range(2):
            deliver(outbox, EVENT)  # 24 bytes: past it
        deliver(outbox, EVENT + EVENT)
        assert outbox.in_gap
        outbox.push(b"Response: 1\r\n\r\n")
        deliver(outbox, EVENT)
        transport.room = None
        outbox.drain()
        assert not outbox.in_gap
        deliver(outbox, EVENT)
        assert transport.take() == EVENT * 2 + b"Response: 1\r\n\r\n" + dropped_event(3) + EVENT

    def test_a_gap_lasts_until_half_of_the_outbox_is_free(self):
        outbox, transport = make(room=0)
        outbox.drop_events_past(20)
        outbox.push(b"x" * 24)
        deliver(outbox, EVENT)
        transport.room = 10  # 14 are left
        outbox.drain()
        deliver(outbox, EVENT)
        assert outbox.in_gap
        transport.room = 4  # 10 are left
        outbox.drain()
        assert not outbox.in_gap
        transport.room = None
        outbox.drain()
        assert transport.take() == b"x" * 24 + dropped_event(2)

    def test_dropping_no_bytes_starts_no_gap(self):
        outbox, _ = make(room=0)
        outbox.drop_events_past(0)
        outbox.push(b"x")
        deliver(outbox, b"")
        assert not outbox.in_gap
        assert outbox.closed_above == 0

    def test_without_a_soft_limit_no_event_is_dropped(self):
        outbox, _ = make(room=0, limit=20)
        assert outbox.push(EVENT)
        assert outbox.size < outbox.closed_above
        assert not outbox.push(EVENT)

    def test_a_changed_soft_limit_applies_at_once(self):
        outbox, transport = make(room=0)
        outbox.drop_events_past(10)
        deliver(outbox, EVENT)
        deliver(outbox, EVENT)
        outbox.drop_events_past(20)
        assert outbox.in_gap, "12 wait, and 10 would have to be free"
        outbox.drop_events_past(NEVER)
        assert not outbox.in_gap
        deliver(outbox, EVENT)
        transport.room = None
        outbox.drain()
        assert transport.take() == EVENT + dropped_event(1) + EVENT

    @given(st.lists(st.sampled_from(["event", "answer", "read", "read all"]), max_size=60))
    def test_every_event_is_delivered_or_counted_in_its_place(self, steps):
        outbox, transport = make(room=0, limit=1 << 20)
        outbox.drop_events_past(40)
        pushed: list[bytes] = []
        for number, step in enumerate(steps):
            if step == "event":
                pushed.append(b"Event: %d\r\n\r\n" % number)
                deliver(outbox, pushed[-1])
            elif step == "answer":
                pushed.append(b"Answer: %d\r\n\r\n" % number)
                outbox.push(pushed[-1])
            else:
                transport.room = 15 if step == "read" else None
                outbox.drain()
                transport.room = 0
        transport.room = None
        outbox.drain()
        got = [part + b"\r\n\r\n" for part in transport.take().split(b"\r\n\r\n")[:-1]]
        tellers = [part for part in got if part.startswith(b"Event: ProxyEventsDropped")]
        delivered = [part for part in got if part not in tellers]
        assert delivered == [part for part in pushed if part in delivered], "in order"
        assert [p for p in pushed if p.startswith(b"Answer")] == [p for p in got if p.startswith(b"Answer")]
        events = [part for part in pushed if part.startswith(b"Event")]
        come = missing = 0
        for part in got:
            if part in tellers:
                missing += int(part.split()[-1])
            elif part.startswith(b"Event"):
                assert events.index(part) == come + missing, "the report counts the events missing before it"
                come += 1
        assert come + missing == len(events)


class TestBacklog:
    def test_the_backlog_sums_all_outboxes(self):
        backlog = Backlog()
        transports = [ListTransport(), ListTransport()]
        first, second = (Outbox(transport, 100, backlog) for transport in transports)
        for transport in transports:
            transport.room = 1
        first.push(b"12345")
        second.push(b"123")
        second.push(b"4")
        second.hold()
        second.push(b"56")
        assert (first.waiting, second.waiting, backlog.size) == (4, 5, 9)
        transports[0].room = 3
        first.drain()
        assert backlog.size == 6
        second.release(b"", b"78")
        assert (second.waiting, backlog.size) == (7, 8)
        second.discard()
        assert (second.waiting, backlog.size) == (0, 1)
        transports[0].room = None
        first.drain()
        assert backlog.size == 0

    def test_discarding_drops_held_bytes_too(self):
        backlog = Backlog()
        outbox = Outbox(ListTransport(), 100, backlog)
        outbox.hold()
        outbox.push(b"123")
        outbox.discard()
        assert (backlog.size, outbox.holding) == (0, False)


def of(server: str, name: str) -> bytes:
    return f"Event: {name}\r\nPrivilege: call,all\r\nServer: {server}\r\n\r\n".encode()


class TestKeepingAllEventsBack:
    def test_events_wait_in_order_and_answers_pass(self):
        backlog = Backlog()
        transport = ListTransport()
        outbox = Outbox(transport, 1000, backlog)
        outbox.keep_back()
        outbox.push(of("pbx1", "A"))
        assert outbox.sift(of("pbx1", "B")) == b""
        outbox.answer(b"Response: Success\r\n\r\n")
        assert transport.take() == b"Response: Success\r\n\r\n"
        both = of("pbx1", "A") + of("pbx1", "B")
        assert (outbox.ready, outbox.kept) == (False, len(both))
        assert backlog.size == outbox.waiting == len(both)
        assert outbox.let_go() == both
        assert (outbox.ready, outbox.kept, backlog.size) == (True, 0, 0)

    def test_beginning_twice_loses_nothing(self):
        outbox, transport = make()
        outbox.keep_back()
        outbox.push(b"a")
        outbox.keep_back()
        outbox.push(b"b")
        assert outbox.let_go() == b"ab"
        outbox.push(b"c")
        assert transport.take() == b"c"


class TestHoldingTheEventsOfOneServer:
    def test_only_its_events_are_held_and_keep_their_order(self):
        outbox, transport = make(limit=1000)
        outbox.hold_stamped(stamp_of(b"pbx1"))
        assert not outbox.ready
        outbox.push(of("pbx1", "A") + of("pbx2", "B") + of("pbx1", "C") + of("pbx2", "D"))
        outbox.push(of("pbx1", "E"))
        assert transport.take() == of("pbx2", "B") + of("pbx2", "D")
        assert (outbox.size, outbox.waiting) == (0, 3 * len(of("pbx1", "A")))
        assert outbox.release_stamped(stamp_of(b"pbx1"))
        assert transport.take() == of("pbx1", "A") + of("pbx1", "C") + of("pbx1", "E")
        assert (outbox.waiting, outbox.ready) == (0, True)
        outbox.push(of("pbx1", "F"))
        assert transport.take() == of("pbx1", "F")

    def test_an_answer_goes_ahead_of_them(self):
        outbox, transport = make()
        outbox.hold_stamped(stamp_of(b"pbx1"))
        outbox.push(of("pbx1", "A"))
        outbox.answer(b"Response: Success\r\nServer: pbx1\r\n\r\n")
        assert transport.take() == b"Response: Success\r\nServer: pbx1\r\n\r\n"

    def test_several_servers_are_held_and_released_one_by_one(self):
        outbox, transport = make(limit=1000)
        outbox.hold_stamped(stamp_of(b"pbx1"))
        outbox.hold_stamped(stamp_of(b"pbx2"))
        outbox.hold_stamped(stamp_of(b"pbx2"))
        outbox.push(of("pbx1", "A") + of("pbx2", "B") + of("pbx3", "C"))
        assert transport.take() == of("pbx3", "C")
        outbox.release_stamped(stamp_of(b"pbx2"))
        assert transport.take() == of("pbx2", "B")
        assert not outbox.ready
        outbox.push(of("pbx1", "D") + of("pbx2", "E"))
        assert transport.take() == of("pbx2", "E")
        outbox.release_stamped(stamp_of(b"pbx1"))
        assert transport.take() == of("pbx1", "A") + of("pbx1", "D")
        assert outbox.ready

    def test_releasing_what_is_not_held_does_nothing(self):
        outbox, transport = make()
        assert outbox.release_stamped(stamp_of(b"pbx1"))
        outbox.hold_stamped(stamp_of(b"pbx1"))
        assert outbox.release_stamped(stamp_of(b"pbx2"))
        assert outbox.release_stamped(stamp_of(b"pbx1"))
        assert (transport.take(), outbox.ready) == (b"", True)

    def test_a_header_in_another_place_or_with_a_longer_name_does_not_count(self):
        outbox, transport = make()
        outbox.hold_stamped(stamp_of(b"pbx1"))
        other = b"Event: X\r\nServer: pbx1\r\nServer: pbx2\r\n\r\n"
        longer = b"Event: X\r\nX-Server: pbx1\r\n\r\n"
        outbox.push(other + longer)
        assert transport.take() == other + longer

    def test_events_without_a_server_pass(self):
        outbox, transport = make()
        outbox.hold_stamped(stamp_of(b"pbx1"))
        outbox.push(dropped_event(3))
        assert transport.take() == dropped_event(3)
        assert outbox.sift(b"") == b""

    def test_past_the_limit_all_of_them_are_sent(self):
        backlog = Backlog()
        transport = ListTransport()
        outbox = Outbox(transport, 2 * len(of("pbx1", "A")), backlog)
        outbox.hold_stamped(stamp_of(b"pbx1"))
        outbox.hold_stamped(stamp_of(b"pbx2"))
        outbox.push(of("pbx1", "A") + of("pbx2", "B"))
        assert transport.take() == b""
        assert outbox.push(of("pbx3", "C") + of("pbx1", "D"))
        assert transport.take() == of("pbx3", "C") + of("pbx1", "A") + of("pbx1", "D") + of("pbx2", "B")
        assert (outbox.waiting, backlog.size, outbox.ready) == (0, 0, True)

    def test_they_count_as_waiting_until_they_are_discarded(self):
        backlog = Backlog()
        outbox = Outbox(ListTransport(), 1000, backlog)
        outbox.hold_stamped(stamp_of(b"pbx1"))
        outbox.push(of("pbx1", "A"))
        assert outbox.waiting == backlog.size == len(of("pbx1", "A"))
        outbox.discard()
        assert (outbox.waiting, backlog.size) == (0, 0)

    def test_bytes_that_wait_stay_before_them(self):
        outbox, transport = make(room=0, limit=1000)
        outbox.push(of("pbx1", "A"))
        outbox.hold_stamped(stamp_of(b"pbx1"))
        outbox.push(of("pbx1", "B"))
        transport.room = None
        outbox.drain()
        assert (transport.take(), outbox.ready) == (of("pbx1", "A"), False)
        outbox.release_stamped(stamp_of(b"pbx1"))
        assert transport.take() == of("pbx1", "B")
