"""AgentView: what an edge knows of one agent of a server, whether it follows that agent or not."""

# mypyc: compiled

from typing import Final

from amiproxy.core.fleet.agentclock import AgentClock
from amiproxy.core.fleet.wire import Beat, Head

#: Seconds without a beat after which an agent counts as gone.  It sends one each second.
GONE_AFTER: Final = 3.5
#: Milliseconds between two beats by which later events do not overtake them.
_APART: Final = 500
#: Epochs of which the end is remembered.
_EPOCHS: Final = 8


class AgentView:
    """One agent, as its beats and events show it.  Times are monotonic seconds of the edge."""

    __slots__ = (
        "_ends",
        "_floor",
        "_head",
        "_is_excused",
        "arrived",
        "beat",
        "clock",
        "doubtful",
        "epoch",
        "name",
        "rewound",
        "since",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        #: Its last beat; None before the first.
        self.beat: Beat | None = None
        #: When that arrived.
        self.arrived = 0.0
        #: When it began to live; see ``lives``.
        self.since = 0.0
        self.clock = AgentClock()
        #: The epoch according to its beats.
        self.epoch = 0
        #: Whether its numbers went back in its epoch, which they never should, according to its last beat.
        #: A beat that events have overtaken does not say so.
        self.rewound = False
        #: Whether events of another epoch have arrived since the last beat.
        self.doubtful = False
        self._head: Head | None = None
        #: Epoch -> the highest number that was seen to be the next event's, the newest epoch last.
        self._ends: dict[int, int] = {}
        #: What ``next`` was when an earlier beat arrived, and the agent's clock in that beat.
        self._floor = (0, 0)
        self._is_excused = False

    @property
    def state(self) -> str:
        """As in its last beat; "unknown" before the first."""
        return "unknown" if self.beat is None else self.beat.state

    @property
    def reason(self) -> str:
        """Why its link to Asterisk is not up, as far as it says so."""
        return "" if self.beat is None else self.beat.reason

    @property
    def next(self) -> int:
        """The number of the next event of its epoch, as far as it is known."""
        return self._ends.get(self.epoch, 1)

    def age(self, now: float) -> float:
        """Seconds since its last beat; infinite before the first."""
        return float("inf") if self.beat is None else now - self.arrived

    def lives(self, now: float) -> bool:
        """Whether it has beaten lately, and has a link to Asterisk."""
        return self.age(now) <= GONE_AFTER and self.state != "down"

    def take(self, head: Head, beat: Beat, now: float) -> bool:
        """A beat has arrived; returns whether it counts, which one that came late does not.

        Only the time of arrival tells a late one's epoch from a new one, so one of an epoch that was never
        seen counts.
        """
        if head == self._head and beat == self.beat:
            return False
        if head.epoch in self._ends and beat.clock < self.clock.newest:
            return False
        self.clock.heard(beat.clock, now)
        if not self.lives(now):
            self.since = now
        self._head, self.beat, self.arrived = head, beat, now
        self.doubtful = self._is_excused = False
        is_same = head.epoch == self.epoch
        is_apart = beat.clock - self._floor[1] >= _APART
        self.rewound = is_same and is_apart and head.first < self._floor[0]
        self.epoch = head.epoch
        if self.rewound:
            self._ends[head.epoch] = head.first
        self._reach(head.epoch, head.first)
        if is_apart or not is_same:
            self._floor = (self.next, beat.clock)
        return True

    def sent(self, head: Head) -> bool:
        """Events have arrived; returns whether they are of its epoch.

        Late ones of an earlier epoch do not count.  Those of an epoch that no beat has shown yet make the
        view doubtful, until there is a beat.
        """
        if head.epoch == self.epoch:
            self._reach(head.epoch, head.first + head.events)
            return True
        if head.epoch not in self._ends:
            self.doubtful = True
        return False

    def present(self, head: Head) -> None:
        """The agent has said where it is now, in a GONE."""
        if head.epoch == self.epoch:
            self._reach(head.epoch, head.first)
        elif head.epoch not in self._ends:
            self.doubtful = True

    def excuse(self, seconds: float) -> None:
        """The edge was stopped for so long, and a beat may wait to be read; counts once until one is."""
        if not self._is_excused:
            self._is_excused = True
            self.arrived += seconds

    def _reach(self, epoch: int, end: int) -> None:
        known = self._ends.pop(epoch, 1)
        self._ends[epoch] = max(known, end)
        if len(self._ends) > _EPOCHS:
            del self._ends[next(iter(self._ends))]
