"""Displacement: chooses which of many connections is closed first.

Each member is in several nested networks.  The member that goes first is in the fullest of the
coarsest networks; within that, in the fullest of the next finer ones, and so on.  Where networks are
equally full, the member at the lowest stage goes first, and of those the oldest.  So an attacker with
many connections loses its own connections first, whether they come from one address, from one network
or from a network of networks.

The fullness of a network is the sum of its members' weights, and each stage has a weight: so members
that make no progress can be made to count for more than those that do.

Each network keeps a sorted list of its parts.  A change is a binary search in one list for each
level, and the first member of all can be read at any time.
"""

# mypyc: compiled

from bisect import bisect_left, insort
from collections.abc import Hashable, Sequence
from typing import Final

#: The weights of the networks, negated, the coarsest first; then the stage; then the number.
Rank = tuple[int, ...]
#: The networks of one member, the coarsest first; all members have equally many.
Networks = tuple[Hashable, ...]

#: How many values at the end of a rank are not about networks.
_OWN: Final = 2


class _Network:
    """A network, or the set of all; its parts are finer networks, or members."""

    __slots__ = ("order", "parts", "weight")

    def __init__(self) -> None:
        self.parts: dict[Hashable, _Network] = {}
        #: The ranks of its parts, sorted; the rank of a part is that of its first member.
        self.order: list[Rank] = []
        #: The sum of its members' weights.
        self.weight = 0

    def rank(self) -> Rank | None:
        """Its rank in the network around it; None while it is empty."""
        return (-self.weight, *self.order[0]) if self.order else None


class Displacement:
    """Members are numbers; of two at the same stage the one with the lower number is older.

    ``weights[stage]`` is the weight of a member at that stage; stages are numbered from 0.
    """

    __slots__ = ("_members", "_weights", "_whole")

    def __init__(self, weights: Sequence[int]) -> None:
        self._weights = weights
        self._whole = _Network()
        self._members: dict[int, tuple[Networks, int]] = {}

    def __len__(self) -> int:
        """The number of members."""
        return len(self._members)

    def __contains__(self, number: int) -> bool:
        """Whether this number is a member."""
        return number in self._members

    def add(self, number: int, networks: Networks, stage: int) -> None:
        """Add a member, whose number must not be in use."""
        self._members[number] = networks, stage
        self._exchange(networks, None, (stage, number), self._weights[stage])

    def advance(self, number: int, stage: int) -> None:
        """Move this member to another stage.  Raises KeyError if it is not a member."""
        networks, before = self._members[number]
        self._members[number] = networks, stage
        change = self._weights[stage] - self._weights[before]
        self._exchange(networks, (before, number), (stage, number), change)

    def remove(self, number: int) -> None:
        """Remove this member.  Raises KeyError if it is not a member."""
        networks, stage = self._members.pop(number)
        self._exchange(networks, (stage, number), None, -self._weights[stage])

    def first(self) -> Rank | None:
        """The rank of the member that goes first; its last value is that member's number.  None if empty."""
        return self._whole.order[0] if self._whole.order else None

    def _exchange(self, networks: Networks, old: Rank | None, new: Rank | None, change: int) -> None:
        """Replace a rank by another, in the finest network and in all networks that contain it."""
        path = [self._whole]
        for network in networks:
            part = path[-1].parts.get(network)
            if part is None:
                part = path[-1].parts[network] = _Network()
            path.append(part)
        for place in reversed(path):
            before = place.rank()
            if old is not None:
                del place.order[bisect_left(place.order, old)]
            if new is not None:
                insort(place.order, new)
            place.weight += change
            old, new = before, place.rank()
        for depth in range(len(networks), 0, -1):
            if path[depth].order:
                break
            del path[depth - 1].parts[networks[depth - 1]]


def fullness(rank: Rank) -> Rank:
    """The part of a rank that is about the networks; lower means fuller."""
    return rank[:-_OWN]
