"""Slices: what a side link brings, of which one turn of the loop does a little.

A list of a thousand items is some milliseconds' work.  Done in one piece it
would hold up everybody whose answer has come over the main link meanwhile.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from proxy.config.limits import Limits
from proxy.core.ports import Upstream
from proxy.net.conversation import Switchboard

#: Messages of one turn: some 0.3 ms.
_AT_ONCE: Final = 32


class Slices:
    """A Switchboard before another one; what it does not do at once rests in the kernel, in its order."""

    def __init__(self, board: Switchboard) -> None:
        self._board = board
        self._loop = asyncio.get_running_loop()
        self._upstream: Upstream | None = None
        self._waiting: deque[Callable[[], None]] = deque()
        self._due = False

    @property
    def limits(self) -> Limits:
        """As they are now."""
        return self._board.limits

    def link_up(self, upstream: Upstream, banner: bytes) -> None:
        """See Switchboard."""
        self._upstream = upstream
        self._board.link_up(upstream, banner)

    def link_down(self, reason: str) -> None:
        """See Switchboard; what it brought before its end comes first."""
        while self._waiting:
            self._waiting.popleft()()
        self._board.link_down(reason)

    def from_upstream(self, messages: Iterable[bytes]) -> None:
        """See Switchboard."""
        messages = list(messages)
        for start in range(0, len(messages), _AT_ONCE):
            self._waiting.append(partial(self._board.from_upstream, messages[start : start + _AT_ONCE]))
        self._begin()

    def oversized(self, head: bytes) -> None:
        """See Switchboard."""
        self._waiting.append(partial(self._board.oversized, head))
        self._begin()

    def _begin(self) -> None:
        if self._waiting and not self._due:
            self._next()

    def _next(self) -> None:
        self._due = False
        if not self._waiting:
            return  # the link ended meanwhile
        assert self._upstream is not None
        try:
            self._waiting.popleft()()
        finally:
            if self._waiting:
                self._due = True
                self._upstream.rest()
                self._loop.call_soon(self._next)
            else:
                self._upstream.read_on()
