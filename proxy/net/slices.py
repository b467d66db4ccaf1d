"""Slices: what a read from Asterisk brings, of which one turn of the loop does a little.

A list of a thousand items, or the answers to a hundred actions, is some
milliseconds' work.  Done in one piece it would hold up everybody else.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

#: Seconds of them before everything else has its turn.
_SLICE: Final = 0.001


class Taker(Protocol):
    """Takes what was read, in its order."""

    def from_upstream(self, messages: Sequence[bytes], sound: bool = False) -> int:
        """Whole messages; how many were taken, at least one.  The rest is given again.

        ``sound``: see UpstreamFramer.
        """

    def oversized(self, head: bytes) -> None:
        """How a message began that was too long and is left out."""


class Slices:
    """What waits to be handed over; true while there is something.  ``clock`` counts seconds."""

    __slots__ = ("_clock", "_taker", "_waiting")

    def __init__(self, taker: Taker, clock: Callable[[], float]) -> None:
        self._taker = taker
        self._clock = clock
        #: Messages and whether they are sound, or the head of one that is left out.
        self._waiting: deque[tuple[Sequence[bytes], bool] | bytes] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, messages: Sequence[bytes], cut: Sequence[tuple[int, bytes]], sound: bool) -> None:
        """What one read has brought; ``cut`` and ``sound``: see ``UpstreamFramer``."""
        start = 0
        for place, head in (*cut, (len(messages), None)):
            if start < place:
                self._waiting.append((messages[start:place], sound))
            if head is not None:
                self._waiting.append(head)
            start = place

    def run(self) -> None:
        """Hand over one slice."""
        until = self._clock() + _SLICE
        while self._waiting:
            self._next()
            if self._clock() >= until:
                return

    def finish(self) -> None:
        """Hand over all there is: nothing will come behind it."""
        while self._waiting:
            self._next()

    def _next(self) -> None:
        piece = self._waiting.popleft()
        if isinstance(piece, bytes):
            self._taker.oversized(piece)
            return
        messages, sound = piece
        taken = self._taker.from_upstream(messages, sound)
        if taken < len(messages):
            self._waiting.appendleft((messages[taken:], sound))
