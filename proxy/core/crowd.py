"""Crowd: who comes first when one of many has to go.

Everybody stands in networks, a coarse one, a finer one in it, and so on.  First is who is in the
fullest of the coarse networks; among those, who is in the fullest of the finer ones; among those
who are left, who is at the lowest stage; and of these the oldest.  So whoever sends many loses
their own first, whether they have one address, a network of addresses or a network of networks.

Each network keeps its parts in order, each with the one who would go first in it.  A change is
a search in a few sorted lists, and the first of all is known at any time.
"""

from bisect import bisect_left, insort
from collections.abc import Hashable
from typing import Final

#: How full the networks are, the coarsest first, as negative counts; the stage; the number.
Rank = tuple[int, ...]
#: The networks of one member, the coarsest first; all members have equally many.
Networks = tuple[Hashable, ...]

#: How many of a rank's values are not about networks.
_OWN: Final = 2


class _Network:
    """A network, or the whole; its parts are networks, or members."""

    __slots__ = ("order", "parts", "size")

    def __init__(self) -> None:
        self.parts: dict[Hashable, _Network] = {}
        #: The ranks of its parts, sorted: each that of the member who would go first there.
        self.order: list[Rank] = []
        #: Members in it.
        self.size = 0

    def rank(self) -> Rank | None:
        """What it has in the network around it; None while it is empty."""
        return (-self.size, *self.order[0]) if self.order else None


class Crowd:
    """Members are numbers; of two at the same stage the one with the lower number is older."""

    __slots__ = ("_members", "_whole")

    def __init__(self) -> None:
        self._whole = _Network()
        self._members: dict[int, tuple[Networks, int]] = {}

    def __len__(self) -> int:
        """Members."""
        return len(self._members)

    def __contains__(self, number: int) -> bool:
        """Whether it is a member."""
        return number in self._members

    def add(self, number: int, networks: Networks, stage: int) -> None:
        """One more; it may not be a member yet."""
        self._members[number] = networks, stage
        self._exchange(networks, None, (stage, number))

    def advance(self, number: int, stage: int) -> None:
        """This member is at another stage."""
        networks, before = self._members[number]
        self._members[number] = networks, stage
        self._exchange(networks, (before, number), (stage, number))

    def remove(self, number: int) -> None:
        """It is no member any more."""
        networks, stage = self._members.pop(number)
        self._exchange(networks, (stage, number), None)

    def first(self) -> Rank | None:
        """The rank of who comes first, and ends with the number; None if there is nobody."""
        return self._whole.order[0] if self._whole.order else None

    def _exchange(self, networks: Networks, old: Rank | None, new: Rank | None) -> None:
        """Put one rank in the place of another, in the finest network and in all around it."""
        path = [self._whole]
        for network in networks:
            part = path[-1].parts.get(network)
            if part is None:
                part = path[-1].parts[network] = _Network()
            path.append(part)
        change = (new is not None) - (old is not None)
        for place in reversed(path):
            before = place.rank()
            if old is not None:
                del place.order[bisect_left(place.order, old)]
            if new is not None:
                insort(place.order, new)
            place.size += change
            old, new = before, place.rank()
        for depth in range(len(networks), 0, -1):
            if path[depth].size:
                break
            del path[depth - 1].parts[networks[depth - 1]]


def fullness(rank: Rank) -> Rank:
    """What a rank says of the networks; the lower, the fuller."""
    return rank[:-_OWN]
