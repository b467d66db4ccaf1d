"""Time for the core, taken from the running event loop."""

import asyncio
import time
from collections.abc import Callable

from amiproxy.core.ports import Timer


class LoopScheduler:
    """See Scheduler in core/ports.py."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = loop.time
        self.later: Callable[[float, Callable[[], None]], Timer] = loop.call_later
        self.wall = time.time
        self.cpu = time.thread_time
        # uvloop's time() is constant for a whole turn of the loop, and thread_time() costs a system call.
        self.clock = time.perf_counter
