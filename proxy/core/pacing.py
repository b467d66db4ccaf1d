"""Pacing: when the next flush is due.

The number of client writes is what fan-out costs, so events that come close
together leave together.  The first after a quiet moment leaves at once; how
long the next wait depends on what a flush costs: if flushing took more than a
quarter of the time, the interval grows, up to a ceiling.
"""

#: Share of the time that flushing may take before the interval grows.
_SHARE = 0.25
#: Weight of the newest flush in the smoothed cost.
_WEIGHT = 0.2


class Pacing:
    """Decides the wait before a flush.  All times in monotonic seconds.

    ``shortest`` 0 means that every event leaves at once.
    """

    __slots__ = ("_began", "_cost", "_ended", "longest", "shortest")

    def __init__(self, shortest: float, longest: float) -> None:
        self.shortest = shortest
        self.longest = longest
        self._cost = 0.0
        self._began = self._ended = float("-inf")

    @property
    def interval(self) -> float:
        """Seconds between the beginnings of two flushes, as things are."""
        return min(max(self._cost / _SHARE, self.shortest), max(self.longest, self.shortest))

    def wait(self, now: float) -> float:
        """Seconds that an event which came now may wait for company; 0: it leaves at once.

        It counts from the last flush, so that events which are nearly an interval
        apart hardly wait at all.  A flush that takes longer than the ceiling allows
        for leaves as much time as it took itself to everything else.
        """
        if not self.shortest:
            return 0.0
        return max(0.0, self._began + self.interval - now, self._ended + self._cost - now)

    def flushed(self, began: float, ended: float) -> None:
        """Tell what a flush took."""
        self._began, self._ended = began, ended
        self._cost += _WEIGHT * (ended - began - self._cost)
