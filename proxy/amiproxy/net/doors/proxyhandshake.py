"""ProxyProtocolHandshake: a connection from a trusted proxy, up to the end of its PROXY header.

The header precedes TLS and must be read from the socket without a byte of what
follows, because OpenSSL reads from the same socket.  So the data is peeked at
first (MSG_PEEK), and only what certainly belongs to the header is consumed.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from amiproxy.core.ports import Peer
from amiproxy.net.doors.connection import Connection
from amiproxy.net.doors.proxyheader import LONGEST, Local, Parsed, Unread, parse
from amiproxy.net.loop.fairpoller import FairPoller
from amiproxy.net.sockets import reset

#: Failure reason of a connection without a valid header.
NO_HEADER: Final = "proxy header"


class ProxyProtocolHandshake(Connection):
    """One accepted connection up to the end of its PROXY header.

    ``introduced`` is called with the socket, from which exactly the header was read, and
    the client's Peer; or ``failed`` if there is no valid header.  ``gone`` is called once,
    before ``introduced`` or after ``failed``.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        poller: FairPoller,
        sock: socket.socket,
        peer: Peer,
        introduced: Callable[[socket.socket, Peer], None],
        failed: Callable[["ProxyProtocolHandshake", str], None],
        gone: Callable[["ProxyProtocolHandshake"], None],
    ) -> None:
        self._poller = poller
        self._socket: socket.socket | None = sock
        self._introduced = introduced
        self._failed = failed
        self._gone = gone
        self._read = b""
        #: The trusted proxy's address, not the client's.
        self.peer = peer
        self.accepted = loop.time()

    @property
    def is_authenticated(self) -> bool:
        """See Connection."""
        return False

    @property
    def has_certificate(self) -> bool:
        """See Connection."""
        return False

    def judge_certificate(self) -> None:
        """See Connection; there is none before the handshake."""

    def start(self) -> None:
        """See Connection: starts to read the header."""
        assert self._socket is not None
        self._poller.add_reader(self._socket.fileno(), self._readable)
        self._readable()

    def _readable(self) -> None:
        sock = self._socket
        assert sock is not None
        found = self._look(sock)
        if found is Unread.MALFORMED:
            self.displace(NO_HEADER)
        elif found is not Unread.INCOMPLETE:
            self._release()
            self._gone(self)
            self._introduced(sock, self.peer if isinstance(found, Local) else Peer.at(*found[:4]))

    def _look(self, sock: socket.socket) -> Parsed:
        try:
            seen = sock.recv(LONGEST - len(self._read), socket.MSG_PEEK)
            found = parse(self._read + seen) if seen else Unread.MALFORMED
            if found is Unread.INCOMPLETE:
                # Consume it, or the loop would find the socket readable again at once.
                self._read += sock.recv(len(seen))
            elif found is not Unread.MALFORMED:
                sock.recv(found.size - len(self._read))
        except (BlockingIOError, InterruptedError):
            return Unread.INCOMPLETE
        except OSError:
            return Unread.MALFORMED
        return found

    def displace(self, reason: str) -> None:
        """See Connection: also reports the failure."""
        if self._socket is not None:
            self._failed(self, reason)
            self.abort()

    def abort(self) -> None:
        """See Connection; no failure is counted."""
        sock = self._release()
        if sock is not None:
            reset(sock)
            self._gone(self)

    def _release(self) -> socket.socket | None:
        sock, self._socket = self._socket, None
        if sock is not None:
            self._poller.remove_reader(sock.fileno())
        return sock
