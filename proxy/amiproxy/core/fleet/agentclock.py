"""AgentClock: what an edge knows of an agent's monotonic clock, and how late the agent's messages are.

No process of a fleet needs the right time.  A beat says what the agent's clock showed when it was sent.  The
time of its arrival less that is the difference of the two clocks plus the delay, so the least difference is
the one with the least delay.
"""

# mypyc: compiled

from collections import deque
from typing import Final

#: Milliseconds of the agent's clock for which a difference counts.  Its own clock, because beats that waited
#: for an edge that was stopped arrive all at once.
_WINDOW: Final = 60_000
#: Milliseconds of it within which a larger difference is left out: it would not count for longer.
_GRAIN: Final = 100


class AgentClock:
    """The clock of one agent.  Times of the edge are monotonic seconds, those of the agent milliseconds."""

    __slots__ = ("_differences", "lag", "newest")

    def __init__(self) -> None:
        #: Clock and difference of beats: each difference is larger than all earlier ones that count.
        self._differences: deque[tuple[int, float]] = deque()
        #: What the clock showed according to the newest beat.
        self.newest = -1
        #: By how many seconds more than the fastest one of the last minute the last beat was delayed.
        self.lag = 0.0

    def heard(self, clock: int, arrival: float) -> None:
        """A beat that was sent when the agent's clock showed ``clock`` has arrived."""
        kept = self._differences
        if clock < self.newest:
            kept.clear()  # the agent's machine has restarted
        self.newest = clock
        difference = arrival * 1000 - clock
        while kept and kept[-1][1] >= difference:
            kept.pop()
        if not kept or clock - kept[-1][0] >= _GRAIN:
            kept.append((clock, difference))
        while clock - kept[0][0] > _WINDOW:
            kept.popleft()
        self.lag = (difference - kept[0][1]) / 1000

    def agent_now(self, now: float) -> int:
        """What the agent's clock shows at least; 0 before the first beat.

        It is behind by the delay of the fastest beat of the last minute.
        """
        return max(0, int(now * 1000 - self._differences[0][1])) if self._differences else 0
