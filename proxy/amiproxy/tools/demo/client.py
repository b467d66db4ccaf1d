"""A small AMI client over TLS, such as a dashboard might use."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Self

_END = b"\r\n\r\n"
#: Maximum bytes of one message: more than any event has.
_LONGEST = 1 << 20
_DEADLINE = 15.0


@dataclass(frozen=True, slots=True)
class Received:
    """One message: its headers in order."""

    headers: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Parse a message, with or without its blank line; bytes that are not UTF-8 are replaced."""
        lines = raw.decode(errors="replace").strip("\r\n").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return cls(tuple((name, value.removeprefix(" ")) for name, _, value in pairs))

    def get(self, name: str) -> str:
        """The first value of a header, whose name may be in any case; "" if the header is missing."""
        return next((value for header, value in self.headers if header.lower() == name.lower()), "")

    @property
    def event(self) -> str:
        """The event's name; "" for a response.  The first line decides."""
        name, value = self.headers[0]
        return value if name == "Event" else ""

    @property
    def classes(self) -> frozenset[str]:
        """The privilege classes an event needs: those of the line after its name, without ``all``."""
        if len(self.headers) < 2 or self.headers[1][0] != "Privilege":
            return frozenset()
        return frozenset(self.headers[1][1].split(",")) - {"all"}


class Client:
    """One session.  ``on_event`` is called for every event, as long as ``receive`` runs."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_event: Callable[[Received], None]
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._on_event = on_event
        self._numbers = count(1)
        self._pending: dict[str, Callable[[Received], None]] = {}
        self.banner = ""

    @classmethod
    async def connect(cls, host: str, port: int, cafile: Path, on_event: Callable[[Received], None]) -> Self:
        """Connect, verify the certificate against ``cafile`` (PEM), read the banner.

        Raises OSError if that fails, which includes ssl.SSLError and TimeoutError.
        """
        context = ssl.create_default_context(cafile=str(cafile))
        async with asyncio.timeout(_DEADLINE):
            reader, writer = await asyncio.open_connection(host, port, ssl=context, limit=_LONGEST)
            client = cls(reader, writer, on_event)
            client.banner = (await reader.readline()).decode(errors="replace").strip()
        return client

    async def receive(self) -> None:
        """Receive messages until cancelled.  Raises ConnectionError when the proxy ends the session."""
        try:
            while True:
                message = Received.parse(await self._reader.readuntil(_END))
                if message.event:
                    self._on_event(message)
                elif answered := self._pending.pop(message.get("ActionID"), None):
                    answered(message)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError) as error:
            raise ConnectionError("the proxy ended the session") from error

    async def action(
        self, name: str, *headers: tuple[str, str], on_answer: Callable[[Received], None] | None = None
    ) -> Received:
        """Send an action and return its response.  ``receive`` must be running.

        ``on_answer`` is called with the response before ``on_event`` is called with the events after it.
        Raises TimeoutError if no response comes, ConnectionError if the connection is lost.
        """
        action_id = f"demo-{next(self._numbers)}"
        answer: asyncio.Future[Received] = asyncio.get_running_loop().create_future()

        def answered(response: Received) -> None:
            if on_answer is not None:
                on_answer(response)
            if not answer.done():
                answer.set_result(response)

        self._pending[action_id] = answered
        lines = [("Action", name), ("ActionID", action_id), *headers]
        text = "".join(f"{header}: {value}\r\n" for header, value in lines)
        self._writer.write(f"{text}\r\n".encode())
        try:
            async with asyncio.timeout(_DEADLINE):
                await self._writer.drain()
                return await answer
        except TimeoutError:
            raise TimeoutError(f"no response to {name}") from None
        finally:
            self._pending.pop(action_id, None)

    async def close(self) -> None:
        """Log off and close the connection; harmless if the proxy has already closed it."""
        with contextlib.suppress(OSError):
            self._writer.write(b"Action: Logoff\r\n\r\n")
            await self._writer.drain()
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
