"""How a client beyond each limit sees it, from its TCP connection on."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import pytest

from amiproxy.ami import privilege
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from tests.support.house import House, was_cut, was_refused
from tests.support.tls_door import Contexts, contexts
from tests.support.tls_peer import TlsPeer
from tests.support.waiting import until

BOTH_LOOPS = True
# Without the class that shows them each other's logins.
READ = privilege.ALL & ~privilege.SECURITY
ANNA = User("anna", read=READ, secret="plain:s")
PATIENT = User("patient", read=READ, secret="plain:s", slow_consumer="drop_events")

Open = Callable[..., AbstractAsyncContextManager[House]]


@pytest.fixture(autouse=True)
def all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "amiproxy")


@pytest.fixture(scope="module")
def both() -> Contexts:
    return contexts()


@pytest.fixture
def open_house(both: Contexts) -> Open:
    """Under these limits, with no exempt addresses unless the limits name some."""

    @asynccontextmanager
    async def opened(**limits: object) -> AsyncIterator[House]:
        house = House(both.server, Limits(**{"exempt": (), **limits}), ANNA, PATIENT)  # type: ignore[arg-type]
        try:
            yield house
        finally:
            house.close()

    return opened


def login(secret: str = "s", user: str = "anna") -> bytes:
    return f"Action: Login\r\nUsername: {user}\r\nSecret: {secret}\r\nEvents: on\r\n\r\n".encode()


async def greeted(peer: TlsPeer) -> None:
    await peer.handshake()
    assert b"Asterisk Call Manager" in await peer.record()


async def inside(stack: AsyncExitStack, house: House, both: Contexts, user: str = "anna") -> TlsPeer:
    """A client that has logged in."""
    peer = await stack.enter_async_context(TlsPeer.to(house.address, both.client))
    await greeted(peer)
    await peer.send(login(user=user))
    assert b"Authentication accepted" in await peer.record()
    return peer


@pytest.mark.parametrize(
    ("limits", "hit", "logs_in"),
    [
        ({"connections": 1, "unauthenticated": 1}, "connections", True),
        ({"connections_per_address": 1}, "connections_per_address", True),
        ({"unauthenticated_per_address": 1}, "unauthenticated_per_address", False),
        ({"connection_rate": 0.001, "connection_burst": 1}, "connection_rate", True),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_connection_over_a_limit_is_closed_before_tls(
    open_house: Open,
    both: Contexts,
    caplog: pytest.LogCaptureFixture,
    limits: dict[str, float],
    hit: str,
    logs_in: bool,
) -> None:
    async with open_house(**limits) as house, AsyncExitStack() as stack:
        address = house.listen()
        first = await stack.enter_async_context(TlsPeer.to(address, both.client))
        await greeted(first)
        if logs_in:
            await first.send(login())
            await first.record()
        assert await was_refused(address, both.client)
        assert house.hub.stats.limits == {hit: 1}
        fields = [record.fields for record in caplog.records if record.message == "limit-hit"]  # type: ignore[attr-defined]
        assert fields == [{"peer": "127.0.0.1", "limit": hit}]
        assert house.pool.open == 1, "existing connections stay"


async def test_exempt_addresses_have_none_of_these_limits(open_house: Open, both: Contexts) -> None:
    limits = {
        "connections_per_address": 1,
        "unauthenticated_per_address": 1,
        "connection_rate": 0.001,
        "connection_burst": 1,
        "login_failure_burst": 1,
    }
    async with open_house(exempt=Limits().exempt, **limits) as house, AsyncExitStack() as stack:
        address = house.listen()
        for _ in range(5):
            await greeted(await stack.enter_async_context(TlsPeer.to(address, both.client)))
        assert house.hub.stats.limits == {}


async def test_a_penalty_refuses_new_connections_and_logins(
    open_house: Open, both: Contexts, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_house(login_failure_burst=1) as house, AsyncExitStack() as stack:
        address = house.listen()
        user = await inside(stack, house, both)
        guessers = [await stack.enter_async_context(TlsPeer.to(address, both.client)) for _ in range(3)]
        for guesser in guessers:
            await greeted(guesser)
        for guesser in guessers[:2]:
            await guesser.send(login("guess"))
        await until(lambda: house.hub.stats.limits.get("login_failure_burst") == 1)
        # Neither a new nor an existing connection can try again, not even with the right secret.
        assert await was_refused(address, both.client)
        await guessers[2].send(login())
        for guesser in guessers:
            assert b"Message: Authentication failed\r\n" in await guesser.rest()
        assert house.hub.stats.limits == {"login_failure_burst": 1, "penalty": 2}
        await user.send(b"Action: Logoff\r\n\r\n")
        assert b"Goodbye" in await user.rest(), "a session that is logged in is not affected"
        house.hub.tick(house.hub.scheduler.now() + 31)
        told = [(r.message, r.fields["peer"]) for r in caplog.records if r.message.startswith("penalty")]  # type: ignore[attr-defined]
        assert told == [("penalty-start", "127.0.0.1"), ("penalty-end", "127.0.0.1")]


async def test_handshake_bytes_closes_a_longer_handshake(open_house: Open, both: Contexts) -> None:
    async with open_house() as house, TlsPeer.to(house.listen(), both.client) as peer:
        # The start of a ClientHello of 32 KiB, which needs two records.
        await peer.send_raw(b"\x16\x03\x01\x40\x00\x01\x00\x7f\xfc\x03\x03" + b"x" * 16378)
        await peer.send_raw(b"\x16\x03\x01\x40\x00" + b"x" * 1000)
        assert await was_cut(peer)
        assert house.pool.handshake_failures == {"handshake too long": 1}
        assert house.hub.stats.limits == {"handshake_bytes": 1}
        assert house.pool.open == 0


async def test_action_rate_slows_the_client_through_tcp_and_loses_nothing(
    open_house: Open, both: Contexts
) -> None:
    async with (
        open_house(action_rate=20.0, action_burst=1, in_flight_per_session=1) as house,
        AsyncExitStack() as stack,
    ):
        house.listen()
        peer = await inside(stack, house, both)
        began = asyncio.get_running_loop().time()
        asked = b"".join(b"Action: Events\r\nEventMask: off\r\nActionID: %d\r\n\r\n" % n for n in range(10))
        await peer.send(asked)
        got = b""
        while b"ActionID: 9" not in got:
            got += await peer.record()
        assert asyncio.get_running_loop().time() - began >= 9 / 20 - 0.05
        assert [got.index(b"ActionID: %d\r\n" % n) for n in range(10)] == sorted(
            got.index(b"ActionID: %d\r\n" % n) for n in range(10)
        )
        assert b"Error" not in got
        # It is counted again whenever the client was within its rate, as on a machine that is busy.
        assert set(house.hub.stats.limits) == {"action_rate"}


async def test_outbox_soft_drops_events_only_of_users_that_choose_it(
    open_house: Open, both: Contexts
) -> None:
    async with open_house(outbox_soft=1 << 16) as house, AsyncExitStack() as stack:
        house.listen()
        slow = await inside(stack, house, both, "patient")
        neighbour = await inside(stack, house, both)
        (session,) = [s for s in house.hub.sessions if s.principal.user is PATIENT]
        sent = 0
        while house.hub.stats.missed.total < 3:
            house.hub.servers.first.from_upstream([event(sent)])
            house.hub.settle()
            sent += 1
            assert (await neighbour.record()).count(b"Event: Storm") == 1
        got = b""
        while b"ProxyEventsDropped" not in got:
            got += await slow.record()
        house.hub.servers.first.from_upstream([event(sent)])
        house.hub.settle()
        while b"Number: %d\r\n" % sent not in got:
            got += await slow.record()
        kept = got.count(b"Event: Storm")
        missed = house.hub.stats.missed.total
        assert kept == sent + 1 - missed
        assert (
            got.count(b"Event: ProxyEventsDropped\r\nPrivilege: system,all\r\nCount: %d\r\n\r\n" % missed)
            == 1
        )
        assert got.index(b"ProxyEventsDropped") < got.index(b"Number: %d\r\n" % sent)
        assert session in house.hub.sessions
        assert house.hub.stats.limits == {"outbox_soft": 1}


def event(number: int) -> bytes:
    return b"Event: Storm\r\nPrivilege: call,all\r\nNumber: %d\r\nPad: %s\r\n\r\n" % (number, b"x" * 8000)


async def test_idle_timeout_closes_with_close_notify(open_house: Open, both: Contexts) -> None:
    async with open_house(idle_timeout=60.0) as house, AsyncExitStack() as stack:
        house.listen()
        peer = await inside(stack, house, both)
        now = house.hub.scheduler.now()
        house.hub.tick(now)
        house.hub.tick(now + 61)
        assert await peer.rest() == b"", "close_notify"
        assert house.hub.stats.limits == {"idle_timeout": 1}
