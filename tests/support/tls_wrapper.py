"""A wrapper for a client that speaks no TLS: a plain loopback port that leads to a TLS one."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def tls_wrapped(
    host: str, port: int, context: ssl.SSLContext, accepts: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Yield the plain port on 127.0.0.1; every connection to it becomes one TLS connection to ``host``.

    With ``accepts`` the port is not plain: clients speak TLS to it.
    """

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        with suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        task.add_done_callback(serving.discard)
        try:
            there_reader, there_writer = await asyncio.open_connection(host, port, ssl=context)
            try:
                async with asyncio.TaskGroup() as pumps:
                    pumps.create_task(carry(reader, there_writer))
                    pumps.create_task(carry(there_reader, writer))
            finally:
                there_writer.transport.abort()
        finally:
            writer.transport.abort()

    serving: set[asyncio.Task[None]] = set()
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=accepts)
    async with server:
        yield server.sockets[0].getsockname()[1]
        if serving:  # a client that has ended leaves its connections to be closed
            _, open_still = await asyncio.wait(serving, timeout=5)
            for task in open_still:
                task.cancel()
            await asyncio.gather(*open_still, return_exceptions=True)
