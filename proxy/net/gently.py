"""Gently: long work beside a running loop, in slices so short that clients do not notice.

Two ways.  What needs nothing of the loop's runs in a thread (``aside``): it may wait for disks, and
OpenSSL's part of it runs on another core.  But Python's threads take turns: one that computes holds
the interpreter for 5 ms each time the loop has given it away in a system call, of which a flush makes
hundreds.  So the thread works for a millisecond of CPU and sleeps for as long.  What changes the
state that clients are served by runs in the loop (``between``), which after each slice does everything
else that is due, and rests for as long.

The work comes as steps (``proxy.steps``), each of them far shorter than a slice.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from proxy.steps import Steps

T = TypeVar("T")

#: Seconds of CPU time.
SLICE: Final = 0.001
#: Seconds that the thread leaves the interpreter alone after each.
_PAUSE: Final = SLICE


class GivenUp(Exception):
    """Nobody waits for the work any more."""


class Slices:
    """Runs steps for some CPU time at once.  ``cpu`` gives that of the thread that runs them."""

    def __init__(self, seconds: float = SLICE, cpu: Callable[[], float] = time.thread_time) -> None:
        self._seconds = seconds
        self._cpu = cpu
        #: The longest so far, in seconds of CPU time: by how much steps were too long.
        self.longest = 0.0
        self.number = 0

    def run(self, steps: Steps[T]) -> tuple[T] | None:
        """One slice; what the work came to, in a tuple, once it is done."""
        began = self._cpu()
        self.number += 1
        try:
            while True:
                next(steps)
                if self._cpu() - began >= self._seconds:
                    return None
        except StopIteration as end:
            return (end.value,)
        finally:
            self.longest = max(self.longest, self._cpu() - began)


async def aside(work: Callable[[], Steps[T]], slices: Slices | None = None) -> T:
    """Do work that ``work`` begins, in a thread.  When the waiting is cancelled, it is given up."""
    enough = threading.Event()
    try:
        return await asyncio.to_thread(_run, work, slices or Slices(), enough)
    finally:
        enough.set()


def _run(work: Callable[[], Steps[T]], slices: Slices, enough: threading.Event) -> T:
    steps = work()
    try:
        while (done := slices.run(steps)) is None:
            if enough.wait(_PAUSE):
                raise GivenUp
        return done[0]
    finally:
        steps.close()


async def between(steps: Steps[T], slices: Slices | None = None) -> T:
    """Do work in the loop, between all else that it has to do."""
    slices = slices or Slices()
    # Nothing is waited for: the others have their turn, and as much of it.
    while (done := slices.run(steps)) is None:  # noqa: ASYNC110
        await asyncio.sleep(SLICE)
    return done[0]
