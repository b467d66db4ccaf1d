"""Pacing: when the next flush is due.

The number of client writes is what fan-out costs, so events that come close
together leave together.  The first after a quiet moment leaves at once, and in
a while of little traffic most do; when writing has taken its share of the
time, events wait until the rest of the time has caught up.  What is counted is
what writes cost however little is in them: the part that grows with their
bytes is not saved by making fewer of them.
"""

#: Share of the time that writes, as such, may take before events wait longer for company.
_SHARE = 0.22
#: Seconds of writing that a quiet while saves up.
_CREDIT = 0.025
#: Bytes that cost as much as the write they are in: a full record of TLS.
_WRITE_BYTES = 16384
#: What everything else is left after a flush, as a share of what that took.
_REST = 0.1
#: Weight of the newest flush in the smoothed costs.
_WEIGHT = 0.2


class Pacing:
    """Decides the wait before a flush.  All times in monotonic seconds.

    ``shortest`` 0 means that every event leaves at once.
    """

    __slots__ = ("_began", "_cost", "_ended", "_owed", "_writes", "longest", "shortest")

    def __init__(self, shortest: float, longest: float) -> None:
        self.shortest = shortest
        self.longest = longest
        #: What a flush takes, and what of it is for its writes however little is in them.
        self._cost = self._writes = 0.0
        #: Seconds of writing that were ahead of the share when the last flush had begun; below 0, saved up.
        self._owed = -_CREDIT
        self._began = self._ended = float("-inf")

    @property
    def interval(self) -> float:
        """Seconds between the beginnings of the last flush and the next, as things are."""
        return max(self.shortest, min(self._owed / _SHARE, self.longest))

    def wait(self, now: float) -> float:
        """Seconds that an event which came now may wait for company; 0: it leaves at once.

        It counts from the last flush, so that events which are nearly an interval
        apart hardly wait at all.  However long a flush takes, some time is left
        to everything else.
        """
        if not self.shortest:
            return 0.0
        return max(0.0, self._began + self.interval - now, self._ended + self._cost * _REST - now)

    def flushed(self, began: float, ended: float, took: float, size: float) -> None:
        """Tell when a flush was, what it took of the processor, and how many bytes a write of it had."""
        self._cost += _WEIGHT * (took - self._cost)
        self._writes += _WEIGHT * (took / (1 + size / _WRITE_BYTES) - self._writes)
        owed = max(self._owed - _SHARE * (began - self._began), -_CREDIT) + self._writes
        # No more than the longest wait makes good: the rest would be owed long after the crowd has gone.
        self._owed = min(owed, _SHARE * max(self.longest, self.shortest))
        self._began, self._ended = began, ended
