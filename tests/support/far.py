"""A long way to a server: a relay on loopback that gives every connection a round trip time.

The server sees the connection as it would see a far client's: it is there one and a half
round trips after the client requested it (SYN, SYN-ACK, and the ACK with the first data), and
everything after that takes half a round trip in each direction.  Order and ends are kept.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

_CHUNK = 65536
Chunks = asyncio.Queue[tuple[float, bytes]]


@contextlib.asynccontextmanager
async def far(
    host: str, port: int, round_trip: float, source: Callable[[], str] = lambda: ""
) -> AsyncIterator[int]:
    """A port of 127.0.0.1 that is ``round_trip`` seconds away from the server.

    ``source`` is called for each connection: the address from which the server sees it come.
    """
    running: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        task.add_done_callback(running.discard)
        with contextlib.closing(writer), contextlib.suppress(asyncio.CancelledError):
            # The stream server would report a cancellation as an error.
            await _carry(reader, writer, host, port, round_trip, source())

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _carry(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    host: str,
    port: int,
    round_trip: float,
    source: str,
) -> None:
    loop = asyncio.get_running_loop()
    there_at = loop.time() + 1.5 * round_trip
    outward: Chunks = asyncio.Queue()
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(_take(reader, outward, round_trip / 2))
        await asyncio.sleep(there_at - loop.time())
        try:
            far_reader, far_writer = await asyncio.open_connection(
                host, port, local_addr=(source, 0) if source else None
            )
        except OSError:
            reading.cancel()
            return
        with contextlib.closing(far_writer):
            homeward: Chunks = asyncio.Queue()
            taking = tasks.create_task(_take(far_reader, homeward, round_trip / 2))
            giving = [
                tasks.create_task(_give(homeward, writer)),
                tasks.create_task(_give(outward, far_writer)),
            ]
            # An end travels as data does, and the other direction continues until it ends, too.
            await asyncio.wait(giving)
            for task in (reading, taking):
                task.cancel()


async def _take(reader: asyncio.StreamReader, chunks: Chunks, delay: float) -> None:
    """Read, and compute for each piece when it arrives; the empty one is the end."""
    now: Callable[[], float] = asyncio.get_running_loop().time
    data = b"begin"
    while data:
        try:
            data = await reader.read(_CHUNK)
        except OSError:
            data = b""
        chunks.put_nowait((now() + delay, data))


async def _give(chunks: Chunks, writer: asyncio.StreamWriter) -> None:
    """Write each piece at its time."""
    now: Callable[[], float] = asyncio.get_running_loop().time
    while True:
        at, data = await chunks.get()
        await asyncio.sleep(max(0.0, at - now()))
        if not data or writer.is_closing():
            break  # an end that has been reset takes no more data
        writer.write(data)
        with contextlib.suppress(OSError):
            await writer.drain()
    with contextlib.suppress(OSError):
        if not writer.is_closing() and writer.can_write_eof():
            writer.write_eof()
