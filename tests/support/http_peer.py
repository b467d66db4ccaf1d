"""An HTTP client of raw bytes, and a listener for it; it shares no code with the product's parser."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

from amiproxy.config import Address, ListenerSettings
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.core.ports import Peer
from amiproxy.net.doors.http import probes
from amiproxy.net.doors.http.connection import HttpConnection
from amiproxy.net.doors.http.exchange import Exchange, TakenStream
from amiproxy.net.doors.http.responses import plain
from amiproxy.net.doors.http.site import Route, Site
from amiproxy.net.doors.plainstream import PlainAcceptor
from tests.support.house import House
from tests.support.tls_door import Contexts
from tests.support.tls_peer import TlsPeer
from tests.support.waiting import DEADLINE, until

#: Names in the certificate of ``tests.support.tls_door``.
NAMES = ("dns:localhost", "ip:127.0.0.1", "ip:::1")


class PlainPeer:
    """As ``TlsPeer``, without TLS."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(DEADLINE):
            await self._loop.sock_sendall(self.socket, data)

    async def record(self) -> bytes:
        async with asyncio.timeout(DEADLINE):
            return await self._loop.sock_recv(self.socket, 65536)

    def shut(self) -> None:
        """Send no more."""
        self.socket.shutdown(socket.SHUT_WR)


class Reply(NamedTuple):
    status: int
    #: Names as written.
    headers: list[tuple[str, str]]
    body: bytes

    def get(self, name: str) -> str | None:
        """The value of this header; None if there is none.  There must not be two."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) <= 1, (name, found)
        return found[0] if found else None


class HttpPeer:
    """One connection to an HTTP listener."""

    def __init__(self, peer: Any) -> None:
        self.peer = peer
        self._buffer = b""

    @classmethod
    @asynccontextmanager
    async def to(
        cls, address: tuple[str, int], context: ssl.SSLContext, **more: Any
    ) -> AsyncIterator["HttpPeer"]:
        async with TlsPeer.to(address, context, **more) as peer:
            await peer.handshake()
            yield cls(peer)

    @classmethod
    @asynccontextmanager
    async def plain(cls, address: Any, receive_buffer: int = 0) -> AsyncIterator["HttpPeer"]:
        """Without TLS; ``address`` is host and port, or the path of a Unix socket."""
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        with socket.socket(family) as sock:
            sock.setblocking(False)
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            await asyncio.get_running_loop().sock_connect(sock, address)
            yield cls(PlainPeer(sock))

    async def send(self, data: bytes) -> None:
        await self.peer.send(data)

    async def ask(self, data: bytes, *, head: bool = False) -> Reply:
        """Send these bytes, and read one response; ``head``: it has no body."""
        await self.send(data)
        return await self.reply(head=head)

    async def get(self, path: str = "/", *lines: str, method: str = "GET") -> Reply:
        """Ask for a path, with these header lines besides Host."""
        text = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""])
        return await self.ask(text.encode("latin-1"), head=method == "HEAD")

    async def reply(self, *, head: bool = False) -> Reply:
        """The next response."""
        start = await self._until(b"\r\n\r\n")
        line, *lines = start.decode("latin-1").split("\r\n")
        version, status, _ = line.split(" ", 2)
        assert version == "HTTP/1.1"
        headers = [(name, value) for name, _, value in (text.partition(": ") for text in lines)]
        reply = Reply(int(status), headers, b"")
        length = 0 if head or reply.status in (100, 204) else int(reply.get("content-length") or "")
        return reply._replace(body=await self.exactly(length))

    async def exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            await self._more()
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    async def _until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            await self._more()
        found, _, self._buffer = self._buffer.partition(end)
        return found

    async def _more(self) -> None:
        data = await self.peer.record()
        assert data, f"the end after {self._buffer!r}"
        self._buffer += data

    async def is_closed(self) -> bool:
        """Whether the server ends the connection, and has sent nothing before that end."""
        assert not self._buffer
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            return await self.peer.record() == b""
        return True


class Taken:
    """A Taker that records what it gets."""

    id = "taken"

    def __init__(self) -> None:
        self.received = b""
        self.events: list[str] = []
        self.stream: TakenStream

    def receive(self, data: bytes) -> None:
        self.received += data

    def writable(self) -> bool:
        self.events.append("writable")
        return False

    def ended(self) -> None:
        self.events.append("ended")

    def lost(self, reason: str) -> None:
        self.events.append(f"lost: {reason}")
        self.stream.abort()

    def dismiss(self, reason: str) -> None:
        self.events.append(f"dismiss: {reason}")
        self.stream.close()

    def gone(self) -> None:
        self.events.append("gone")


class HttpHouse(House):
    """A house whose listeners serve a site: ``/echo`` shows the request, ``/later`` waits to be answered."""

    def __init__(self, both: Contexts, limits: Limits, *users: User, **settings: Any) -> None:
        super().__init__(both.server, limits, *users)
        self.client = both.client
        self.names: tuple[str, ...] = NAMES
        self.settings = listener(**settings)
        self.site = Site(self.settings, lambda: self.names)
        if self.settings.is_plain:
            self.acceptor = PlainAcceptor(self.pool)
            self.names = ()
        self.accept = partial(HttpConnection, self.site, self.acceptor)
        #: Exchanges of ``/later`` that are not answered yet.
        self.open: list[Exchange] = []
        #: Peers of the requests for ``/echo``.
        self.peers: list[Peer] = []
        probes.routes(self.site, lambda: True)
        self.site.add("/echo", Route(self._echo, ("GET", "HEAD", "POST")))
        self.site.add("/later", Route(self.open.append))

    def _echo(self, exchange: Exchange) -> None:
        request = exchange.request
        self.peers.append(request.peer)
        exchange.respond(plain(200, f"{request.method} {request.target!r} {request.body!r}"))

    async def asked(self, count: int = 1) -> Exchange:
        """The last of ``count`` requests for ``/later``, once they are there."""
        await until(lambda: len(self.open) >= count)
        return self.open[count - 1]

    @asynccontextmanager
    async def peer(self, **more: Any) -> AsyncIterator[HttpPeer]:
        """A connected client."""
        address = self.address if self.listeners else self.listen()
        plain = self.settings.is_plain
        to = HttpPeer.plain(address, **more) if plain else HttpPeer.to(address, self.client, **more)
        async with to as peer:
            yield peer

    async def empty(self) -> None:
        """Wait until no connection is left."""
        await until(lambda: self.pool.open == 0)


def listener(**settings: Any) -> ListenerSettings:
    """The settings of an HTTP listener."""
    settings.setdefault("doors", ("ajam", "api", "ws"))
    return ListenerSettings(address=Address("127.0.0.1", 0), door="http", **settings)


def loop_time() -> float:
    return asyncio.get_running_loop().time()
