"""Unsent: the bytes of responses that one client's socket has not accepted yet."""

from typing import Protocol

from amiproxy.core.limitstate import Backlog

#: Bytes that are given to the socket before others are served.
_AT_ONCE = 256 << 10


class _Stream(Protocol):
    def send(self, data: bytes | memoryview) -> int: ...


class Unsent:
    """In order; what waits counts in ``backlog``, with the bytes that wait for all other clients."""

    __slots__ = ("_backlog", "_pieces", "_stream", "size")

    def __init__(self, stream: _Stream, backlog: Backlog) -> None:
        self._stream = stream
        self._backlog = backlog
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

    def _count(self, more: int) -> None:
        self.size += more
        self._backlog.size += more
