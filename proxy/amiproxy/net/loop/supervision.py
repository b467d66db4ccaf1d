"""Supervision: restart essential tasks that a bug of ours has ended.

Each exception is logged with its traceback; the affected task (such as the link or
the tick) is started again, and the rest of the service is not affected.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from amiproxy import log
from amiproxy.net.loop.backoff import Backoff

#: Seconds between an exception and the restart; doubled at each further exception that follows soon.
SHORTEST: Final = 0.5
LONGEST: Final = 30.0


async def supervised(
    name: str, work: Callable[[], Awaitable[None]], shortest: float = SHORTEST, longest: float = LONGEST
) -> None:
    """Run ``work``, and again after each exception, until it returns or is cancelled.

    The delay before a restart starts at ``shortest`` seconds and doubles up to ``longest``; it starts
    over after a run of more than ``longest`` seconds.
    """
    loop = asyncio.get_running_loop()
    backoff, failures = Backoff(shortest, longest), 0
    while True:
        began = loop.time()
        try:
            await work()
        except Exception as fault:
            if loop.time() - began > longest:
                failures = 0
            failures += 1
            delay = backoff.delay(failures)
            log.exception("task-crashed", fault, task=name, again_in=delay)
            await asyncio.sleep(delay)
        else:
            return
