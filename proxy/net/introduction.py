"""Introduction: a connection of a trusted proxy that has not said yet for whom it is.

The header stands before TLS and must be taken from the socket without a byte
of what follows, for OpenSSL reads from the same socket.  So it is looked at
first (MSG_PEEK), and only what surely belongs to it is taken.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final

from proxy.core.ports import Peer
from proxy.net.client import RESET
from proxy.net.proxyheader import LONGEST, Local, Parsed, Unread, parse
from proxy.net.turns import Watcher

#: Why a connection without a proper header is not a client.
NO_HEADER: Final = "proxy header"


class Introduction:
    """One accepted connection up to the end of its PROXY header.

    ``introduced`` is called with the socket, of which just the header was read,
    and the client's Peer; or ``failed`` if it does not come to that.  ``gone``
    is called once, before the one and after the other.
    """

    #: As those of Client: it has not logged in.
    is_authenticated: Final = False

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        watcher: Watcher,
        sock: socket.socket,
        peer: Peer,
        introduced: Callable[[socket.socket, Peer], None],
        failed: Callable[["Introduction", str], None],
        gone: Callable[["Introduction"], None],
    ) -> None:
        self._watcher = watcher
        self._socket: socket.socket | None = sock
        self._introduced = introduced
        self._failed = failed
        self._gone = gone
        self._read = b""
        #: The proxy's own end.
        self.peer = peer
        self.accepted = loop.time()

    def start(self) -> None:
        """Begin to read."""
        assert self._socket is not None
        self._watcher.add_reader(self._socket.fileno(), self._readable)
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
            self._introduced(sock, self.peer if isinstance(found, Local) else Peer(*found[:4]))

    def _look(self, sock: socket.socket) -> Parsed:
        try:
            seen = sock.recv(LONGEST - len(self._read), socket.MSG_PEEK)
            found = parse(self._read + seen) if seen else Unread.MALFORMED
            if found is Unread.INCOMPLETE:
                # Taken, or the loop would find the socket readable again at once.
                self._read += sock.recv(len(seen))
            elif found is not Unread.MALFORMED:
                sock.recv(found.size - len(self._read))
        except (BlockingIOError, InterruptedError):
            return Unread.INCOMPLETE
        except OSError:
            return Unread.MALFORMED
        return found

    def displace(self, reason: str) -> None:
        """End it at once."""
        if self._socket is not None:
            self._failed(self, reason)
            self.abort()

    def abort(self) -> None:
        """End it at once, uncounted."""
        sock = self._release()
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            sock.close()
            self._gone(self)

    def _release(self) -> socket.socket | None:
        sock, self._socket = self._socket, None
        if sock is not None:
            self._watcher.remove_reader(sock.fileno())
        return sock
