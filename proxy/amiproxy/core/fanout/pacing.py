"""Pacing: when the next flush is due.

The cost of fan-out is the number of writes to clients, so events that arrive close
together are flushed together.  The first event after a quiet period leaves at once, and
with little traffic most events do; once writing has used up its share of the time,
events wait until enough other time has passed.  Only the fixed cost of each write is
counted, since making fewer writes does not save the part that grows with their bytes.
"""

# mypyc: compiled

#: Share of the time that the fixed cost of writes may take before flush intervals get longer.
_SHARE = 0.22
#: Most seconds of writing that can be saved up in quiet periods.
_CREDIT = 0.025
#: Bytes that cost as much as the fixed cost of a write: a full TLS record.
_WRITE_BYTES = 16384
#: Time left for all other work after a flush, as a share of the duration of a flush.
_REST = 0.1
#: Weight of the newest flush in the smoothed costs.
_WEIGHT = 0.2


class Pacing:
    """Decides how long to wait before a flush.  All times are monotonic seconds.

    ``shortest`` and ``longest`` bound the flush interval; with ``shortest`` 0 every event leaves at once.
    """

    __slots__ = ("_began", "_cost", "_ended", "_owed", "_writes", "longest", "shortest")

    def __init__(self, shortest: float, longest: float) -> None:
        self.shortest = shortest
        self.longest = longest
        #: Smoothed seconds of CPU that a flush takes, and the part of it that is the fixed cost of writes.
        self._cost = self._writes = 0.0
        #: Seconds of writing beyond the share, counted at the last flush; negative: saved up.
        self._owed = -_CREDIT
        self._began = self._ended = float("-inf")

    @property
    def interval(self) -> float:
        """Seconds between the starts of the last flush and of the next, at the current load."""
        return max(self.shortest, min(self._owed / _SHARE, self.longest))

    def wait(self, now: float) -> float:
        """Seconds that an event which arrives now waits for more events; 0: it leaves at once.

        The interval counts from the last flush, so events that are nearly an interval
        apart hardly wait at all.  However long flushes take, some time is left for all
        other work.
        """
        if not self.shortest:
            return 0.0
        return max(0.0, self._began + self.interval - now, self._ended + self._cost * _REST - now)

    def flushed(self, began: float, ended: float, took: float, size: float) -> None:
        """Record a flush: when it began and ended, its CPU seconds, and the mean bytes of its writes."""
        self._cost += _WEIGHT * (took - self._cost)
        self._writes += _WEIGHT * (took / (1 + size / _WRITE_BYTES) - self._writes)
        owed = max(self._owed - _SHARE * (began - self._began), -_CREDIT) + self._writes
        # Owe no more than the longest interval pays back: otherwise events would still be delayed long
        # after a burst of writes.
        self._owed = min(owed, _SHARE * max(self.longest, self.shortest))
        self._began, self._ended = began, ended
