"""Fair time: a queue that serves the member that has used the least time recently.

The time that a member has used is forgotten within about a second: as in the Unix schedulers, it counts
less the longer ago it was.  So a member with little to do is served at once, however many others there
are and however they come and go; members that always have something waiting get equal times; and a
member that has used much waits at most until that is forgotten.

A virtual clock that counts what is served, as in start-time fair queueing, would not do here: whenever
the queue runs empty, it jumps to the member that has used the most, and all others then equal that one.
"""

# mypyc: compiled

import math
from heapq import heappop, heappush
from typing import Final, Generic

from amiproxy.core.model.share import Item, Member

#: Most seconds that count as used: one long piece of work is not held against its member for ever.
MOST: Final = 1.0
#: Members that have used less than this recently are equal, and served in the order of arrival.
LITTLE: Final = 0.0001
#: Seconds after which about a third (1/e) of the time a member has used still counts.
MEMORY: Final = 0.25


def used(had: float, at: float, now: float) -> float:
    """What counts now of ``had`` seconds that were used until the time ``at``; all in monotonic seconds."""
    return had * math.exp((at - now) / MEMORY)


def charged(had: float, at: float, now: float, cost: float) -> float:
    """What counts now of it and of ``cost`` seconds more, at most ``MOST``."""
    total = had * math.exp((at - now) / MEMORY) + cost
    return total if total < MOST else MOST  # noqa: FURB136 - quicker than min


def position(counts: float, little: float, now: float) -> float:
    """The place in a queue after a use of ``counts`` seconds as of now; the lowest is served first.

    Uses of less than ``little`` count as about equal.
    """
    # Use decays by 1/e per MEMORY: adding now / MEMORY to the logarithm makes all places comparable.
    return math.log(counts + little) + now / MEMORY


class FairTime(Generic[Item]):
    """Costs are in seconds, ``now`` is in monotonic seconds.  Each ``next`` or ``take`` needs a ``done``."""

    __slots__ = ("_number", "heap")

    def __init__(self) -> None:
        #: Waiting members.  The key is what each had used when it was queued, on a scale on which later
        #: times count for more, as earlier use is forgotten; then the order of arrival.
        self.heap: list[tuple[float, int, Member[Item]]] = []
        self._number = 0

    def __len__(self) -> int:
        """The number of members with something waiting, except the one being served."""
        return len(self.heap)

    def add(self, member: Member[Item], item: Item, now: float) -> None:
        """Queue an item behind the member's other items."""
        member.waiting.append(item)
        if not member.is_queued:
            member.is_queued = True
            self._place(member, now)

    def next(self) -> Member[Item]:
        """The member to serve next; the caller takes from its ``waiting``.  The queue must not be empty."""
        return heappop(self.heap)[2]

    def take(self) -> tuple[Member[Item], Item]:
        """The member to serve next, and its first item.  The queue must not be empty."""
        member = self.next()
        return member, member.waiting.popleft()

    def done(self, member: Member[Item], cost: float, now: float) -> None:
        """End the member's turn, which has cost ``cost`` seconds."""
        self.charge(member, cost, now)
        if member.waiting:
            self._place(member, now)
        else:
            member.is_queued = False

    def charge(self, member: Member[Item], cost: float, now: float) -> None:
        """Charge the member, in its turn or outside it; its next turn comes the later for that."""
        member.had = charged(member.had, member.at, now, cost)
        member.at = now

    def _place(self, member: Member[Item], now: float) -> None:
        self._number += 1
        place = position(used(member.had, member.at, now), LITTLE, now)
        heappush(self.heap, (place, self._number, member))
