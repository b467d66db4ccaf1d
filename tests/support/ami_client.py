"""An AMI client for tests: strict about framing, exact about bytes, with a parser of its own.

It shares nothing with the product, so that one mistake cannot hide another.
Text is UTF-8 with surrogate escapes in both directions: every byte survives.

    async with await AmiClient.connect(host, port, tls=context) as ami:
        await ami.login("wallboard", "secret")
        answer = await ami.action("Getvar", Variable="LAB")
        event = await ami.wait_event("Hangup", Channel="Local/1@lab-00000001;2")
"""

import asyncio
import hashlib
import ssl
from collections.abc import Callable
from itertools import count
from typing import Self, TypeVar

T = TypeVar("T")

#: Seconds that any one wait may take.
DEADLINE = 10.0
_FOLLOWS = b"Response: Follows\r\n"
_FOLLOWS_END = b"--END COMMAND--\r\n\r\n"


class Message:
    """One message as it came: ``raw`` with its closing blank line, ``headers`` in order and as spelled."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        lines = raw.decode("utf-8", "surrogateescape").removesuffix("\r\n\r\n").split("\r\n")
        self.headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]

    def __repr__(self) -> str:
        return f"<{self.raw!r}>"

    def get(self, name: str) -> str | None:
        """The first value of a header, in any case; None if it is missing."""
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        return [value for header, value in self.headers if header.lower() == name.lower()]

    def without(self, *names: str) -> list[tuple[str, str]]:
        """The headers except those that differ from run to run."""
        dropped = {name.lower() for name in names}
        return [(name, value) for name, value in self.headers if name.lower() not in dropped]

    @property
    def is_response(self) -> bool:
        """Whether the first line says so; an event may have a Response header later on."""
        return self.headers[0][0] == "Response"

    @property
    def event(self) -> str | None:
        """The event's name; None if this is a response."""
        return self.headers[0][1] if self.headers[0][0] == "Event" else None


