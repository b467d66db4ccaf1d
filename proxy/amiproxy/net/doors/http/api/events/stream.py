"""EventStream: the connection of one client of ``/events``, which is the Transport of a session."""

import asyncio
from typing import Final

from amiproxy.core.clients.session import Session
from amiproxy.core.model.encoding import Encoding
from amiproxy.core.model.state import OVER
from amiproxy.core.ports import AnswerWriter, Peer
from amiproxy.net.doors.http.api.events import rendering
from amiproxy.net.doors.http.api.events.opening import Opening, Wishes
from amiproxy.net.doors.http.exchange import Steering, TakenStream

#: Bytes that a client may send behind its request, to which nothing belongs.
_MOST_INPUT: Final = 16384
_LAST_CHUNK: Final = b"0\r\n\r\n"
#: Milliseconds after which a browser connects again.
_RETRY: Final = b"retry: 2000\n\n"


class EventStream(Steering):
    """The Transport of a session, and the ``Taker`` of its connection.

    The session is opened before the connection is taken over; until ``begin`` nothing leaves.
    """

    def __init__(
        self, peer: Peer, wishes: Wishes, *, is_chunked: bool, heartbeat: float = rendering.HEARTBEAT
    ) -> None:
        self.peer = peer
        self.encoding: Final[Encoding] = rendering.CHUNKED if is_chunked else rendering.PLAIN
        self._is_chunked = is_chunked
        self._heartbeat = heartbeat
        self._opening = Opening(wishes, self._framed, _LAST_CHUNK if is_chunked else b"")
        self._stream: TakenStream | None = None
        self._session: Session | None = None
        #: The bytes that the session had sent at the last comment, and those that its client has sent.
        self._sent = self._received = 0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, session: Session, stream: TakenStream) -> None:
        """Send what the client asks for, over this stream."""
        self._session, self._stream = session, stream
        stream.charge(session.principal.share)
        session.writable()
        session.deliver(self._framed(_RETRY))
        self._timer = asyncio.get_running_loop().call_later(self._heartbeat, self._beat)
        self._opening.begin(session)

    def _framed(self, data: bytes) -> bytes:
        return rendering.chunk(data) if data and self._is_chunked else data

    def _beat(self) -> None:
        session = self._session
        if session is None or session.state in OVER:
            return
        if session.outbox.sent == self._sent:
            session.deliver(self._framed(rendering.COMMENT))
        self._sent = session.outbox.sent
        self._timer = asyncio.get_running_loop().call_later(self._heartbeat, self._beat)

    # -- from the connection; see Taker -------------------------------------

    @property
    def id(self) -> str:
        """See DataReceiver."""
        return self._session.id if self._session is not None else ""

    def receive(self, data: bytes) -> None:
        """See DataReceiver.  A client has nothing to send any more."""
        self._received += len(data)
        if self._session is not None and self._received > _MOST_INPUT:
            self._session.close("malformed")

    def writable(self) -> bool:
        """See DataReceiver."""
        return self._session is not None and self._session.writable()

    def ended(self) -> None:
        """See DataReceiver."""
        if self._session is not None:
            self._session.close("client closed")

    def lost(self, reason: str) -> None:
        """See DataReceiver."""
        if self._session is not None:
            self._session.lost(reason)

    def dismiss(self, reason: str) -> None:
        """See Taker."""
        if self._session is not None:
            self._session.dismiss(reason)

    def gone(self) -> None:
        """See Taker."""
        session, self._session, self._stream = self._session, None, None
        self._opening.end()
        if self._timer is not None:
            self._timer.cancel()
        if session is not None:
            session.lost("client closed")
            session.outbox.discard()

    # -- from the session; see Transport ------------------------------------

    @property
    def writer(self) -> AnswerWriter | None:
        """See Transport."""
        return self._opening

    def write(self, data: bytes, /) -> int:
        """See Transport."""
        if self._stream is None:
            raise BlockingIOError
        return self._stream.write(data)

    def send(self, data: bytes | memoryview) -> int:
        """See Transport."""
        return self._stream.send(data) if self._stream is not None else 0
