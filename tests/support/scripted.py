"""A server in Asterisk's place that sends exactly the bytes that a test says."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

_ACTION_ID = re.compile(rb"ActionID: (\S+)\r\n")
BANNER = b"Asterisk Call Manager/11.0.0\r\n"


class Caller:
    """One connection, seen from the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.heard = b""

    def say(self, data: bytes) -> None:
        self._writer.write(data)

    async def action(self) -> bytes:
        """The next action, whole."""
        raw = await self._reader.readuntil(b"\r\n\r\n")
        self.heard += raw
        return raw

    async def answer(self, *lines: bytes, behind: bytes = b"") -> bytes:
        """Take an action and answer it with these lines, its ActionID after the first; the action."""
        raw = await self.action()
        found = _ACTION_ID.search(raw)
        assert found is not None
        self.say(b"\r\n".join((lines[0], b"ActionID: " + found[1], *lines[1:], b"", b"")) + behind)
        return raw

    async def log_in(self, behind: bytes = b"") -> None:
        """Asterisk's part up to a login by challenge; ``behind`` comes in the same packet."""
        self.say(BANNER)
        await self.answer(b"Response: Success", b"Challenge: 123")
        await self.answer(b"Response: Success", b"Message: Authentication accepted", behind=behind)

    async def gone(self) -> None:
        """Wait until the other side ends the connection."""
        with suppress(ConnectionError):
            while data := await self._reader.read(65536):
                self.heard += data


class Scripted:
    """The server: its port and all its connections."""

    def __init__(self) -> None:
        self.port = 0
        self.callers: list[Caller] = []
        self.failed: list[BaseException] = []


@asynccontextmanager
async def scripted(play: Callable[[Caller], Awaitable[None]], port: int = 0) -> AsyncIterator[Scripted]:
    """Serve on 127.0.0.1: ``play`` is run for each connection, and the connection ends with it."""
    server = Scripted()
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        caller = Caller(reader, writer)
        server.callers.append(caller)
        try:
            await play(caller)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return  # one of the two sides has ended in the middle
        except AssertionError as error:
            server.failed.append(error)
        finally:
            running.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", port)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    assert not server.failed, server.failed
