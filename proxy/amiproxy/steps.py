"""Steps: long work as a generator that yields often, so that its caller can run other work in between.

A function that works in steps is a generator that yields None and returns the result of the work.
It knows nothing about time, threads or loops: ``finish`` runs it in one go, and ``amiproxy.net.loop.gently``
spreads it over time beside a running loop.
"""

from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")

#: Work whose result is a T.
Steps = Generator[None, None, T]


def finish(steps: Iterator[None]) -> None:
    """Run all steps now.  An exception of the work passes through."""
    for _ in steps:
        pass


def result_of(steps: Steps[T]) -> T:
    """Run all steps now and return the result.  An exception of the work passes through."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