class AmiClient(asyncio.Protocol):
    """One session.  ``log`` keeps every message in order, ``inbox`` those that no call has taken yet."""

    def __init__(self) -> None:
        self.banner = b""
        self.received = b""  # bytes of an incomplete message
        self.blank_lines = 0  # between messages: Asterisk writes one after QueueRule
        self.log: list[Message] = []
        self.inbox: list[Message] = []
        self._transport: asyncio.Transport | None = None
        self._changed = asyncio.Event()
        self._lost: str | None = None
        self._numbers = count(1)
        #: Part of events that it must not be sent; b"" for none.
        self.foreign = b""
        self._has_foreign = False
        #: What ``login`` adds to the user's name.
        self.name_suffix = ""

    @classmethod
    async def connect(
        cls,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
        source: str | None = None,
    ) -> Self:
        """Connect, from the address ``source`` if one is given, and read the banner."""
        loop = asyncio.get_running_loop()
        name = (server_hostname or host) if tls else None
        local = (source, 0) if source else None
        async with asyncio.timeout(DEADLINE):
            _, client = await loop.create_connection(
                cls, host, port, ssl=tls, server_hostname=name, local_addr=local
            )
        try:
            await client._until(lambda: client.banner, "the banner", DEADLINE)
        except BaseException:
            await client.close()
            raise
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.received += data
        if not self.banner and b"\r\n" in self.received:
            line, _, self.received = self.received.partition(b"\r\n")
            self.banner = line + b"\r\n"
        self._skip_blank_lines()
        while self.banner and (end := self._message_end()):
            message = Message(self.received[:end])
            self._has_foreign = self._has_foreign or bool(self.foreign and self.foreign in message.raw)
            self.received = self.received[end:]
            self.log.append(message)
            self.inbox.append(message)
            self._skip_blank_lines()
        self._changed.set()

    def _skip_blank_lines(self) -> None:
        while self.banner and self.received.startswith(b"\r\n"):
            self.received = self.received[2:]
            self.blank_lines += 1

    def _message_end(self) -> int:
        closing = _FOLLOWS_END if self.received.startswith(_FOLLOWS) else b"\r\n\r\n"
        found = self.received.find(closing)
        return found + len(closing) if found >= 0 else 0

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = f"{type(error).__name__}: {error}" if error else "end of stream"
        self._changed.set()

    async def _until(self, condition: Callable[[], T], what: str, within: float) -> T:
        try:
            async with asyncio.timeout(within):
                while not (found := condition()):
                    if self._lost is not None:
                        raise ConnectionError(f"{self._lost} before {what}; untaken: {self.inbox}")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"no sign of {what} in {within} s; untaken: {self.inbox}") from None
        return found

    async def take(
        self, wanted: Callable[[Message], object], what: str = "the message", within: float = DEADLINE
    ) -> Message:
        """The first message, received or to come, that is ``wanted``; it leaves the inbox."""
        message = await self._until(
            lambda: next((message for message in self.inbox if wanted(message)), None), what, within
        )
        assert message is not None
        self.inbox.remove(message)
        return message

    async def wait_event(
        self,
        name: str,
        where: Callable[[Message], object] = lambda _: True,
        *,
        within: float = DEADLINE,
        **headers: str,
    ) -> Message:
        """The first event of that name with these headers for which ``where`` is true."""
        return await self.take(
            lambda message: (
                message.event == name
                and all(message.get(header) == value for header, value in headers.items())
                and where(message)
            ),
            f"event {name} {headers or ''}",
            within,
        )

    def send_raw(self, data: bytes) -> None:
        """Write exactly these bytes."""
        assert self._transport is not None
        self._transport.write(data)

    def send(self, action: str, *headers: tuple[str, str], **more: str | None) -> str | None:
        """Write an action and return its ActionID: generated, unless one is given or None is asked for."""
        more.setdefault("ActionID", f"test-{next(self._numbers)}")
        pairs = [*headers, *((name, value) for name, value in more.items() if value is not None)]
        lines = [f"Action: {action}", *(f"{name}: {value}" for name, value in pairs), "\r\n"]
        self.send_raw("\r\n".join(lines).encode("utf-8", "surrogateescape"))
        return more["ActionID"]

    async def response(self, action_id: str | None, within: float = DEADLINE) -> Message:
        """The response with this ActionID; with None the one that has no ActionID."""
        return await self.take(
            lambda message: message.is_response and message.get("ActionID") == action_id,
            f"the response to ActionID {action_id}",
            within,
        )

    async def action(
        self, action: str, *headers: tuple[str, str], within: float = DEADLINE, **more: str | None
    ) -> Message:
        """Send an action and wait for its response."""
        return await self.response(self.send(action, *headers, **more), within)

    async def event_list(
        self, action: str, *headers: tuple[str, str], within: float = DEADLINE, **more: str | None
    ) -> tuple[Message, list[Message], Message]:
        """Send an action that answers with an event list: its response, the items, the closing event."""
        action_id = self.send(action, *headers, **more)
        response = await self.response(action_id, within)
        assert (response.get("EventList") or "").lower() == "start", response
        items: list[Message] = []
        while True:
            item = await self.take(
                lambda message: message.event and message.get("ActionID") == action_id,
                f"the end of the list {action}",
                within,
            )
            if item.get("EventList") in {"Complete", "Cancelled"}:
                return response, items, item
            items.append(item)

    async def login(self, user: str, secret: str, **more: str | None) -> Message:
        """Plain login; the response, whatever its result."""
        return await self.response(
            self.send("Login", Username=user + self.name_suffix, Secret=secret, **more)
        )

    async def login_md5(self, user: str, secret: str) -> Message:
        """Login by challenge; the response, whatever its result."""
        challenge = (await self.action("Challenge", AuthType="MD5")).get("Challenge") or ""
        key = hashlib.md5((challenge + secret).encode(), usedforsecurity=False).hexdigest()
        return await self.action("Login", AuthType="MD5", Username=user + self.name_suffix, Key=key)

    @property
    def is_open(self) -> bool:
        """Whether the other side has not ended the connection so far."""
        return self._lost is None

    async def ended(self, within: float = DEADLINE) -> str:
        """Wait until the other side ended the connection; how it ended."""
        return await self._until(lambda: self._lost, "the end of the connection", within) or ""

    async def close(self) -> None:
        """End the connection from this side; harmless if it has ended."""
        if self._transport is not None:
            self._transport.close()
            await self.ended()
        assert not self._has_foreign, "an event of another server"
