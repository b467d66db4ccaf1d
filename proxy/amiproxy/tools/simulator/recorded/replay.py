"""A server that replays a recorded session to each client.

Each action of the client is compared with the next recorded one.  If they agree, the
client gets the recorded answer, with its own ActionIDs in it.  If not, it gets an error
that names the expected action, and the mismatch is added to ``mismatches``.
"""

import asyncio
from collections.abc import Callable
from typing import Self, cast

from amiproxy.ami import message
from amiproxy.tools.simulator.reading import Request, RequestReader
from amiproxy.tools.simulator.recorded.transcript import ActionIDs, Transcript

#: Headers that may differ: the credentials, and the ActionID, which is translated.
_FREE = frozenset({b"actionid", b"username", b"secret", b"key"})


class Replay:
    """Start it, connect to ``port``, stop it.  Sessions share no state.

    ``disagreed`` is called with each mismatch as it happens.
    """

    def __init__(self, transcript: Transcript, disagreed: Callable[[str], None] = lambda _: None) -> None:
        self.transcript = transcript
        self.disagreed = disagreed
        self.mismatches: list[str] = []
        self.sessions: set[asyncio.Transport] = set()
        self.port = 0
        self._server: asyncio.Server | None = None
        self._empty = asyncio.Event()
        self._empty.set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; ``port`` is set afterwards.  Raises OSError if the port is in use."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _ReplayedSession(self), host, port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for transport in list(self.sessions):
            transport.abort()
        await self._empty.wait()

    def arrived(self, transport: asyncio.Transport) -> None:
        """A connection was accepted."""
        self.sessions.add(transport)
        self._empty.clear()

    def left(self, transport: asyncio.Transport) -> None:
        """A connection ended."""
        self.sessions.discard(transport)
        if not self.sessions:
            self._empty.set()


class _ReplayedSession(asyncio.Protocol):
    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._transcript = replay.transcript
        self._reader = RequestReader()
        self._ids = ActionIDs()
        self._position = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's: nothing to check with isinstance.
        self._transport = cast("asyncio.Transport", transport)
        self._replay.arrived(self._transport)
        self._transport.write(self._transcript.greeting)

    def data_received(self, data: bytes) -> None:
        for request in self._reader.feed(data):
            self._answer(request)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._replay.left(self._transport)

    def _answer(self, request: Request) -> None:
        assert self._transport is not None
        if self._transport.is_closing():
            return
        if self._position == len(self._transcript.exchanges):
            self._disagree(request, "the transcript is over")
            return
        exchange = self._transcript.exchanges[self._position]
        if _comparable(request) != _comparable(exchange.request):
            expected = exchange.request.action.decode("utf-8", "replace")
            self._disagree(request, f"the transcript has another action here: {expected}")
            return
        self._position += 1
        self._ids.pair(exchange.request.action_id, request.action_id)
        self._transport.write(self._ids.translate(exchange.answer))
        if self._position == len(self._transcript.exchanges) and self._transcript.is_closed_by_asterisk:
            self._transport.close()

    def _disagree(self, request: Request, text: str) -> None:
        assert self._transport is not None
        told = f"{request.action.decode('utf-8', 'replace')}: {text}"
        self._replay.mismatches.append(told)
        self._replay.disagreed(told)
        self._transport.write(message.error(request.action_id, text.encode("utf-8", "surrogateescape")))


def _comparable(request: Request) -> list[bytes]:
    return [line for line in request.lines if line.partition(b":")[0].lower() not in _FREE]
