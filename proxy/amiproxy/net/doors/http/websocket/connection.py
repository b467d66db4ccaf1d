"""WebSocketConnection: one WebSocket: the Transport of a session, and what its HTTP connection belongs to.

The protocol is that of ``websockets``, which does no I/O.  What it wants to send (pongs, the end of the
closing handshake) goes through the outbox of the session as everything else does: so it neither overtakes
events nor is sent in the middle of one.
"""

import logging
from collections.abc import Callable
from typing import Final, Protocol

from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from amiproxy.core.clients.session import Session
from amiproxy.core.limits.bucket import Bucket
from amiproxy.core.model.encoding import Encoding
from amiproxy.core.model.share import Share
from amiproxy.core.model.state import OVER, State
from amiproxy.core.ports import AnswerWriter, Peer
from amiproxy.net.doors.http.exchange import Exchange, TakenStream
from amiproxy.net.doors.http.websocket.codes import NOT_UTF_8, TOO_BIG, TOO_MANY, code_of
from amiproxy.net.doors.http.websocket.frames import HEARTBEAT
from amiproxy.net.doors.http.websocket.speech import Speech, Unspeakable

#: Every second tick is a ping; after this many that were not answered, the client is taken for dead.
_UNANSWERED: Final = 2
#: Most frames that a message may come in.
_FRAGMENTS: Final = 256
#: Pings and pongs that a client may send a second, and at once.
_CONTROLS_PER_SECOND: Final = 2.0
_CONTROLS: Final = 64.0
#: Bytes of messages that a client may send before its login.
_BYTES_OF_STRANGERS: Final = 8192
#: websockets logs connections and what it takes for faults of its own; ours are logged by the session.
_SILENT: Final = logging.getLogger("amiproxy.websocket")
_SILENT.disabled = True
_PONG_MISSING: Final = "pings not answered"


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Do not make it."""


class Clock(Protocol):
    """The event loop, as far as it is needed here."""

    def time(self) -> float:
        """Monotonic seconds."""

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Timer:
        """Call this, so many seconds later."""


class WebSocketConnection:
    """See Transport, Taker and DataReceiver.  ``start`` takes the connection over and opens the session."""

    __slots__ = (
        "_clock",
        "_controls",
        "_exchange",
        "_fragments",
        "_is_opening",
        "_is_text",
        "_last",
        "_parts",
        "_protocol",
        "_session",
        "_speech",
        "_stream",
        "_ticks",
        "_timer",
        "_unanswered",
        "_weight",
        "encoding",
        "id",
        "peer",
        "send",
        "write",
    )

    def __init__(self, exchange: Exchange, speech: Speech, clock: Clock, most: int) -> None:
        """``most``: bytes of the largest message that the client may send."""
        self._exchange = exchange
        self._speech = speech
        #: Whether the session is being opened: then it may be refused.
        self._is_opening = True
        self._clock = clock
        self._protocol = ServerProtocol(state=OPEN, max_size=most, logger=_SILENT)
        speech.farewell = self._farewell
        speech.logged_in = self._prove
        #: See Transport.
        self.peer: Peer = exchange.request.peer
        self.encoding: Encoding = speech.encoding
        #: See DataReceiver.
        self.id = "-"
        self._session: Session | None = None
        self._stream: TakenStream
        #: See Transport: the stream's own.
        self.send: Callable[[bytes | memoryview], int]
        self.write: Callable[[bytes], int]
        #: The frames of a message that is not complete, and whether it is text.
        self._parts: list[bytes] = []
        self._is_text = False
        self._fragments = 0
        #: The close frame that is to be sent last, if it is known.
        self._last = b""
        self._controls = Bucket()
        #: Bytes of messages before the login.
        self._weight = 0
        self._unanswered = self._ticks = 0
        self._timer: Timer | None = None

    @property
    def writer(self) -> AnswerWriter:
        """See Transport."""
        return self._speech

    def start(self, head: bytes, open_: Callable[["WebSocketConnection"], Session | str]) -> None:
        """Send the response to the handshake, and open the session with this transport.

        ``open_`` returns the reason if it is refused; then it has closed the transport.
        """
        self._stream = self._exchange.take_over(head, self)
        self.send, self.write = self._stream.send, self._stream.write
        session = open_(self)
        self._is_opening = False
        if isinstance(session, str):
            # The session was closed because its login had failed; the client is told why instead.
            self.send(self._farewell(session))
            self._stream.close()
            return
        self._session = session
        self.id = session.id
        self._speech.attach(session)
        self._prove()
        self._timer = self._clock.call_later(HEARTBEAT, self._tick)
        self._speech.begin()

    def _prove(self) -> None:
        """The client may have logged in: then it gives up the place of a newcomer."""
        if self._session is not None and self._session.principal.user is not None:
            self._weight = -1
            self._exchange.authenticated()

    # -- from the stream: see DataReceiver and Taker -------------------------

    def receive(self, data: bytes) -> None:
        """See DataReceiver."""
        session, protocol = self._session, self._protocol
        if session is None or session.state in OVER:
            return
        protocol.receive_data(data)
        writes = [each for each in protocol.data_to_send() if each]
        is_open = protocol.state is OPEN
        if not is_open:
            self._last = writes.pop() if writes else b""
        pongs = iter(writes)
        try:
            for frame in protocol.events_received():
                assert isinstance(frame, Frame)  # the handshake is over
                self._take(frame)
                # In the order of the frames: neither before the answer to what came first, nor behind others.
                if frame.opcode is Opcode.PING:
                    session.send(next(pongs))
        except Unspeakable as error:
            self._fail(session, error.code, str(error))
            return
        if not is_open:
            session.close("client closed" if protocol.parser_exc is None else "malformed")

    def _take(self, frame: Frame) -> None:
        opcode = frame.opcode
        if opcode in (Opcode.PING, Opcode.PONG):
            if opcode is Opcode.PONG:
                self._unanswered = 0
            now = self._clock.time()
            if self._controls.wait(now, _CONTROLS_PER_SECOND, _CONTROLS) > 0:
                raise Unspeakable(TOO_MANY, "too many pings or pongs")
            self._controls.take(now, _CONTROLS_PER_SECOND)
            return
        if opcode is Opcode.CLOSE:
            return
        if opcode is not Opcode.CONT:
            self._is_text = opcode is Opcode.TEXT
            self._fragments = 0
        self._fragments += 1
        if self._fragments > _FRAGMENTS:
            raise Unspeakable(TOO_BIG, "too many fragments")
        self._parts.append(bytes(frame.data))
        if frame.fin:
            payload = b"".join(self._parts)
            self._parts.clear()
            self._message(payload)

    def _message(self, payload: bytes) -> None:
        session = self._session
        assert session is not None
        if self._weight >= 0:
            self._weight += max(len(payload), 40)
            if self._weight > _BYTES_OF_STRANGERS:
                session.limit_reached("login_bytes")
                session.close("too much before login")
        if self._is_text and not _is_utf_8(payload):
            raise Unspeakable(NOT_UTF_8, "text is UTF-8")
        if session.state not in OVER:
            self._speech.take(payload, is_text=self._is_text)
        if self._weight >= 0 and session.state is State.JUDGED:
            self._exchange.judged()

    def _fail(self, session: Session, code: int, text: str) -> None:
        """Close because of what the client has sent."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(code, text[:120])
            self._last = b"".join(self._protocol.data_to_send())
        session.close("too many control frames" if code == TOO_MANY else "malformed")

    def _farewell(self, reason: str) -> bytes:
        """See AnswerWriter."""
        if self._is_opening:
            return b""
        if not self._last and self._protocol.state is OPEN:
            self._protocol.send_close(code_of(reason), reason[:120])
            self._last = b"".join(self._protocol.data_to_send())
        last, self._last = self._last, b""
        return last

    def writable(self) -> bool:
        """See DataReceiver."""
        return self._session is not None and self._session.writable()

    def ended(self) -> None:
        """See DataReceiver."""
        if self._session is not None:
            self._session.ended()

    def lost(self, reason: str) -> None:
        """See DataReceiver.  A client that has not logged in in time reads why."""
        if self._session is not None:
            if reason == "login timeout":
                self._session.close(reason)
            else:
                self._session.lost(reason)
        else:
            self.abort()

    def dismiss(self, reason: str) -> None:
        """See Taker."""
        if self._session is not None:
            self._session.dismiss(reason)

    def gone(self) -> None:
        """See Taker."""
        self._stop()
        self._speech.detach()
        session, self._session = self._session, None
        if session is not None:
            # The outbox writes to OpenSSL itself, and the descriptor's number is soon reused.
            session.outbox.discard()

    # -- time --------------------------------------------------------------

    def _tick(self) -> None:
        self._timer = None
        session = self._session
        if session is None or session.state in OVER:
            return
        self._ticks += 1
        if self._ticks % 2 == 0:
            if self._unanswered >= _UNANSWERED:
                session.lost(_PONG_MISSING)
                return
            # A ping behind other bytes would only say that the client is slow, and the outbox knows that.
            if not session.outbox.size:
                self._unanswered += 1
                self._protocol.send_ping(b"")
                session.send(b"".join(self._protocol.data_to_send()))
        self._speech.tick()
        self._timer = self._clock.call_later(HEARTBEAT, self._tick)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- from the session; see Transport -------------------------------------

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
        self._stop()
        if not self._is_opening:
            self._stream.close()

    def abort(self) -> None:
        """See Transport."""
        self._stop()
        self._stream.abort()


def _is_utf_8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
