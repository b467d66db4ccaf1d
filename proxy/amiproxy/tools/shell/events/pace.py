"""Protects the terminal: of more events than a person can read, most are only counted."""

from typing import Final

#: Events a second that are shown; a burst may be this long.
SHOWN: Final = 20
#: Seconds between two lines that say how many were not shown.
REPORT_EVERY: Final = 1.0


class Pace:
    """Decides which events are shown.  Pure: the caller passes the time, in monotonic seconds."""

    def __init__(self, shown: int = SHOWN) -> None:
        self._shown = shown
        self._tokens = float(shown)
        self._at: float | None = None
        #: Events that were not shown since the last report.
        self.unshown = 0
        self._reported = 0.0

    def admits(self, now: float) -> bool:
        """Whether one more event is shown; if not, it is counted."""
        if self._at is not None:
            self._tokens = min(float(self._shown), self._tokens + (now - self._at) * self._shown)
        self._at = now
        # While a report is due, nothing is shown between the events that it counts.
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return True
        if not self.unshown:
            self._reported = now
        self.unshown += 1
        return False

    def report(self, now: float) -> int:
        """The number of events that were not shown, once a second; otherwise 0."""
        if not self.unshown or now - self._reported < REPORT_EVERY:
            return 0
        return self.take()

    def take(self) -> int:
        """The number of events that were not shown since the last report, at once."""
        unshown, self.unshown = self.unshown, 0
        return unshown
