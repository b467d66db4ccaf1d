"""Plain connections for a reverse proxy on this machine: a ``TlsStream`` whose socket has no TLS.

``PlainSocket`` has the methods of ``ssl.SSLSocket`` that ``TlsStream`` uses, and raises the same exceptions.
So all that the stream does holds for plain connections, too: fair turns, limits, the end in good order.
"""

import asyncio
import socket
import ssl
from typing import cast

from amiproxy.net.doors.pool import ConnectionPool
from amiproxy.net.doors.tlsconnection import TlsAcceptor, TlsConnection
from amiproxy.net.doors.tlsstream import TlsStream


class PlainSocket(socket.socket):
    """A connected socket, not blocking, in place of an ``ssl.SSLSocket``; it takes over the descriptor."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())

    def do_handshake(self) -> None:
        """There is none."""

    def version(self) -> str | None:
        """There is none."""
        return None

    def cipher(self) -> tuple[str, str, int] | None:
        """There is none."""
        return None

    def getpeercert(self, binary_form: bool = False) -> bytes | None:
        """Clients present none."""
        return None

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; b"" at the end.  Raises SSLWantReadError if there are none yet."""
        try:
            return self.recv(size)
        except (BlockingIOError, InterruptedError) as error:
            raise ssl.SSLWantReadError from error

    def write(self, data: bytes | memoryview) -> int:
        """Send some of the data; returns how much.  Raises SSLWantWriteError if nothing can be sent now."""
        try:
            return self.send(data)
        except (BlockingIOError, InterruptedError) as error:
            raise ssl.SSLWantWriteError from error

    def pending(self) -> int:
        """Nothing is kept besides what the kernel has."""
        return 0

    def unwrap(self) -> None:
        """There is nothing to say before the end."""


class PlainAcceptor(TlsAcceptor):
    """Makes the streams of one listener without TLS."""

    def __init__(self, pool: ConnectionPool) -> None:
        super().__init__(pool, _no_context)

    def stream(self, sock: socket.socket, owner: TlsConnection) -> TlsStream:
        """See TlsAcceptor."""
        sock.getpeername()  # raises for a reset connection
        plain = cast("ssl.SSLSocket", PlainSocket(sock))
        return TlsStream(asyncio.get_running_loop(), plain, owner.peer, owner, self.pool.poller)


def _no_context() -> ssl.SSLContext:
    raise AssertionError
