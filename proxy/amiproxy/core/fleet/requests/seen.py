"""Seen: the ids of the requests of one edge that may not be executed again."""

# mypyc: compiled

from collections import deque
from typing import Final, Literal

#: Milliseconds for which an id is remembered, and the longest time until a request expires.
WINDOW: Final = 60_000
#: Most ids that are remembered.  More requests are refused rather than an id forgotten.
MOST: Final = 100_000

#: Why a request is refused because of its id; "" if it is not.
Again = Literal["", "repeated", "too many"]


class Seen:
    """All ids of the last minute: a request that comes again after that has expired."""

    __slots__ = ("_ids", "_most", "_order")

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._ids: set[bytes] = set()
        #: The same, with the time after which each may be forgotten.
        self._order: deque[tuple[int, bytes]] = deque()

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, request: bytes, now: int) -> Again:
        """Remember the id of a request that came at this time, in milliseconds; or why it is refused."""
        self.forget(now)
        if request in self._ids:
            return "repeated"
        if len(self._ids) >= self._most:
            return "too many"
        self._ids.add(request)
        self._order.append((now + WINDOW, request))
        return ""

    def forget(self, now: int) -> None:
        """Forget the ids of requests that have expired."""
        order = self._order
        while order and order[0][0] < now:
            self._ids.discard(order.popleft()[1])
