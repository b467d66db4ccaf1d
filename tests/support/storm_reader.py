"""A client that reads a storm of numbered events, cheaply: hundreds of them fit in one process."""

import asyncio
import re
import ssl
from typing import Self

from tests.support.ami_client import DEADLINE

_NUMBER = re.compile(rb"Variable: STORM\r\nValue: (\d{10}) ")
#: The longest text that can be the beginning of a match.
_TAIL = 64


class StormReader(asyncio.Protocol):
    """Counts; numbers out of sequence are kept in ``wrong``."""

    def __init__(self) -> None:
        self.last = -1
        """The number of the newest event; -1 before the first."""
        self.wrong: list[tuple[int, int]] = []
        self.ended = False
        self.greeting = b""
        self._logged_in = asyncio.Event()
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def connect(
        cls, port: int, context: ssl.SSLContext, user: str, secret: str, source: str = "127.0.0.1"
    ) -> Self:
        """Log in, from ``source``; events come from now on, and the first seen is where counting begins."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(DEADLINE):
            transport, reader = await loop.create_connection(
                cls, "127.0.0.1", port, ssl=context, server_hostname="localhost", local_addr=(source, 0)
            )
            transport.write(f"Action: Login\r\nUsername: {user}\r\nSecret: {secret}\r\n\r\n".encode())
            await reader._logged_in.wait()
        assert not reader.ended, reader.greeting
        return reader

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if not self._logged_in.is_set():
            self.greeting += data
            if b"Message: Authentication accepted" in self.greeting:
                self._logged_in.set()
            return
        data = self._rest + data
        end = 0
        for found in _NUMBER.finditer(data):
            number, end = int(found[1]), found.end()
            if number != self.last + 1 and self.last >= 0:
                self.wrong.append((self.last, number))
            self.last = number
        self._rest = data[max(end, len(data) - _TAIL) :]
        if end:
            self.events_came()

    def events_came(self) -> None:
        """Called for each read that contained events."""

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = True
        self._logged_in.set()

    def close(self) -> None:
        assert self._transport is not None
        self._transport.abort()
