"""Attempts: what a test does at an Asterisk that may crash by itself, and does again if it has crashed.

Random flows crash Asterisk now and then (see ``CRASHING`` in flows.py).  The tests claim something about
the proxy, not about that.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from tests.asterisk.lab.asterisk import Asterisk
from tests.support.waiting import until

_MOST = 3
#: Seconds that a process may take to end after its connections broke; it may write a core file.
_DYING = 5.0
#: Between the seeds of two attempts: more than there are seeds of one test.
_NEXT_SEED = 1000


async def attempts(pbx: Asterisk, seed: int, attempt: Callable[[int], Awaitable[None]]) -> None:
    """Make an attempt with a seed; make another if Asterisk has crashed meanwhile, three in all.

    A failure without a crash is one at once.  ``attempt`` must itself make whatever has a connection to
    Asterisk, and close it.
    """
    crashes = []
    for number in range(_MOST):
        own = seed + number * _NEXT_SEED
        try:
            await attempt(own)
        except (Exception, asyncio.CancelledError) as error:  # whatever was underway was broken off
            status = await crashed(pbx)
            if status is None:
                raise
            crashes.append(f"seed {own}: signal {-status}, {error!r:.200}")
            await asyncio.to_thread(pbx.start)
        else:
            return
    pytest.fail(f"{pbx} itself crashed in each of {_MOST} attempts: {'; '.join(crashes)}")


async def crashed(pbx: Asterisk) -> int | None:
    """The exit status of an Asterisk that a signal has ended, which is negative; None if there is none."""
    with contextlib.suppress(AssertionError):
        await until(lambda: pbx.status is not None, within=_DYING)
    return pbx.status if pbx.status is not None and pbx.status < 0 else None
