"""Time for the core, taken from the running event loop."""

import asyncio
import time
from collections.abc import Callable

from amiproxy.core.ports import Timer


class LoopScheduler:
    """See Scheduler in core/ports.py."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.now = loop.time
        self.wall = time.time
        self.cpu = time.thread_time
        # uvloop's time() is constant for a whole turn of the loop, and thread_time() costs a system call.
        self.clock = time.perf_counter

    def later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """See Scheduler."""
        return self._loop.call_later(delay, callback)
