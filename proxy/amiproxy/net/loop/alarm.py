"""Alarm: one call at a time that comes unless another one replaces it, for timeouts that change often."""

import asyncio
from collections.abc import Callable

_NEVER = float("inf")


def _nothing() -> None:
    pass


class Alarm:
    """Cheap to set: the loop's timer is left alone as long as it does not come too late."""

    __slots__ = ("_at", "_call", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._at = _NEVER
        self._call: Callable[[], None] = _nothing
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float, call: Callable[[], None]) -> None:
        """Make this call in so many seconds, and not the one that was set before."""
        self._at = self._loop.time() + seconds
        self._call = call
        if self._timer is not None and self._timer.when() > self._at:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(self._at, self._ring)

    def clear(self) -> None:
        """Make no call; the timer stays for the next one."""
        self._at = _NEVER
        self._call = _nothing

    def cancel(self) -> None:
        """Make no call any more."""
        self.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        if self._loop.time() < self._at < _NEVER:
            self._timer = self._loop.call_at(self._at, self._ring)
        elif self._at < _NEVER:
            call = self._call
            self.clear()
            call()
