"""The order of turns, through real sockets: counted in actions that ran before, not in seconds."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from amiproxy.ami import privilege
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from tests.support.house import House
from tests.support.tls_door import Contexts, contexts
from tests.support.tls_peer import TlsPeer
from tests.support.waiting import until

BOTH_LOOPS = True
_SESSIONS = 10
#: Actions that each of them sends at once.
_PIPELINED = 150
#: The number of actions that a session runs at most before others have their turn.
_TURN = 64
_PING = b"Action: Ping\r\n\r\n"


@pytest.fixture(scope="module")
def both() -> Contexts:
    return contexts()


@pytest.fixture
async def house(both: Contexts) -> AsyncIterator[House]:
    users = [User(name, write=privilege.ALL, secret="plain:s") for name in ("greedy", "other")]
    built = House(both.server, Limits(), *users)
    yield built
    built.close()


async def logged_in(house: House, both: Contexts, stack: AsyncExitStack, user: str) -> TlsPeer:
    peer = await stack.enter_async_context(TlsPeer.to(house.address, both.client))
    await peer.handshake()
    await peer.record()
    await peer.send(f"Action: Login\r\nUsername: {user}\r\nSecret: s\r\n\r\n".encode())
    assert b"Authentication accepted" in await peer.record()
    return peer


def run_by(house: House, user: str) -> int:
    """The number of this user's actions that ran."""
    return sum(count for (_, name, _), count in house.hub.stats.actions.results.items() if name == user)


async def ran_before(house: House, happened: Callable[[], bool]) -> int:
    """How many of the greedy user's actions ran before this happened; checked in each round of the loop."""
    found: list[int] = []
    loop = asyncio.get_running_loop()

    def look() -> None:
        if happened():
            found.append(run_by(house, "greedy"))
        else:
            loop.call_soon(look)

    look()
    await until(lambda: found)
    return found[0]


async def test_a_user_with_many_sessions_delays_no_other(house: House, both: Contexts) -> None:
    house.listen()
    async with AsyncExitStack() as stack:
        greedy = [await logged_in(house, both, stack, "greedy") for _ in range(_SESSIONS)]
        other = await logged_in(house, both, stack, "other")
        # All of it has arrived before the loop reads any of it, and the other user's arrived last.
        for peer in greedy:
            peer.socket.send(peer.seal(_PING * _PIPELINED))
        other.socket.send(other.seal(_PING))
        before = await ran_before(house, lambda: run_by(house, "other") == 1)
        assert before <= 3 * _TURN, "by sessions, each of the ten would have had its turn"
        await until(lambda: run_by(house, "greedy") == _SESSIONS * _PIPELINED)


async def test_a_login_does_not_wait_for_all_actions_of_users(house: House, both: Contexts) -> None:
    house.listen()
    async with AsyncExitStack() as stack:
        greedy = [await logged_in(house, both, stack, "greedy") for _ in range(_SESSIONS)]
        stranger = await stack.enter_async_context(TlsPeer.to(house.address, both.client))
        last = await stranger.handshake(send_last=False)
        for peer in greedy:
            peer.socket.send(peer.seal(_PING * _PIPELINED))
        stranger.socket.send(last)
        assert await ran_before(house, lambda: house.hub.unauthenticated == 1) <= 3 * _TURN


async def test_time_is_charged_to_the_user_and_not_to_the_session(house: House, both: Contexts) -> None:
    house.listen()
    spent = []
    for _ in range(3):
        async with AsyncExitStack() as stack:
            peer = await logged_in(house, both, stack, "greedy")
            ran = run_by(house, "greedy")
            await peer.send(_PING * _PIPELINED)
            await until(lambda ran=ran: run_by(house, "greedy") == ran + _PIPELINED)
        await until(lambda: house.hub.authenticated == 0)
        spent.append(house.hub.ctx.shares.seconds()["greedy"])
    assert 0 < spent[0] < spent[1] < spent[2]
