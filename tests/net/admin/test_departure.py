"""Tell a client that is gone for good from one that only stops sending."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from amiproxy.net.admin import departure
from amiproxy.net.admin.departure import Departures, is_orphaned
from tests.support.waiting import DEADLINE

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=["127.0.0.1", "::1"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A client, and the socket that was accepted for it."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.create_server((request.param, 0), family=family) as server:
        client = socket.create_connection(server.getsockname()[:2])
        accepted, _ = server.accept()
        with client, accepted:
            yield client, accepted


def ends(accepted: socket.socket) -> departure.Ends:
    return accepted.getpeername()[:2], accepted.getsockname()[:2]


def test_a_socket_that_a_process_holds_is_not_orphaned(pair: Pair) -> None:
    client, accepted = pair
    assert is_orphaned(*ends(accepted)) is False
    client.shutdown(socket.SHUT_WR)
    assert accepted.recv(1) == b""
    assert is_orphaned(*ends(accepted)) is False


def test_a_closed_socket_is_orphaned(pair: Pair) -> None:
    client, accepted = pair
    both = ends(accepted)
    client.close()
    assert accepted.recv(1) == b""
    assert is_orphaned(*both) is True
    accepted.close()
    assert is_orphaned(both[1], (both[0][0], 1)) is True, "a socket that does not exist is orphaned too"


def test_without_kernel_support_the_answer_is_unknown(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departure, "_SOCK_DIAG_BY_FAMILY", 1999)
    assert is_orphaned(*ends(pair[1])) is None
    monkeypatch.setattr(departure, "_NETLINK_SOCK_DIAG", 999)
    assert is_orphaned(*ends(pair[1])) is None


async def test_a_reset_is_noticed_though_nothing_is_read(pair: Pair) -> None:
    client, accepted = pair
    departures = Departures()
    watched = departures.watch(accepted.fileno(), ends(accepted))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    async with asyncio.timeout(DEADLINE):
        assert await watched.wait()
    departures.forget(accepted.fileno())
    departures.forget(accepted.fileno())


async def test_a_client_that_stops_sending_is_not_gone_until_it_closes(pair: Pair) -> None:
    client, accepted = pair
    departures = Departures()
    watched = departures.watch(accepted.fileno(), ends(accepted))
    waiting = asyncio.get_running_loop().create_task(watched.wait())
    client.shutdown(socket.SHUT_WR)
    async with asyncio.timeout(DEADLINE):
        await watched.said_last.wait()
    assert not waiting.done()
    client.close()
    async with asyncio.timeout(DEADLINE):
        assert not await waiting
    departures.forget(accepted.fileno())
