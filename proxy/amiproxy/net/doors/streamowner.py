"""What a TlsStream calls: the owner of the connection, and the receiver of its data."""

from typing import Protocol

from amiproxy.core.ports import Peer


class DataReceiver(Protocol):
    """Takes what a client sends once the handshake is complete; ``core.clients.session.Session`` is one."""

    @property
    def id(self) -> str:
        """Names the session in the log."""

    def receive(self, data: bytes) -> None:
        """Take data that the client has sent."""

    def writable(self) -> bool:
        """The socket accepts data again after ``send`` was refused; True if this is to be called again."""

    def ended(self) -> None:
        """The client will send no more.  It may still be sent data, until ``close``."""

    def lost(self, reason: str) -> None:
        """The connection is broken; the stream is to be aborted now or later."""


class StreamOwner(Protocol):
    """The connection that a TlsStream belongs to; see ``TlsConnection``."""

    @property
    def is_authenticated(self) -> bool:
        """Whether the client has logged in: then it may send more records without data."""

    def begun(self) -> None:
        """Part of the handshake has arrived, and more is needed; called each time."""

    def secured(self, peer: Peer) -> DataReceiver:
        """The handshake is complete, called once; returns what takes the client's data from now on.

        ``peer`` is the client's Peer with the results of the handshake.
        """

    def failed(self, reason: str) -> None:
        """The handshake failed; called once instead of ``secured``."""

    def gone(self) -> None:
        """The socket is closed; called once, last."""
