"""Event loop lag: it delays every client, and is the first sign of too much work for one core."""

from typing import Final

#: Upper bounds of the buckets, in seconds.
BOUNDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class LoopLag:
    """Lateness of a periodic task, in seconds: the last, the longest, and a histogram."""

    __slots__ = ("counts", "last", "longest", "total")

    def __init__(self) -> None:
        #: One counter for each bound, and one for values above all bounds.
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0
        self.last = 0.0
        self.longest = 0.0

    def measured(self, seconds: float) -> None:
        """Record that the task ran this many seconds late; negative values count as 0."""
        late = max(seconds, 0.0)
        self.last = late
        self.longest = max(self.longest, late)
        self.total += late
        for number, bound in enumerate(BOUNDS):
            if late <= bound:
                self.counts[number] += 1
                return
        self.counts[-1] += 1
