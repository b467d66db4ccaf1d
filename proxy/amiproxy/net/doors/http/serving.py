"""The two sides of an ``HttpConnection`` that handlers see: HttpExchange and Taken."""

from collections.abc import Callable
from typing import Protocol

from amiproxy.core.model.share import Share
from amiproxy.core.ports import Peer
from amiproxy.net.doors.http.exchange import Steered, Steering, TakenStream, Taker
from amiproxy.net.doors.http.requests import Request
from amiproxy.net.doors.http.responses import Response


class _Connection(Protocol):
    def answer(self, exchange: "HttpExchange", response: Response) -> None: ...
    def prove(self) -> None: ...
    def judge(self) -> None: ...
    def charge(self, share: Share) -> None: ...
    def give(self, exchange: "HttpExchange", head: bytes, taker: Taker) -> TakenStream: ...


class _Stream(Steered, Protocol):
    @property
    def write(self) -> Callable[[bytes], int]: ...
    def send(self, data: bytes | memoryview) -> int: ...


class HttpExchange:
    """See ``Exchange``."""

    __slots__ = ("_connection", "_gone", "_is_gone", "closes", "request")

    def __init__(self, request: Request, connection: _Connection, *, closes: bool) -> None:
        self.request = request
        #: See Exchange.
        self.closes = closes
        self._connection = connection
        self._gone: list[Callable[[], None]] = []
        self._is_gone = False

    def respond(self, response: Response) -> None:
        """See Exchange."""
        self._gone.clear()
        self._connection.answer(self, response)

    def on_gone(self, call: Callable[[], None]) -> None:
        """See Exchange."""
        if self._is_gone:
            call()
        else:
            self._gone.append(call)

    def client_left(self) -> None:
        """Tell those who want to know that there is nobody to answer to any more."""
        self._is_gone = True
        calls, self._gone = self._gone, []
        for call in calls:
            call()

    def authenticated(self) -> None:
        """See Exchange."""
        self._connection.prove()

    def judged(self) -> None:
        """See Exchange."""
        self._connection.judge()

    def charge(self, share: Share) -> None:
        """See Exchange."""
        self._connection.charge(share)

    def take_over(self, head: bytes, taker: Taker) -> TakenStream:
        """See Exchange."""
        self._gone.clear()
        return self._connection.give(self, head, taker)


class Taken(Steering):
    """See ``TakenStream``.  ``write`` and ``send`` are the stream's own, with no call in between."""

    __slots__ = ("_stream", "peer", "send", "write")

    def __init__(self, peer: Peer, stream: _Stream | None) -> None:
        """``stream`` is None if the connection is broken: then everything is accepted and goes nowhere."""
        self.peer = peer
        self._stream = stream
        self.send: Callable[[bytes | memoryview], int] = len if stream is None else stream.send
        self.write: Callable[[bytes], int] = len if stream is None else stream.write
