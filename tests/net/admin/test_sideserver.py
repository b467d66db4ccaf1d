"""Common to all admin endpoints: no client that does not read, or was displaced, is waited for."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from amiproxy.core.admission.sidedoor import SideDoor, Want
from amiproxy.net.admin.sideserver import SideServer, Visit
from tests.support.waiting import DEADLINE, until


@asynccontextmanager
async def serving(
    serve: Callable[[Visit], Awaitable[None]], places: int = 1, **options: float
) -> AsyncIterator[tuple[SideServer, int]]:
    server = SideServer("test-lost", serve, SideDoor(places, places), longest=100, full=b"full\n", **options)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        await server.start(sock)
        try:
            yield server, sock.getsockname()[1]
        finally:
            await server.close()


async def received(sock: socket.socket) -> bytes:
    sock.setblocking(False)
    data = b""
    async with asyncio.timeout(DEADLINE):
        while more := await asyncio.get_running_loop().sock_recv(sock, 1 << 16):
            data += more
    sock.close()
    return data


async def echo(visit: Visit) -> None:
    line = await visit.reader.readline()
    if visit.asks(Want.ORDINARY):
        visit.writer.write(line)


async def test_a_displaced_connection_is_told_and_the_new_one_is_served() -> None:
    async with serving(echo) as (server, port):
        idle = socket.create_connection(("127.0.0.1", port))
        await until(lambda: server.visits == 1)
        newcomer = socket.create_connection(("127.0.0.1", port))
        newcomer.sendall(b"hello\n")
        assert await received(idle) == b"full\n"
        assert await received(newcomer) == b"hello\n"
        await until(lambda: not server.visits)


async def test_a_new_connection_is_refused_with_a_text_when_all_are_busy() -> None:
    go_on = asyncio.Event()

    async def wait(visit: Visit) -> None:
        visit.asks(Want.ORDINARY)
        await go_on.wait()
        visit.writer.write(b"done\n")

    async with serving(wait) as (server, port):
        first = socket.create_connection(("127.0.0.1", port))
        await until(lambda: server.visits == 1)
        assert await received(socket.create_connection(("127.0.0.1", port))) == b"full\n"
        go_on.set()
        assert await received(first) == b"done\n"


async def test_a_client_that_does_not_take_its_answer_is_dropped() -> None:
    async def flood(visit: Visit) -> None:
        visit.writer.write(bytes(16 << 20))

    async with serving(flood, 2, patience=0.05) as (server, port):
        deaf = socket.create_connection(("127.0.0.1", port))
        await until(lambda: server.visits == 1)
        await until(lambda: not server.visits)
        assert not server._tasks
        deaf.close()


async def test_a_client_that_takes_its_answer_slowly_is_displaced_at_once() -> None:
    async def flood(visit: Visit) -> None:
        visit.asks(Want.URGENT)
        visit.is_answered()
        visit.writer.write(bytes(16 << 20))
        await visit.writer.drain()

    async with serving(flood, patience=DEADLINE) as (server, port):
        deaf = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        await until(lambda: len(server._tasks) == 1)
        assert server.visits == 1
        for one in deaf:
            one.close()
