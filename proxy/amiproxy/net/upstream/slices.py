"""MessageSlices: messages read from Asterisk, of which each turn of the loop processes a few.

A list of a thousand items, or the responses to a hundred actions, take some
milliseconds.  Processing them in one piece would delay all other work of the loop.
"""

# mypyc: compiled

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from amiproxy.net.upstream.switchboard import Taker

#: Seconds of one slice, after which the loop does its other work: of the only server, and of one of several.
#: An answer takes some turns of the loop, and each may have a slice of a server that sends without pause.
ALONE: Final = 0.001
AMONG_SEVERAL: Final = 0.00025
#: Bytes that are cut into messages at once.  A full read takes most of a millisecond.
PIECE: Final = 1 << 15


class MessageSlices:
    """Messages waiting to be handed over.

    ``clock`` returns seconds, of which a slice takes ``seconds``.  ``cut`` cuts data that ``add_uncut`` was
    given, and calls ``add``.
    """

    __slots__ = ("_clock", "_cut", "_seconds", "_taker", "_uncut", "_waiting")

    def __init__(
        self,
        taker: Taker,
        clock: Callable[[], float],
        cut: Callable[[bytes], None],
        seconds: float = ALONE,
    ) -> None:
        self._taker = taker
        self._clock = clock
        self._cut = cut
        self._seconds = seconds
        #: Lists of messages, each with whether they are sound, and heads (bytes) of skipped messages.
        self._waiting: deque[tuple[Sequence[bytes], bool] | bytes] = deque()
        #: What was read after them.
        self._uncut: deque[bytes] = deque()

    @property
    def waits(self) -> bool:
        """Whether there are any."""
        return bool(self._waiting or self._uncut)

    def add(self, messages: Sequence[bytes], cut: Sequence[tuple[int, bytes]], sound: bool) -> None:
        """Append the messages of one read; for ``cut`` and ``sound`` see ``UpstreamFramer``."""
        start = 0
        for place, head in (*cut, (len(messages), None)):
            if start < place:
                self._waiting.append((messages[start:place], sound))
            if head is not None:
                self._waiting.append(head)
            start = place

    def add_uncut(self, data: bytes) -> None:
        """Append what was read, and cut it piece by piece when its turn comes."""
        self._uncut.extend(data[start : start + PIECE] for start in range(0, len(data), PIECE))

    def run(self) -> None:
        """Hand over one slice."""
        until = self._clock() + self._seconds
        while self.waits:
            self._next()
            if self._clock() >= until:
                return

    def finish(self) -> None:
        """Hand over everything at once, at the end of the connection."""
        while self.waits:
            self._next()

    def _next(self) -> None:
        if not self._waiting:
            self._cut(self._uncut.popleft())
            if not self._waiting:
                return
        piece = self._waiting.popleft()
        if isinstance(piece, bytes):
            self._taker.oversized(piece)
            return
        messages, sound = piece
        taken = self._taker.from_upstream(messages, sound)
        if taken < len(messages):
            self._waiting.appendleft((messages[taken:], sound))
