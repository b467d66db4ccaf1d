"""The AMI door: a TLS connection whose data a ``Session`` takes."""

import socket
from collections.abc import Callable
from typing import Final

from amiproxy.core.clients.session import Session
from amiproxy.core.model.encoding import AMI
from amiproxy.core.model.share import Share
from amiproxy.core.ports import Peer, Transport
from amiproxy.net.doors.tlsconnection import TlsAcceptor, TlsConnection


class AmiConnection(TlsConnection):
    """The Transport of one session.  ``attach`` opens the session once the handshake is complete.

    ``partial(AmiConnection, attach, acceptor)`` is a ``ConnectionFactory``.
    """

    #: See Transport.
    encoding: Final = AMI
    #: See Transport.
    writer: Final = None

    __slots__ = ("_attach", "_session", "send", "write")

    def __init__(
        self,
        attach: Callable[[Transport], Session],
        acceptor: TlsAcceptor,
        sock: socket.socket,
        peer: Peer,
    ) -> None:
        super().__init__(acceptor, sock, peer)
        self._attach = attach
        self._session: Session | None = None
        # See Transport.  The session calls the stream and OpenSSL themselves: one call less for each write.
        self.send = self._stream.send
        self.write = self._stream.write

    @property
    def is_authenticated(self) -> bool:
        """See Connection."""
        return self._session is not None and self._session.principal.user is not None

    # -- from the stream ---------------------------------------------------

    def established(self) -> Session:
        """See TlsConnection."""
        self._session = self._attach(self)
        return self._session

    def displaced(self, reason: str) -> None:
        """See TlsConnection."""
        assert self._session is not None
        self._session.close(reason, abort=True)

    def certificate_refused(self, reason: str) -> None:
        """See TlsConnection."""
        assert self._session is not None
        self._session.dismiss(reason)

    def gone(self) -> None:
        """See StreamOwner."""
        # Session and connection reference each other.  Break the cycle, so that OpenSSL's memory is freed now
        # and not by a later garbage collection, which does not see how large it is.
        session, self._session = self._session, None
        if session is not None:
            # The outbox writes to OpenSSL itself, and the descriptor's number is soon reused.
            session.outbox.discard()
        super().gone()

    # -- from the session --------------------------------------------------

    def pause(self) -> None:
        """See Transport."""
        self._stream.pause()

    def resume(self) -> None:
        """See Transport."""
        self._stream.resume()

    def charge(self, share: Share) -> None:
        """See Transport."""
        self._stream.charge(share)

    def close(self) -> None:
        """See Transport."""
        self._stream.close()
