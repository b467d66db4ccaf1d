"""A client of the HTTP doors in one event loop: many of them wait for events at the same time."""

import asyncio
import re
import ssl
from collections.abc import Mapping
from typing import NamedTuple, Self

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_COOKIE = re.compile(rb'mansession_id="(\w+)"')


class Reply(NamedTuple):
    """An answer; ``head`` is its status line and headers as they came."""

    status: int
    head: bytes
    body: bytes

    @property
    def cookie(self) -> str:
        """The value of AJAM's cookie; empty without one."""
        found = _COOKIE.search(self.head)
        return found[1].decode() if found else ""


class HttpStream:
    """One kept connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, port: int, context: ssl.SSLContext, source: str = "127.0.0.1") -> Self:
        """Connect from ``source``."""
        return cls(
            *await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname="localhost", local_addr=(source, 0)
            )
        )

    async def ask(
        self, method: str, target: str, body: str = "", headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request and its answer, whose length must be known."""
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._writer.write("\r\n".join((*lines, "", body)).encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        found = _LENGTH.search(head)
        assert found, head
        return Reply(int(head.split(b" ", 2)[1]), head, await self._reader.readexactly(int(found[1])))

    def close(self) -> None:
        """End it."""
        self._writer.close()

    def abort(self) -> None:
        """End it without a word."""
        self._writer.transport.abort()
