"""FairQueue: what waits for the same few workers, where the networks that ask take turns.

A network that sends a thousand requests has its turn as often as one that sends one: first the
coarse networks take turns, then within each the finer ones, down to the single address.  Ranks go
before turns: nobody of a higher rank (a lower number) waits for anybody of a lower one.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

from proxy.core.crowd import Networks

Item = TypeVar("Item", bound=Hashable)


class _Line(Generic[Item]):
    """Of one network: those of its parts, or what waits."""

    __slots__ = ("items", "parts", "size")

    def __init__(self) -> None:
        self.parts: dict[Hashable, _Line[Item]] = {}
        self.items: dict[Item, None] = {}
        self.size = 0


class FairQueue(Generic[Item]):
    """``ranks`` is how many there are: 0 is served first."""

    __slots__ = ("_lines", "_places")

    def __init__(self, ranks: int) -> None:
        self._lines: list[_Line[Item]] = [_Line() for _ in range(ranks)]
        self._places: dict[Item, tuple[int, Networks]] = {}

    def __len__(self) -> int:
        """What waits."""
        return len(self._places)

    def __contains__(self, item: Item) -> bool:
        """Whether it waits."""
        return item in self._places

    def put(self, item: Item, networks: Networks, rank: int) -> None:
        """It waits from now on; it may not do so already."""
        self._places[item] = rank, networks
        line = self._lines[rank]
        line.size += 1
        for network in networks:
            part = line.parts.get(network)
            if part is None:
                part = line.parts[network] = _Line()
            part.size += 1
            line = part
        line.items[item] = None

    def remove(self, item: Item) -> None:
        """It waits no longer; nothing happens if it did not."""
        place = self._places.pop(item, None)
        if place is None:
            return
        rank, networks = place
        line = self._lines[rank]
        line.size -= 1
        for network in networks:
            part = line.parts[network]
            part.size -= 1
            if not part.size:
                del line.parts[network]
                return
            line = part
        del line.items[item]

    def take(self) -> Item:
        """What has its turn; it waits no longer.  Something must wait."""
        line = next(line for line in self._lines if line.size)
        while line.parts:
            network, part = next(iter(line.parts.items()))
            del line.parts[network]
            line.parts[network] = part  # its next turn comes after all the others'
            line = part
        item = next(iter(line.items))
        self.remove(item)
        return item

    def last(self) -> Item:
        """What waits most in vain: of the lowest rank, in the fullest network, the one that comes last.

        It goes on waiting.
        """
        line = next(line for line in reversed(self._lines) if line.size)
        while line.parts:
            line = max(reversed(line.parts.values()), key=lambda part: part.size)
        return next(reversed(line.items))
