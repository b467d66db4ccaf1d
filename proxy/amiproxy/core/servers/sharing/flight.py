"""Flight: one action at Asterisk whose answer several clients share.

The exchange sees one requester, whose ActionID is ``MARK``.  What it replies is collected into pieces, each
split once at the line of that ActionID; each client's copy of a piece is made by joining the parts with its
own line, when its client takes it.  So what waits for slow clients is in memory once for all of them.
"""

# mypyc: compiled

import secrets
from collections import deque
from collections.abc import Callable, Iterable
from typing import ClassVar, Final, Protocol

from amiproxy.core.limitstate import Backlog
from amiproxy.core.ports import OnBehalf
from amiproxy.core.servers.answers.base import PendingAnswer
from amiproxy.core.servers.answers.failures import OUTCOME_UNKNOWN, TIMED_OUT
from amiproxy.core.servers.requester import Asker

#: Stands for each client's own ActionID.  It is sent to nobody, so no caller can write it into a message.
MARK: Final = secrets.token_hex(16).encode()
LINE: Final = b"ActionID: " + MARK + b"\r\n"
#: Bytes of a piece: a few TLS records, which take about 0.1 ms to send.
_PIECE: Final = 64 << 10


class Piece:
    """Some messages of a shared answer: the parts between the lines of its ActionID."""

    __slots__ = ("left", "parts", "size")

    def __init__(self, data: bytes, seats: int) -> None:
        self.parts = data.split(LINE)
        self.size = len(data)
        #: The number of clients that have not been given it.
        self.left = seats


class Seat:
    """One client's place in a flight.  See ``Undelivered``."""

    __slots__ = ("_flight", "asker", "given", "line", "next", "ready", "rest")

    def __init__(self, flight: "Flight", asker: Asker, action_id: bytes) -> None:
        self._flight = flight
        self.asker = asker
        #: The line of its ActionID; b"" if it has none.
        self.line = b"ActionID: %b\r\n" % action_id if action_id else b""
        #: The number of the piece that it gets next.
        self.next = 0
        #: Bytes of the pieces that it was given, in the form in which the flight keeps them.
        self.given = 0
        #: Whether its client takes more.
        self.ready = True

    @property
    def flight(self) -> "Flight":
        """The flight that it is in."""
        return self._flight

    @property
    def size(self) -> int:
        """See Undelivered."""
        return self._flight.size - self.given

    def go_on(self) -> None:
        """See Undelivered."""
        self.ready = True
        self._flight.due(self)

    def own(self, parts: Iterable[bytes]) -> bytes:
        """These parts with the client's own ActionID."""
        return self.line.join(parts)


class Origin(Protocol):
    """The link that a flight is on."""

    def answers_for(self, requester: "Flight") -> list[PendingAnswer]:
        """The open answers of this requester."""


