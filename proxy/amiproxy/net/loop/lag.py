"""Event loop lag: it delays every client, and is the first sign of too much work for one core."""

from typing import Final

from amiproxy.core.audit.histogram import Histogram

#: Upper bounds of the buckets, in seconds.
_BOUNDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class LoopLag:
    """Lateness of a periodic task, in seconds: the last, and a histogram."""

    __slots__ = ("histogram", "last")

    def __init__(self) -> None:
        self.histogram = Histogram(_BOUNDS)
        self.last = 0.0

    def measured(self, seconds: float) -> None:
        """Record that the task ran this many seconds late; negative values count as 0."""
        self.last = max(seconds, 0.0)
        self.histogram.observe(self.last)
