"""Fair time: of those that have something waiting, the one that has had the least lately goes first.

What a member has had is forgotten within a second: as in the schedulers of Unix, the
time that it was given counts less the longer ago that was.  So one with little to do
is served at once, however many others there are and however they come and go; those
that always have something waiting are given equal times; and one that has had much
waits at most for as long as it takes to be forgotten.

A clock that counts what is served, as in start-time fair queueing, would not do here:
whenever the queue runs empty it jumps to the one that has had the most, and all
others are then equal to that.
"""

import math
from collections import deque
from heapq import heappop, heappush
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

#: What a member has had counts as this much at most: one long piece of work is not held against it for ever.
MOST: Final = 1.0
#: Those that have had less than this lately are equal, and served in the order of their coming.
LITTLE: Final = 0.0001
#: Seconds after which a third of what a member has had still counts (1/e).
MEMORY: Final = 0.25


class Member(Generic[Item]):
    """One of those that are served by turns; of one queue only."""

    __slots__ = ("at", "had", "is_queued", "waiting")

    def __init__(self) -> None:
        #: Seconds that it has had, as they counted at ``at``.
        self.had = 0.0
        self.at = 0.0
        self.waiting: deque[Item] = deque()
        #: It has its place, or is being served.
        self.is_queued = False


class FairTime(Generic[Item]):
    """Costs and ``now`` are in seconds.  ``next`` and ``take`` are to be followed by ``done``."""

    __slots__ = ("_number", "heap")

    def __init__(self) -> None:
        #: Not empty while anybody waits.  By what each member had had when it took its place, on a scale on
        #: which that grows as it is forgotten; then in the order of coming.
        self.heap: list[tuple[float, int, Member[Item]]] = []
        self._number = 0

    def __len__(self) -> int:
        """Members that have something waiting, but for the one being served."""
        return len(self.heap)

    def add(self, member: Member[Item], item: Item, now: float) -> None:
        """It waits for the member's turn, behind what the member has waiting."""
        member.waiting.append(item)
        if not member.is_queued:
            member.is_queued = True
            self._place(member, now)

    def next(self) -> Member[Item]:
        """Whose turn it is.  There must be one; what is taken of what it has waiting is for the caller."""
        return heappop(self.heap)[2]

    def take(self) -> tuple[Member[Item], Item]:
        """Whose turn it is, and what it has waited for.  There must be one."""
        member = self.next()
        return member, member.waiting.popleft()

    def done(self, member: Member[Item], cost: float, now: float) -> None:
        """What was taken in this turn has cost so much."""
        self.charge(member, cost, now)
        if member.waiting:
            self._place(member, now)
        else:
            member.is_queued = False

    def charge(self, member: Member[Item], cost: float, now: float) -> None:
        """The member has had so much, in its turn or not; its next turn is the later for it."""
        had = member.had * math.exp((member.at - now) / MEMORY) + cost
        member.had = had if had < MOST else MOST  # noqa: FURB136 - quicker than min
        member.at = now

    def _place(self, member: Member[Item], now: float) -> None:
        self._number += 1
        counts = member.had * math.exp((member.at - now) / MEMORY)
        # What counts so much now counts as much as what will count 1/e of it a MEMORY later.
        heappush(self.heap, (math.log(counts + LITTLE) + now / MEMORY, self._number, member))
