"""Gently: long work beside a running loop, in slices so short that clients do not notice.

There are two ways.  Work that does not touch the loop's state runs in a thread (``in_thread``): it may wait
for disks, and OpenSSL's part of it runs on another core.  But threads share the interpreter lock: a
thread that computes holds it for 5 ms each time the loop releases it in a system call, of which a flush
makes hundreds.  So the thread works for a millisecond of CPU time and then sleeps for as long.  Work
that changes the state that clients are served from runs in the loop (``in_loop``); after each slice
the loop does everything else that is due, and the work pauses for as long as a slice.

The work is given as steps (``amiproxy.steps``), each far shorter than a slice.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from amiproxy.steps import Steps

T = TypeVar("T")

#: CPU seconds of one slice.
SLICE: Final = 0.001
#: Seconds for which the thread sleeps after each slice.
_PAUSE: Final = SLICE


class GivenUp(Exception):
    """The work was abandoned because its caller was cancelled."""


class SliceRunner:
    """Runs steps in slices of ``seconds`` of CPU time; ``cpu`` returns the CPU time of the calling thread."""

    def __init__(self, seconds: float = SLICE, cpu: Callable[[], float] = time.thread_time) -> None:
        self._seconds = seconds
        self._cpu = cpu
        #: CPU seconds of the longest slice so far; the excess over ``seconds`` shows steps that are too long.
        self.longest = 0.0
        #: Number of slices so far.
        self.number = 0

    def run(self, steps: Steps[T]) -> tuple[T] | None:
        """Run one slice; return the result as a 1-tuple when the work is done, or None.

        An exception of the work passes through.
        """
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


async def in_thread(work: Callable[[], Steps[T]], slices: SliceRunner | None = None) -> T:
    """Run the steps that ``work`` returns in a thread, and return their result.

    An exception of the work passes through.  If the caller is cancelled, the work is abandoned after its
    current slice.
    """
    enough = threading.Event()
    try:
        return await asyncio.to_thread(_run, work, slices or SliceRunner(), enough)
    finally:
        enough.set()


def _run(work: Callable[[], Steps[T]], slices: SliceRunner, enough: threading.Event) -> T:
    steps = work()
    try:
        while (done := slices.run(steps)) is None:
            if enough.wait(_PAUSE):
                raise GivenUp
        return done[0]
    finally:
        steps.close()


async def in_loop(steps: Steps[T], slices: SliceRunner | None = None) -> T:
    """Run steps in the loop, in slices between its other work, and return their result.

    An exception of the work passes through.  If the caller is cancelled, the rest is not run.
    """
    slices = slices or SliceRunner()
    # Not a busy wait: the sleep gives other work as much time as a slice takes.
    while (done := slices.run(steps)) is None:  # noqa: ASYNC110
        await asyncio.sleep(SLICE)
    return done[0]
