"""One AMI session: it is opened, logs in, sends actions, and hands out what arrives."""

import asyncio
import contextlib
import hashlib
import re
import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Final, Self

from amiproxy.ami.framing import UpstreamFramer
from amiproxy.ami.message import Action, Message
from amiproxy.config.address import is_loopback
from amiproxy.tools.shell.answers.answer import Answer
from amiproxy.tools.shell.showing.printable import shown
from amiproxy.tools.tlsclient import (
    CONNECT_TIMEOUT,
    ConnectError,
    Destination,
    Streams,
    open_tls,
    reason_of,
    refusal,
    unreachable,
)

_BANNER: Final = re.compile(rb"Asterisk Call Manager/[0-9.]+\r?\n")
_CHUNK: Final = 65536
#: Longest message that is shown, and longest that is read to its end, in bytes.
_SHOWN, _READ = 16 << 20, 64 << 20
_PING: Final = Action([(b"Action", b"Ping")])
#: Seconds that the answer to a login may take: a proxy under attack makes logins wait.
_LOGIN: Final = 60.0


class LoginRefused(Exception):
    """The server refused the login; ``answer`` says how."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("login refused")
        self.answer = answer


class ConnectionLost(Exception):
    """The connection ended; the text says why, if that is known."""


@dataclass(frozen=True)
class Server:
    """Where to connect: over TLS, or over plain text if ``plain``, which only a loopback address may be."""

    destination: Destination
    plain: bool = False

    def __post_init__(self) -> None:
        if self.plain and not is_loopback(self.destination.host):
            text = f"{self.destination.host} is another machine: plain text would send everything readable"
            raise ConnectError(f"{text}; leave out --plain, or connect to 127.0.0.1")

    async def open(self) -> Streams:
        """Connect.  Raises ConnectError."""
        if not self.plain:
            return await open_tls(self.destination)
        there = self.destination
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                reader, writer = await asyncio.open_connection(there.host, there.port)
        except TimeoutError as error:
            raise ConnectError(f"{there} does not answer; check that Asterisk runs there") from error
        except OSError as error:
            raise ConnectError(unreachable(there, error, "Asterisk")) from error
        if not is_loopback(writer.get_extra_info("peername")[0]):
            writer.close()
            raise ConnectError(f"{there} is not on this machine; connect to 127.0.0.1")
        return reader, writer


async def visit(server: Server) -> None:
    """Connect, read the banner, and leave.  Raises ConnectError."""
    session = await Session.open(server, lambda _: None)
    await session.close()


class Session:
    """One connection.  ``on_event`` is called for events that answer no action, while ``receive`` runs."""

    def __init__(self, server: Server, streams: Streams, on_event: Callable[[Message], None]) -> None:
        self._server = server
        self._reader, self._writer = streams
        self._on_event = on_event
        # Only this shell knows the mark, so no value that a caller sends can pass for an answer to it.
        self._mark = f"shell-{secrets.token_hex(4)}-".encode()
        self._numbers = count(1)
        self._framer = UpstreamFramer(_SHOWN, _READ, self._mark)
        self._pending: dict[bytes, tuple[Answer, asyncio.Future[None]]] = {}
        self._reason = ""
        #: Number of messages so far that were too long to be read whole.
        self._too_long = 0
        self.banner = ""

    @classmethod
    async def open(cls, server: Server, on_event: Callable[[Message], None]) -> Self:
        """Connect and read the banner.  Raises ConnectError."""
        session = cls(server, await server.open(), on_event)
        try:
            session.banner = await session._read_banner()
        except BaseException:
            session.abort()
            raise
        return session

    async def _read_banner(self) -> str:
        there = self._server.destination
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                line = await self._reader.readline()
        except TimeoutError:
            text = f"{there} accepts the connection, but sends no banner"
            raise ConnectError(f"{text}; is it a port of ami-proxy or of Asterisk's manager?") from None
        except ssl.SSLError as error:
            raise ConnectError(refusal(there, error)) from error
        except OSError as error:
            raise ConnectError(f"{there} closed the connection ({reason_of(error)}); see its log") from error
        except ValueError:
            line = b"a very long line"
        if not line:
            text = f"{there} closed the connection without sending anything"
            raise ConnectError(f"{text}; see its log: a denied address, or too many connections?")
        if not _BANNER.fullmatch(line):
            text = f"{there} does not speak AMI: it began with {shown(line[:40].strip())!r}"
            hint = (
                "--plain is for Asterisk's own port" if self._server.plain else "name the port of ami-proxy"
            )
            raise ConnectError(f"{text}; {hint}")
        return shown(line.strip())

    @property
    def tls(self) -> str:
        """The version of TLS; "plain text" without it."""
        found = self._writer.get_extra_info("ssl_object")
        return found.version() if found is not None else "plain text"

    async def login(self, user: str, secret: bytes | None, *, events: bool) -> Answer:
        """Log in; over plain text by challenge, so that the secret is not sent.  ``receive`` must be running.

        Raises LoginRefused, ConnectionLost or TimeoutError.
        """
        headers = [(b"Action", b"Login"), (b"Username", user.encode())]
        mask = (b"Events", b"on" if events else b"off")
        async with asyncio.timeout(_LOGIN):
            if secret is not None and self._server.plain:
                asked = await self.ask(Action([(b"Action", b"Challenge"), (b"AuthType", b"MD5")]))
                if asked.failed or asked.response is None:
                    raise LoginRefused(asked)
                digest = hashlib.md5(asked.response.get(b"challenge") + secret, usedforsecurity=False)
                headers += [(b"AuthType", b"MD5"), (b"Key", digest.hexdigest().encode())]
            elif secret is not None:
                headers.append((b"Secret", secret))
            answer = await self.ask(Action([*headers, mask]))
        if answer.failed:
            raise LoginRefused(answer)
        return answer

    async def ask(self, action: Action) -> Answer:
        """Send an action and wait for its whole answer.

        An ActionID that the action has is used unless an answer to it is awaited.  If this is cancelled, the
        rest of the answer is dropped as it arrives.  Raises ConnectionLost; ProtocolError if it is too long.
        """
        given = action.action_id
        action_id = given if given and given not in self._pending else self._new_id()
        answer = Answer(action, action_id)
        raw, too_long = action.serialise(action_id), self._too_long
        sent = [self._send(answer, raw)]
        if answer.needs_fence:
            # The server answers in order: when the Ping is answered, all of this answer has arrived.
            fence = Answer(_PING, self._new_id())
            reached = self._send(fence, _PING.serialise(fence.action_id))
            reached.add_done_callback(lambda _: self._end(answer))
            sent.append(reached)
        try:
            await self._writer.drain()
            await asyncio.gather(*map(asyncio.shield, sent))
        except OSError as error:
            raise ConnectionLost(self._reason or reason_of(error)) from error
        answer.is_cut = self._too_long > too_long
        return answer

    async def receive(self) -> None:
        """Read until the connection ends.  Always ends with ConnectionLost."""
        try:
            while data := await self._reader.read(_CHUNK):
                for raw in self._framer.feed(data):
                    self._arrived(Message(raw))
                for _, head in self._framer.cut:
                    self._too_long += 1
                    self._arrived(Message(head))
            lost = ConnectionLost(self._reason or "the server closed the connection")
        except ssl.SSLError as error:
            lost = ConnectionLost(self._reason or refusal(self._server.destination, error))
        except OSError as error:
            lost = ConnectionLost(self._reason or reason_of(error))
        for _, waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(lost)
                # Mark the exception as retrieved: the waiting task may have been cancelled.
                waiting.exception()
        self._pending.clear()
        raise lost

    async def close(self) -> None:
        """Log off and close; harmless if the connection is gone."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                self._writer.write(Action([(b"Action", b"Logoff")]).serialise(self._new_id()))
                await self._writer.drain()
                self._writer.close()
                await self._writer.wait_closed()
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        self._writer.transport.abort()

    def _new_id(self) -> bytes:
        return self._mark + str(next(self._numbers)).encode()

    def _send(self, answer: Answer, raw: bytes) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending[answer.action_id] = answer, done
        self._writer.write(raw)
        return done

    def _arrived(self, message: Message) -> None:
        for answer, _ in list(self._pending.values()):
            if answer.take(message):
                if answer.is_done:
                    self._end(answer)
                return
        if message.get(b"event") == b"ProxySessionEnd":
            self._reason = f"the proxy ended the session: {shown(message.get(b'reason'))}"
        if message.raw.startswith(b"Event:"):
            self._on_event(message)

    def _end(self, answer: Answer) -> None:
        answer.end()
        _, done = self._pending.pop(answer.action_id, (None, None))
        if done is not None and not done.done():
            done.set_result(None)
