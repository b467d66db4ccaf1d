"""Unsent: the bytes of responses that one client's socket has not accepted yet."""

from collections.abc import Callable
from typing import Final, Protocol

from amiproxy.core.limitstate import Backlog

#: Bytes that are given to the socket before others are served.
_AT_ONCE = 256 << 10
_TOTAL: Final = "outbox_total"


class _Stream(Protocol):
    def send(self, data: bytes | memoryview) -> int: ...


class Unsent:
    """In order; what waits counts in ``backlog``, with the bytes that wait for all other clients.

    It is a ``Holder``, so that its connection ends if it has most of too much.
    """

    __slots__ = ("_backlog", "_cut", "_pieces", "_reached", "_stream", "size")

    #: See Holder.
    payer: Final = ""

    def __init__(
        self,
        stream: _Stream,
        backlog: Backlog,
        reached: Callable[[str], None],
        cut: Callable[[str], None],
    ) -> None:
        """``reached`` reports a limit, by its name; ``cut`` ends the connection, for this reason."""
        self._stream = stream
        self._backlog = backlog
        self._reached = reached
        self._cut = cut
        self._pieces: list[memoryview] = []
        #: Bytes that wait.
        self.size = 0

    def push(self, data: bytes) -> None:
        """Send the data, or keep what is not accepted."""
        taken = self._stream.send(data) if not self.size else 0
        if taken < len(data):
            self._pieces.append(memoryview(data)[taken:])
            self._count(len(data) - taken)

    def send(self) -> bool:
        """Send more of what waits; True if the socket accepts more, but others are to be served first."""
        budget = _AT_ONCE
        while self._pieces and budget > 0:
            # Whole: OpenSSL wants at least the bytes that it refused before.
            piece = self._pieces[0]
            taken = self._stream.send(piece)
            self._count(-taken)
            budget -= taken
            if taken < len(piece):
                self._pieces[0] = piece[taken:]
                return False
            self._pieces.pop(0)
        return bool(self._pieces)

    def discard(self) -> None:
        """Forget what waits: it will not be sent any more."""
        self._pieces.clear()
        self._count(-self.size)

    def make_room(self, most: int) -> None:
        """Cut the connections that hold most while more than ``most`` bytes wait for all clients."""
        backlog = self._backlog
        while backlog.others and backlog.size > most:
            largest = max(backlog.others, key=lambda one: one.bytes_waiting)
            largest.limit_reached(_TOTAL)
            largest.close(_TOTAL, abort=True)

    # -- see Holder --------------------------------------------------------

    @property
    def bytes_waiting(self) -> int:
        """See Holder."""
        return self.size

    def limit_reached(self, limit: str, **_fields: object) -> None:
        """See Holder."""
        self._reached(limit)

    def close(self, _reason: str, *, abort: bool = False) -> None:
        """See Holder.  There is nothing that such a client would read, so it is cut in any case."""
        self._cut(_TOTAL)

    def _count(self, more: int) -> None:
        self.size += more
        self._backlog.size += more
        if self.size:
            self._backlog.others[self] = None
        else:
            self._backlog.others.pop(self, None)
