"""Pacing: when the next flush is due.

The cost of fan-out is the number of writes to clients, so events that arrive close
together are flushed together.  The first event after a quiet period leaves at once, and
with little traffic most events do; once writing has used up its share of the time,
events wait until enough other time has passed.  Only the fixed cost of each write is
counted, since making fewer writes does not save the part that grows with their bytes.

In a steady stream the interval counts from the first event that waits, which comes some time after the
last flush.  No event waits for longer than the interval, and flushes are fewer.
"""

# mypyc: compiled

from typing import Final

#: Share of the time that the fixed cost of writes may take before flush intervals get longer.
_SHARE: Final = 0.22
#: Most seconds of writing that can be saved up in quiet periods.
_CREDIT: Final = 0.025
#: Bytes that cost as much as the fixed cost of a write: a full TLS record.
_WRITE_BYTES: Final = 16384
#: Time left for all other work after a flush, as a share of the duration of a flush.
_REST: Final = 0.1
#: Weight of the newest flush in the smoothed costs.
_WEIGHT: Final = 0.2


class Pacing:
    """Decides how long to wait before a flush.  All times are monotonic seconds.

    ``shortest`` and ``longest`` bound the flush interval; with ``shortest`` 0 every event leaves at once.
    """

    __slots__ = ("_began", "_cost", "_ended", "_gap", "_owed", "_writes", "longest", "shortest")

    def __init__(self, shortest: float, longest: float) -> None:
        self.shortest = shortest
        self.longest = longest
        #: Smoothed seconds of CPU that a flush takes, and the part of it that is the fixed cost of writes.
        self._cost = self._writes = 0.0
        #: Seconds of writing beyond the share, counted at the last flush; negative: saved up.
        self._owed = -_CREDIT
        self._began = self._ended = float("-inf")
        #: Seconds between two events before the last flush; 0 if there was only one.
        self._gap = 0.0

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

    def pause(self, now: float) -> float:
        """As ``wait``, for events that have not arrived yet, of a stream that goes on as it was.

        The first of them is expected after half of the time that is between two.
        """
        wait = self.wait(now)
        return wait + self._gap / 2 if wait else 0.0

    def flushed(self, began: float, ended: float, took: float, size: float, events: int = 1) -> None:
        """Record a flush: when it began and ended, its CPU seconds, and the mean bytes of its writes.

        ``events`` have arrived since the flush before it.
        """
        # However long nothing came before them, these events came within about an interval.
        self._gap = min(began - self._began, self.interval) / events if events > 1 else 0.0
        self._cost += _WEIGHT * (took - self._cost)
        self._writes += _WEIGHT * (took / (1 + size / _WRITE_BYTES) - self._writes)
        owed = max(self._owed - _SHARE * (began - self._began), -_CREDIT) + self._writes
        # Owe no more than the longest interval pays back: otherwise events would still be delayed long
        # after a burst of writes.
        self._owed = min(owed, _SHARE * max(self.longest, self.shortest))
        self._began, self._ended = began, ended
