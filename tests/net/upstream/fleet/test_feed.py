"""Events of an agent are handed over a few at a time."""

import asyncio
import sys

import pytest

from amiproxy.net.upstream.fleet.feed import Feed
from amiproxy.net.upstream.turns import Turns
from tests.net.upstream.fleet.doubles import MemoryServer
from tests.support.waiting import until

EVENTS = [b"Event: X\r\nNumber: %d\r\n\r\n" % number for number in range(300)]
BODY = b"".join(EVENTS)


def up(most: int = 1000) -> MemoryServer:
    server = MemoryServer(most=most)
    server.upstream = object()
    return server


async def test_few_events_are_handed_over_at_once() -> None:
    server = up()
    feed = Feed(server, None)
    feed.give(b"".join(EVENTS[:3]))
    feed.give(EVENTS[3])
    assert server.taken == EVENTS[:4]
    assert server.sounds == {True}
    assert feed.waiting == 0
    assert feed.backlog(1.0) == 0.0


@pytest.mark.parametrize("turns", [None, Turns()])
async def test_many_events_take_several_turns_of_the_loop_and_keep_their_order(turns: Turns | None) -> None:
    server = up(most=10)
    feed = Feed(server, turns)
    feed.give(b"".join(EVENTS[:200]))
    assert server.taken == EVENTS[:10]
    feed.give(b"".join(EVENTS[200:]))
    assert server.taken == EVENTS[:10]
    assert feed.waiting > sum(map(len, EVENTS[10:]))
    await until(lambda: not feed.waiting)
    assert server.taken == EVENTS


async def test_each_message_counts_even_one_that_looks_odd() -> None:
    server = up()
    odd = [b"Event: X\n\r\n\r\n", b"\r\n\r\n", b"Response: Follows\r\n\r\n"]
    Feed(server, None).give(b"".join(odd))
    assert server.taken == odd
    assert server.sounds == {False}


async def test_tiny_events_count_as_the_memory_that_they_take() -> None:
    """Whoever has an agent's key can send millions of them."""
    feed = Feed(up(most=1), None)
    tiny = b"x\r\n\r\n"
    feed.give(tiny * 1000)
    assert feed.waiting >= 990 * sys.getsizeof(tiny)
    feed.end()


async def test_the_backlog_is_as_old_as_the_events_that_wait() -> None:
    server = up(most=10)
    feed = Feed(server, None)
    feed.give(BODY)
    assert feed.backlog(100.0) == 0.0
    assert feed.backlog(103.0) == 3.0
    await until(lambda: not feed.waiting)
    assert feed.backlog(104.0) == 0.0


async def test_at_the_end_a_few_are_handed_over_and_many_dropped() -> None:
    server = up(most=10)
    feed = Feed(server, None)
    feed.give(BODY)
    feed.end()
    assert server.taken == EVENTS
    assert feed.waiting == 0
    for _ in range(50):
        feed.give(BODY)
    before = len(server.taken)
    feed.end()
    assert len(server.taken) == before
    assert feed.waiting == 0
    assert feed.backlog(1.0) == 0.0
    await asyncio.sleep(0)
    feed.give(EVENTS[0])
    assert len(server.taken) == before + 1
    feed.oversized(b"")
