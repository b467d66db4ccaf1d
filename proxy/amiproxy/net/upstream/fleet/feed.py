"""Feed: hands the events of a server over to the core, of which each turn of the loop takes a few."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from amiproxy.net.upstream.slices import ALONE, AMONG_SEVERAL, MessageSlices
from amiproxy.net.upstream.switchboard import Taker
from amiproxy.net.upstream.turns import Turns

#: Most bytes of events that are handed over at once before the server goes down.
_FEW: Final = 256 << 10
#: Bytes that an event takes besides its own: those of the object, and its place in a list.
_OBJECT_BYTES: Final = 48
_BLANK_LINE: Final = b"\r\n\r\n"
_ALL_BUT_LINE_ENDS: Final = bytes(sorted(set(range(256)) - {*b"\r\n\0"}))


class Feed:
    """Events that arrive in bodies of many; ``server`` takes them.  For ``turns`` see ``Link``."""

    def __init__(self, server: Taker, turns: Turns | None) -> None:
        self.turns = turns
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._slices = self._empty()
        self._is_due = False
        #: The bytes of events that had to wait, and of those that were then handed over.
        self._given = self._taken = 0
        #: ``_given`` at these times.
        self._marks: deque[tuple[int, float]] = deque()

    @property
    def waiting(self) -> int:
        """The bytes that the events take which are not yet handed over."""
        return self._given - self._taken

    def backlog(self, now: float) -> float:
        """The age in seconds of the oldest event that is not yet handed over, as calls of this show it."""
        marks = self._marks
        while marks and marks[0][0] <= self._taken:
            marks.popleft()
        if self.waiting:
            marks.append((self._given, now))
        return now - marks[0][1] if marks else 0.0

    def give(self, body: bytes) -> None:
        """The next events, whole messages."""
        # Each message has one number, so nothing may be left out that looks odd, as a framer does.
        messages = [part + _BLANK_LINE for part in body.split(_BLANK_LINE)]
        messages.pop()
        sound = len(body.translate(None, _ALL_BUT_LINE_ENDS)) == 2 * body.count(b"\r\n")
        if not self._slices.waits:
            messages = messages[self._server.from_upstream(messages, sound) :]
        if messages:
            self._given += _size_of(messages)
            self._slices.add(messages, (), sound)
            self._go_on()

    def end(self) -> None:
        """No more events come before the server goes down: hand over those that wait, or drop many."""
        if self.waiting <= _FEW:
            self._slices.finish()
        self._slices = self._empty()
        self._given = self._taken = 0
        self._marks.clear()

    def _empty(self) -> MessageSlices:
        seconds = ALONE if self.turns is None else AMONG_SEVERAL
        return MessageSlices(self, time.perf_counter, lambda _: None, seconds)

    def _hand_over(self) -> None:
        self._is_due = False
        try:
            self._slices.run()
        finally:
            self._go_on()

    def _go_on(self) -> None:
        if self._slices.waits and not self._is_due:
            self._is_due = True
            if self.turns is None:
                self._loop.call_soon(self._hand_over)
            else:
                self.turns.ask(self, self._hand_over)

    # -- what the slices call ----------------------------------------------

    def from_upstream(self, messages: Sequence[bytes], sound: bool = False) -> int:
        """See Taker."""
        taken = self._server.from_upstream(messages, sound)
        self._taken += _size_of(messages[:taken])
        return taken

    def oversized(self, head: bytes) -> None:
        """See Taker.  Nothing is skipped here."""


def _size_of(messages: Sequence[bytes]) -> int:
    return sum(map(len, messages)) + _OBJECT_BYTES * len(messages)