class Flight:
    """The Requester of a shared answer."""

    #: The proxy sends the action for itself, having judged each of the clients.
    on_behalf: ClassVar[OnBehalf | None] = None

    __slots__ = (
        "_backlog",
        "_first",
        "_link",
        "_pieces",
        "_size",
        "_timed_out",
        "_unsplit",
        "due",
        "ended",
        "more",
        "payer",
        "reason",
        "seats",
        "size",
    )

    def __init__(
        self,
        link: Origin,
        payer: str,
        backlog: Backlog,
        due: Callable[[Seat], None],
        timed_out: Callable[[int], None],
        more: Callable[[], None] | None = None,
    ) -> None:
        """``due`` is called when there is something for a seat; ``timed_out`` with a number of clients.

        ``more`` is called when a client takes more than there is yet.
        """
        self._link = link
        self.payer = payer
        self._backlog = backlog
        self.due = due
        self._timed_out = timed_out
        self.more: Callable[[], None] | None = more
        self.seats: dict[Seat, None] = {}
        self._pieces: deque[Piece] = deque()
        #: The number of the first of them.
        self._first = 0
        #: What was replied since the last piece, and its bytes.
        self._unsplit: list[bytes] = []
        self._size = 0
        #: Bytes of all pieces so far, including those that all clients were given.
        self.size = 0
        #: Whether nothing more of the answer comes, and why it is not complete; b"" if it is.
        self.ended = False
        self.reason = b""

    def add(self, asker: Asker, action_id: bytes) -> Seat:
        """Let another client share the answer; to be called before the first ``reply``."""
        seat = Seat(self, asker, action_id)
        self.seats[seat] = None
        asker.hold_events()
        asker.share(seat)
        return seat

    # -- from the exchange -------------------------------------------------

    def sent_as(self, request: str) -> None:
        """See Requester.  It is not the request of any one of the clients."""

    def reply(self, data: bytes) -> None:
        """See Requester."""
        self._unsplit.append(data)
        self._size += len(data)
        if self._size >= _PIECE:
            self.split()

    def late(self, data: bytes) -> None:
        """See Requester.  Asterisk's own actions, which these all are, do not continue after their end."""

    def finished(self) -> None:
        """See Requester."""
        self._end(b"")

    def failed(self, data: bytes, reason: bytes) -> None:
        """See Requester."""
        self._unsplit.append(data)
        if reason in {TIMED_OUT, OUTCOME_UNKNOWN}:
            self._timed_out(len(self.seats) - 1)
        self._end(reason)

    def release_events(self) -> None:
        """See Requester.  Not called: a shared answer fails at once when the link is lost."""

    def limit_reached(self, limit: str, **fields: object) -> None:
        """See Requester."""
        for seat in list(self.seats):
            seat.asker.limit_reached(limit, **fields)

    def _end(self, reason: bytes) -> None:
        self.ended = True
        self.reason = reason
        self.split()
        self._notify()

    def split(self) -> None:
        """Make a piece of what was replied."""
        data = b"".join(self._unsplit)
        if data and self.seats:
            piece = Piece(data, len(self.seats))
            self._pieces.append(piece)
            self.size += piece.size
            self._backlog.size += piece.size
            self._notify()
        self._unsplit.clear()
        self._size = 0

    def _notify(self) -> None:
        for seat in list(self.seats):
            if seat.ready:
                self.due(seat)
            else:
                seat.asker.more_waits()

    # -- to the clients ----------------------------------------------------

    def has_more(self, seat: Seat) -> bool:
        """Whether there is a piece for this client."""
        return seat.next < self._first + len(self._pieces)

    def deliver(self, seat: Seat) -> None:
        """Give the client its next piece; there must be one."""
        piece = self._pieces[seat.next - self._first]
        data = seat.own(piece.parts)
        seat.next += 1
        seat.given += piece.size
        self._given(piece)
        seat.asker.reply(data)
        seat.ready = seat.asker.takes_more()

    def _given(self, piece: Piece) -> None:
        piece.left -= 1
        # Each client takes the pieces in order, so the first is the first that all have been given.
        while self._pieces and not self._pieces[0].left:
            self._backlog.size -= self._pieces.popleft().size
            self._first += 1

    def finish(self, seat: Seat) -> None:
        """Tell the client, which was given everything, that the answer is over."""
        self._remove(seat)
        if self.reason:
            seat.asker.failed(b"", self.reason)
        else:
            seat.asker.finished()

    # -- clients that leave ------------------------------------------------

    def leave(self, seat: Seat) -> None:
        """The client is gone; the answer goes on for the others."""
        self._remove(seat)
        if not self.seats:
            for answer in self._link.answers_for(self):
                answer.requester = None

    def dismiss(self, seat: Seat, text: bytes) -> None:
        """End the answer of a client that was given all there is, with this error if it is not complete."""
        if self.ended:
            self.finish(seat)
            return
        self._remove(seat)
        for answer in self._link.answers_for(self):
            answer.requester = _LastWords(seat)
            answer.give_up(text)
            answer.requester = self if self.seats else None

    def _remove(self, seat: Seat) -> None:
        del self.seats[seat]
        for piece in list(self._pieces)[seat.next - self._first :]:
            self._given(piece)
        seat.asker.unshare(seat)


class _LastWords:
    """The Requester of the end of an answer for one client only."""

    on_behalf: ClassVar[OnBehalf | None] = None

    __slots__ = ("_seat", "payer")

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self.payer = seat.asker.payer

    def sent_as(self, request: str) -> None:
        """See Requester.  Not called: it only gets the end."""

    def reply(self, data: bytes) -> None:
        """See Requester.  Not called either."""

    def late(self, data: bytes) -> None:
        """See Requester.  Not called either."""

    def finished(self) -> None:
        """See Requester.  Not called either."""

    def failed(self, data: bytes, reason: bytes) -> None:
        """See Requester."""
        self._seat.asker.failed(self._seat.own(data.split(LINE)), reason)

    def release_events(self) -> None:
        """See Requester.  Not called either."""

    def limit_reached(self, limit: str, **fields: object) -> None:
        """See Requester.  Not called either."""
