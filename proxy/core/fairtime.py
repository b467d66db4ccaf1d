"""Fair time: of those that have something waiting, the one that has had the least goes first.

This is start-time fair queueing (Goyal, Vin and Cheng 1996), which keeps the
balance of deficit round robin for each member and sorts by it.  A member with
little to do is therefore served at once and not after a round of all others.
A member may be ahead of its part by a credit before it stands behind others, so
that a little at once does not count as much.  Nobody saves up more than that by
being away, and what a member has had stays with it when it leaves and comes back.
"""

from collections import deque
from heapq import heappop, heappush
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

#: How far a member may be behind the others at most: one long piece of work is not held against it for ever.
LONGEST_DEBT: Final = 1.0


class Member(Generic[Item]):
    """One of those that are served by turns; of one queue only."""

    __slots__ = ("finish", "is_queued", "waiting")

    def __init__(self) -> None:
        #: What it has had, on the queue's clock.
        self.finish = 0.0
        self.waiting: deque[Item] = deque()
        #: It has its place, or is being served.
        self.is_queued = False


class FairTime(Generic[Item]):
    """Costs are in any one unit, here seconds.  ``next`` and ``take`` are to be followed by ``done``."""

    __slots__ = ("_clock", "_credit", "_number", "heap")

    def __init__(self, credit: float = 0.0) -> None:
        self._credit = credit
        #: Not empty while anybody waits.  By what each member had had when it took its place, then in the
        #: order of coming.
        self.heap: list[tuple[float, int, Member[Item]]] = []
        self._number = 0
        #: What the member that is served has had.
        self._clock = 0.0

    def __len__(self) -> int:
        """Members that have something waiting, but for the one being served."""
        return len(self.heap)

    def add(self, member: Member[Item], item: Item) -> None:
        """It waits for the member's turn, behind what the member has waiting."""
        member.waiting.append(item)
        if not member.is_queued:
            member.is_queued = True
            self._place(member)

    def next(self) -> Member[Item]:
        """Whose turn it is.  There must be one; what is taken of what it has waiting is for the caller."""
        self._clock, _, member = heappop(self.heap)
        return member

    def take(self) -> tuple[Member[Item], Item]:
        """Whose turn it is, and what it has waited for.  There must be one."""
        member = self.next()
        return member, member.waiting.popleft()

    def done(self, member: Member[Item], cost: float) -> None:
        """What was taken in this turn has cost so much."""
        self.charge(member, cost)
        if member.waiting:
            self._place(member)
        else:
            member.is_queued = False

    def charge(self, member: Member[Item], cost: float) -> None:
        """The member has had so much, in its turn or not; its next turn is the later for it."""
        clock = self._clock
        member.finish = min(max(member.finish, clock) + cost, clock + LONGEST_DEBT)

    def _place(self, member: Member[Item]) -> None:
        self._number += 1
        heappush(self.heap, (max(member.finish - self._credit, self._clock), self._number, member))
