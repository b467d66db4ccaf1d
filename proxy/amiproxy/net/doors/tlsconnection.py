"""TlsConnection: what all doors that speak TLS have in common, between the pool and a ``TlsStream``.

A door on TLS derives from it: it implements what happens to the data (``established``) and how a client is
ended in its protocol (``displaced``, ``certificate_refused``).
"""

import asyncio
import socket
import ssl
from abc import abstractmethod
from collections.abc import Callable

from amiproxy.core.ports import Peer
from amiproxy.net.doors.connection import Connection
from amiproxy.net.doors.pool import ConnectionPool
from amiproxy.net.doors.streamowner import DataReceiver
from amiproxy.net.doors.tlsstream import TlsStream
from amiproxy.net.tls.clientcertificate import Objection


class TlsAcceptor:
    """Makes the TlsStreams of one listener.

    ``context`` is called for each, so a certificate reload needs no change here; ``objection``
    checks client certificates.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        context: Callable[[], ssl.SSLContext],
        objection: Objection = lambda _: None,
    ) -> None:
        self.pool = pool
        self._context = context
        self._objection = objection

    def stream(self, sock: socket.socket, owner: "TlsConnection") -> TlsStream:
        """The stream of an accepted socket, in the running loop.  Raises OSError if it was reset already."""
        sock.getpeername()  # raises for a reset connection, which wrap_socket would leave open
        tls = self._context().wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self.pool.disable_auto_retry(tls)
        return TlsStream(
            asyncio.get_running_loop(),
            tls,
            owner.peer,
            owner,
            self.pool.poller,
            objection=self._objection,
        )


class TlsConnection(Connection):
    """A Connection on a ``TlsStream``, of which it is the owner.  Raises OSError as ``ConnectionFactory``."""

    __slots__ = ("__weakref__", "_pool", "_stream", "accepted", "peer")

    def __init__(self, acceptor: TlsAcceptor, sock: socket.socket, peer: Peer) -> None:
        #: Until the handshake is complete, without its results.
        self.peer = peer
        self._pool = acceptor.pool
        self._stream = acceptor.stream(sock, self)
        self.accepted = asyncio.get_running_loop().time()

    # -- implemented by each door ------------------------------------------

    @abstractmethod
    def established(self) -> DataReceiver:
        """The handshake is complete and ``peer`` has its results; returns what takes the client's data."""

    @abstractmethod
    def displaced(self, reason: str) -> None:
        """End the connection at once, to make room or because the client took too long to log in."""

    @abstractmethod
    def certificate_refused(self, reason: str) -> None:
        """End the connection, because its client's certificate is no longer acceptable."""

    # -- from the stream ---------------------------------------------------

    def begun(self) -> None:
        """See StreamOwner."""
        self._pool.greets(self)

    def secured(self, peer: Peer) -> DataReceiver:
        """See StreamOwner."""
        self.peer = peer
        self._pool.established(self)
        return self.established()

    def failed(self, reason: str) -> None:
        """See StreamOwner."""
        self._pool.failed(self, reason)

    def gone(self) -> None:
        """See StreamOwner."""
        self._pool.left(self)

    # -- from the pool -----------------------------------------------------

    def start(self) -> None:
        """See Connection: starts the handshake as soon as the client has sent something."""
        self._stream.start()

    @property
    def has_certificate(self) -> bool:
        """See Connection."""
        return self._stream.has_certificate

    def judge_certificate(self) -> None:
        """See Connection."""
        objection = self._stream.objection_now()
        if objection is not None:
            self.certificate_refused(objection)

    def displace(self, reason: str) -> None:
        """See Connection."""
        if self._stream.is_lingering:
            self._stream.abort()
        elif self._stream.is_established:
            self.displaced(reason)
        else:
            self._stream.fail(reason)

    def abort(self) -> None:
        """See Connection."""
        self._stream.abort()
