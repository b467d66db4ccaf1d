"""A histogram of durations, as Prometheus defines it."""

# mypyc: compiled

from bisect import bisect_left


class Histogram:
    """Counts by upper ``bounds``, in seconds; each count is of its own bucket only."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        #: One count for each bound, and one for everything above the last.
        self.counts = [0] * (len(bounds) + 1)
        #: The sum of all observations, in seconds.
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Add one observation."""
        self.total += seconds
        self.counts[bisect_left(self.bounds, seconds)] += 1
