"""Connection: one accepted connection, whatever is spoken on it.

A new kind of door is a class derived from this one (from ``TlsConnection`` if it speaks TLS), and a
``ConnectionFactory`` that a ``Listener`` calls.
"""

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable

from amiproxy.core.ports import Peer


class Connection(ABC):
    """What ``ConnectionPool`` and ``Listener`` use of a connection; hashed and compared by identity.

    It calls ``established`` or ``failed`` of its pool once, and ``left`` once, last.
    """

    __slots__ = ()

    #: Where it comes from.
    peer: Peer
    #: Loop time of its accept, or of the end of its PROXY header.
    accepted: float

    @property
    @abstractmethod
    def is_authenticated(self) -> bool:
        """Whether its client has logged in."""

    @property
    def is_idle(self) -> bool:
        """Whether its client may stay silent in its protocol, as before a request of HTTP, or it has ended.

        Then it is ordinary that its time runs out, and no sign of a fault or an attack.
        """
        return False

    @property
    @abstractmethod
    def has_certificate(self) -> bool:
        """Whether its client presented a certificate."""

    @abstractmethod
    def start(self) -> None:
        """Begin to read; called once the pool knows the connection."""

    @abstractmethod
    def judge_certificate(self) -> None:
        """Check the client's certificate again, and end the connection if it is no longer acceptable."""

    def drain(self) -> None:  # noqa: B027 - for doors whose connections are not sessions of the hub
        """The service is ending: end as soon as what was asked is answered."""

    @abstractmethod
    def displace(self, reason: str) -> None:
        """End a connection that has not logged in, or is already closing, at once; nothing after its end."""

    @abstractmethod
    def abort(self) -> None:
        """Reset the connection; nothing after its end."""


#: Makes the connection of an accepted socket, which is non-blocking.  Raises OSError if it was reset already;
#: the caller then closes the socket.
ConnectionFactory = Callable[[socket.socket, Peer], Connection]
