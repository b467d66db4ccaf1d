"""Steps: long work as an iterator that stops often, so that whoever runs it can let others have a turn.

A function that works in steps is a generator that yields None; what it returns is the result of the
work.  It says nothing about time, threads or loops: ``finish`` does it in one go, and
``proxy.net.gently`` spreads it over a while beside a running loop.
"""

from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")

#: Work that gives a T in the end.
Steps = Generator[None, None, T]


def finish(steps: Iterator[None]) -> None:
    """Do all of it now."""
    for _ in steps:
        pass


def result_of(steps: Steps[T]) -> T:
    """Do all of it now, and give its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
