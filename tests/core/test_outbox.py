"""Bytes for one client: in order, whole, bounded."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.outbox import Outbox
from tests.support.core_doubles import ListTransport


def make(room: int | None = None, limit: int = 100) -> tuple[Outbox, ListTransport]:
    transport = ListTransport()
    transport.room = room
    return Outbox(transport, limit), transport


def test_nothing_is_kept_while_the_client_takes_it():
    outbox, transport = make()
    assert outbox.push(b"one")
    assert (outbox.size, outbox.sent, transport.take()) == (0, 3, b"one")


def test_what_is_not_taken_waits_in_order():
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


def test_past_the_limit_is_told():
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


def test_release_of_nothing_sends_nothing():
    outbox, transport = make()
    assert outbox.release(b"")
    assert transport.sent == []


def test_too_much_to_hold_is_sent_early():
    outbox, transport = make(limit=4)
    outbox.hold()
    outbox.push(b"1234")
    assert transport.take() == b""
    assert outbox.push(b"5")
    assert not outbox.holding
    assert transport.take() == b"12345"


def test_stalled_only_while_nothing_moves():
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
