"""Exchange: one request and its answer, as a handler has it."""

from collections.abc import Callable
from typing import Protocol

from amiproxy.core.model.share import Share
from amiproxy.core.ports import Peer
from amiproxy.net.doors.http.requests import Request
from amiproxy.net.doors.http.responses import Response
from amiproxy.net.doors.streamowner import DataReceiver


class Taker(DataReceiver, Protocol):
    """What a connection belongs to after ``take_over``.  Its ``lost`` is also called to displace it."""

    def dismiss(self, reason: str) -> None:
        """End in the order of its protocol: the client's certificate is no longer acceptable.

        ``reason`` is one of a few fixed texts.
        """

    def gone(self) -> None:
        """The socket is closed; called once, last.  The stream must not be used any more."""


class Steered(Protocol):
    """What ``core.ports.Transport`` does to a connection besides writing."""

    def pause(self) -> None:
        """See Transport."""

    def resume(self) -> None:
        """See Transport."""

    def charge(self, share: Share) -> None:
        """See Transport."""

    def close(self) -> None:
        """See Transport."""

    def abort(self) -> None:
        """See Transport."""


class Steering:
    """Passes these calls on to ``_stream``, if there is one."""

    __slots__ = ()
    _stream: Steered | None

    def pause(self) -> None:
        """See Transport."""
        if self._stream is not None:
            self._stream.pause()

    def resume(self) -> None:
        """See Transport."""
        if self._stream is not None:
            self._stream.resume()

    def charge(self, share: Share) -> None:
        """See Transport."""
        if self._stream is not None:
            self._stream.charge(share)

    def close(self) -> None:
        """See Transport."""
        if self._stream is not None:
            self._stream.close()

    def abort(self) -> None:
        """See Transport."""
        if self._stream is not None:
            self._stream.abort()


class TakenStream(Steered, Protocol):
    """The connection of a ``Taker``: what ``core.ports.Transport`` needs of a connection."""

    @property
    def peer(self) -> Peer:
        """The client, as in the request."""

    @property
    def write(self) -> Callable[[bytes], int]:
        """See Transport."""

    @property
    def send(self) -> Callable[[bytes | memoryview], int]:
        """See Transport."""


class Exchange(Protocol):
    """One request and its answer.  ``respond`` or ``take_over`` is called once, now or later."""

    @property
    def request(self) -> Request:
        """What the client asks."""

    @property
    def closes(self) -> bool:
        """Whether the connection ends with this answer, as far as is known now.

        The header ``Connection: close`` is added behind all others if the response does not have it.
        """

    def respond(self, response: Response) -> None:
        """Send the answer; ignored if the client has left."""

    def on_gone(self, call: Callable[[], None]) -> None:
        """Call this if the client leaves before its answer, so that what was begun for it can be ended.

        It is called at once if the client has left already.
        """

    def authenticated(self) -> None:
        """The client has proved who it is, so its connection leaves the pool of newcomers for good."""

    def judged(self) -> None:
        """The client's secret is being compared: meanwhile its connection does not make room for others."""

    def charge(self, share: Share) -> None:
        """Charge the connection's reads and writes to this share from now on."""

    def take_over(self, head: bytes, taker: Taker) -> TakenStream:
        """Send ``head``, and give the connection to ``taker`` for good.

        What the client has sent behind the request is given to it from the loop, not within this call.
        """


Handler = Callable[[Exchange], None]
