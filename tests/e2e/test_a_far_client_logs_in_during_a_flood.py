"""A far client's login takes many times as long as attackers need to fill all places.

The far clients come through a relay that adds a round trip time.  Nothing is retried: each of
their logins succeeds at the first try, though meanwhile more attackers connect than there are places.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from itertools import count

import pytest

from amiproxy.core.model import phc
from amiproxy.tools.simulator import Simulator
from tests.support.ami_client import AmiClient
from tests.support.far import far
from tests.support.service import Service
from tests.support.waiting import until

PLACES = 16
LIMITS = {"exempt": [], "unauthenticated": PLACES, "unauthenticated_per_address": 16, "login_timeout": 60.0}
#: Seconds of a round trip; the login itself takes four of them.
TRIPS = (0.03, 0.1, 0.2)
#: Logins with wrong secrets in flight at once: seconds of work.
GUESSES = 60
#: Connections a second: during one login of the farthest client, five times as many as there are places.
RATE = 100
SECRET = "the good one"


@contextlib.asynccontextmanager
async def silent_clients(port: int, what: bytes) -> AsyncIterator[None]:
    """Twenty addresses in four networks that connect, send this, and nothing more."""
    held: list[socket.socket] = []
    loop = asyncio.get_running_loop()

    async def keep_connecting() -> None:
        for number in count():
            sock = socket.socket()
            held.append(sock)
            sock.setblocking(False)
            sock.bind((f"127.{number % 4 + 1}.0.{number % 20 + 1}", 0))
            await loop.sock_connect(sock, ("127.0.0.1", port))
            with contextlib.suppress(OSError):
                sock.send(what)
            if len(held) > 10 * RATE:
                held.pop(0).close()
            await asyncio.sleep(1 / RATE)

    task = loop.create_task(keep_connecting())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        for sock in held:
            sock.close()


@contextlib.asynccontextmanager
async def guessers(service: Service) -> AsyncIterator[None]:
    """Thirty addresses in three networks, each of which keeps having a wrong secret compared."""

    async def guess(source: str) -> None:
        for number in count():
            with contextlib.suppress(OSError):
                async with await service.connect(source) as attacker:
                    attacker.send("Login", Username="far", Secret=f"guess {number}")
                    await attacker.ended()

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(guess(f"127.{n % 3 + 1}.{n}.1")) for n in range(30)]
        yield
        for task in running:
            task.cancel()


@contextlib.asynccontextmanager
async def first_guesses(service: Service, answered: set[int]) -> AsyncIterator[None]:
    """Wrong secrets that wait to be compared, each the first of its network: for one user and unknown names.

    The number of answers for each is added.  Entered once all were sent.
    """
    sent: set[int] = set()

    async def guess(number: int) -> None:
        attacker = await service.connect(f"127.{number + 1}.0.1")
        try:
            attacker.send(
                "Login", Username=f"nobody {number}" if number % 2 else "boss", Secret=f"guess {number}"
            )
            sent.add(number)
            await attacker.ended(within=60)
            answered.add(number)
        finally:
            assert attacker._transport is not None
            attacker._transport.abort()  # the proxy has not compared its secret yet

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(guess(number)) for number in range(GUESSES)]
        await until(lambda: len(sent) == GUESSES, within=30)
        yield
        for task in running:
            task.cancel()


async def log_in_from_far(service: Service, trip: float, network: int) -> None:
    async with far("127.0.0.1", service.port, trip, lambda: f"127.{network}.0.1") as port:
        client = await AmiClient.connect("127.0.0.1", port, tls=service.context, server_hostname=service.host)
        async with client:
            answer = await client.login("far", SECRET)
            assert answer.get("Message") == "Authentication accepted", answer
            # Connections that end with an error in the relay are not waited for in any order.
            assert client._transport is not None
            client._transport.abort()


def displaced(service: Service) -> int:
    """Connections closed because all places were taken.  Their log lines are rationed: a lower bound."""
    return service.stderr.count("displaced before login")


def write_users(service: Service, *others: str, dearer: int = 1) -> None:
    # As costly as an ordinary hash, or more: the queue for it is under attack.
    stored = phc.hash_secret(SECRET.encode(), passes=dearer * phc.PASSES)
    service.write_users(
        {name: {"secret": stored, "read": [], "write": ["system"]} for name in ("far", *others)}
    )


@pytest.mark.parametrize(
    "what",
    [
        b"",
        b"\x16\x03\x01",
    ],
    ids=["silent", "in a handshake"],
)
async def test_silent_clients_shut_no_far_client_out(
    simulator: Simulator, make_service: Callable[..., Service], what: bytes
) -> None:
    service = make_service(simulator.port, limits=LIMITS)
    write_users(service)
    await service.start_up()
    await service.linked()
    async with silent_clients(service.port, what):
        await until(lambda: displaced(service), within=30)
        async with asyncio.TaskGroup() as tasks:
            for number in range(9):
                tasks.create_task(log_in_from_far(service, TRIPS[number % 3], 200 + number))


async def test_wrong_secrets_shut_no_far_client_out(
    simulator: Simulator, make_service: Callable[..., Service]
) -> None:
    limits = {**LIMITS, "hash_cache_timeout": 0, "login_failure_burst": 100_000}
    service = make_service(simulator.port, limits=limits)
    write_users(service)
    await service.start_up()
    await service.linked()
    async with guessers(service):
        await until(lambda: service.stderr.count("login-failed") > 5, within=30)
        async with asyncio.TaskGroup() as tasks:
            for number in range(3):
                tasks.create_task(log_in_from_far(service, TRIPS[number], 200 + number))


async def test_first_guesses_from_sixty_networks_do_not_go_before_a_far_client(
    simulator: Simulator, make_service: Callable[..., Service]
) -> None:
    limits = {**LIMITS, "unauthenticated": GUESSES, "hash_cache_timeout": 0, "hash_threads": 1}
    service = make_service(simulator.port, limits=limits)
    write_users(service, "boss", dearer=4)
    await service.start_up()
    await service.linked()
    answered: set[int] = set()
    async with first_guesses(service, answered):
        before = len(answered)
        await log_in_from_far(service, TRIPS[-1], 200)
        assert len(answered) - before < (GUESSES - before) / 2, "it waited for the others"
