"""FairQueue: requests that wait for a few workers, where networks take turns.

A network that sends a thousand requests has as many turns as one that sends one: the coarsest
networks take turns, within each the next finer ones, and so on down to the single address.  Ranks
come before turns: a request of a lower rank number never waits for one of a higher.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

from proxy.core.crowd import Networks

Item = TypeVar("Item", bound=Hashable)


class _Line(Generic[Item]):
    """The queue of one network: the queues of its parts, or the items of one address."""

    __slots__ = ("items", "parts", "size")

    def __init__(self) -> None:
        self.parts: dict[Hashable, _Line[Item]] = {}
        self.items: dict[Item, None] = {}
        self.size = 0


class FairQueue(Generic[Item]):
    """``ranks`` is their number; rank 0 is served first."""

    __slots__ = ("_lines", "_places")

    def __init__(self, ranks: int) -> None:
        self._lines: list[_Line[Item]] = [_Line() for _ in range(ranks)]
        self._places: dict[Item, tuple[int, Networks]] = {}

    def __len__(self) -> int:
        """Items that wait."""
        return len(self._places)

    def __contains__(self, item: Item) -> bool:
        """Whether it waits."""
        return item in self._places

    def put(self, item: Item, networks: Networks, rank: int) -> None:
        """Add an item that is not in the queue yet."""
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
        """Remove an item, if it is there."""
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
        """Remove and return the item whose turn it is.  The queue may not be empty."""
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
        """The item to give up when there are too many; it stays in the queue.

        It has the highest rank number, is in the fullest network, and would be the last there.
        """
        line = next(line for line in reversed(self._lines) if line.size)
        while line.parts:
            line = max(reversed(line.parts.values()), key=lambda part: part.size)
        return next(reversed(line.items))
