"""Browsers behind one address, such as a NAT: how many connections they may have at a time."""

from contextlib import AsyncExitStack

from tests.net.doors.http.settings import with_
from tests.support.house import was_refused
from tests.support.http_peer import HttpHouse, HttpPeer, loop_time
from tests.support.waiting import until

BOTH_LOOPS = True
LATER = b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n"
BOARDS = 20
#: Connections that a browser opens to one host for requests; its WebSocket has one more.
SPARES = 6
#: What deploy/limits.md advises for this many boards.
ADVISED = {
    "exempt": (),
    "connections_per_address": 140,
    "connection_burst": 140,
    "unauthenticated_per_address": 140,
    "unauthenticated": 268,
}


async def board(house: HttpHouse, stack: AsyncExitStack, number: int) -> HttpPeer:
    """A browser's connections: those that it leaves unused, and one that is logged in."""
    for _ in range(SPARES):
        await stack.enter_async_context(house.peer())
    logged_in = await stack.enter_async_context(house.peer())
    await logged_in.send(LATER)
    (await house.asked(number)).authenticated()
    return logged_in


@with_({"exempt": ()})
async def test_two_browsers_fit_and_a_third_waits_until_unused_connections_end(house: HttpHouse) -> None:
    async with AsyncExitStack() as stack:
        await board(house, stack, 1)
        await board(house, stack, 2)
        for _ in range(4):
            await stack.enter_async_context(house.peer())
        assert await was_refused(house.address, house.client)
        assert house.hub.stats.limits == {"unauthenticated_per_address": 1}
        await until(lambda: house.pool.handshaking == 0)
        house.pool.tick(loop_time() + 10.1)
        await stack.aclose()
        await house.empty()
        await board(house, stack, 3)
    assert house.hub.stats.limits == {"unauthenticated_per_address": 1}


@with_(ADVISED)
async def test_twenty_boards_fit_with_the_limits_that_are_advised(house: HttpHouse) -> None:
    async with AsyncExitStack() as stack:
        for number in range(1, BOARDS + 1):
            await board(house, stack, number)
        assert house.pool.open == BOARDS * (SPARES + 1)
        assert house.hub.stats.limits == {}
