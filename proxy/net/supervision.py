"""Supervision: work that must go on is begun again when a fault of ours ends it.

A fault is told with its traceback each time; what it took with it (the link, a
tick) is made anew, and everybody else stays.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from proxy import log

#: Seconds between a fault and the next beginning; doubled at each fault that follows soon.
SHORTEST: Final = 0.5
LONGEST: Final = 30.0


async def supervised(
    name: str, work: Callable[[], Awaitable[None]], shortest: float = SHORTEST, longest: float = LONGEST
) -> None:
    """Do ``work``, again after each fault, until it ends by itself or is cancelled."""
    loop = asyncio.get_running_loop()
    delay = shortest
    while True:
        began = loop.time()
        try:
            await work()
        except Exception as fault:
            if loop.time() - began > longest:
                delay = shortest
            log.exception("task-crashed", fault, task=name, again_in=delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, longest)
        else:
            return
