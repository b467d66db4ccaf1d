"""The way in which tests wait for conditions without a notification: check again until true, or too late."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Seconds that any one wait may take.
DEADLINE = 10.0
_LOOK_AGAIN = 0.005


async def until(condition: Callable[[], T], what: object = "", within: float = DEADLINE) -> T:
    """The first true value of ``condition``; AssertionError if there is none in time."""
    give_up = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < give_up, f"waited {within} s in vain: {what() if callable(what) else what}"
        await asyncio.sleep(_LOOK_AGAIN)
    return found


def wait_until(condition: Callable[[], T], what: object = "", within: float = DEADLINE) -> T:
    """The same without a running loop."""
    give_up = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < give_up, f"waited {within} s in vain: {what() if callable(what) else what}"
        time.sleep(_LOOK_AGAIN)
    return found
