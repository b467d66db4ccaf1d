"""FairQueue: requests waiting for a few workers, served round-robin by network and by name.

There are two orders, which the workers serve alternately.  In the first, networks take turns: a network
that sends a thousand requests has as many turns as one that sends one.  The coarsest networks take
turns, within each the next finer ones, and so on down to the single address.  In the second, the names
in the requests take turns, and within each name its networks.  So a request waits at most twice as long
as in the better of the two orders: many requests from a few networks cannot delay others by giving many
names, and many requests from many networks cannot by giving a few names.

Ranks come before turns: a request never waits for one with a higher rank number.
"""

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from amiproxy.core.admission.displacement import Networks

Item = TypeVar("Item", bound=Hashable)
#: The networks or names that take turns, the coarsest first.
_Path = tuple[Hashable, ...]
_ORDERS: Final = 2
#: The order in which networks take turns.
_BY_NETWORKS: Final = 0


class _Line(Generic[Item]):
    """The queue of one network or name: the queues of its parts, or its items if it has none."""

    __slots__ = ("items", "parts", "size")

    def __init__(self) -> None:
        self.parts: dict[Hashable, _Line[Item]] = {}
        self.items: dict[Item, None] = {}
        self.size = 0

    def put(self, item: Item, path: _Path) -> None:
        """Add an item after the others at this path."""
        line = self
        line.size += 1
        for step in path:
            part = line.parts.get(step)
            if part is None:
                part = line.parts[step] = _Line()
            part.size += 1
            line = part
        line.items[item] = None

    def remove(self, item: Item, path: _Path) -> None:
        """Remove an item, which must be at this path."""
        line = self
        line.size -= 1
        for step in path:
            part = line.parts[step]
            part.size -= 1
            if not part.size:
                del line.parts[step]
                return
            line = part
        del line.items[item]

    def next(self) -> Item:
        """The item whose turn it is.  Every queue that contains it moves behind its siblings."""
        line = self
        while line.parts:
            step, part = next(iter(line.parts.items()))
            del line.parts[step]
            line.parts[step] = part
            line = part
        return next(iter(line.items))


class FairQueue(Generic[Item]):
    """``ranks`` is the number of ranks; rank 0 is served first."""

    __slots__ = ("_lines", "_places", "_turn")

    def __init__(self, ranks: int) -> None:
        self._lines: list[tuple[_Line[Item], ...]] = [
            tuple(_Line() for _ in range(_ORDERS)) for _ in range(ranks)
        ]
        #: The rank and the path in each order of every item, the oldest item first.
        self._places: dict[Item, tuple[int, tuple[_Path, ...]]] = {}
        #: The order that was served last.
        self._turn = 0

    def __len__(self) -> int:
        """The number of waiting items."""
        return len(self._places)

    def __contains__(self, item: Item) -> bool:
        """Whether this item is waiting."""
        return item in self._places

    def put(self, item: Item, networks: Networks, rank: int, name: Hashable = None) -> None:
        """Add an item that is not in the queue yet.

        ``networks`` are those around its address, the coarsest first; ``name`` is the user name that it is
        about.
        """
        paths = (networks, (name, *networks))
        self._places[item] = rank, paths
        for line, path in zip(self._lines[rank], paths, strict=True):
            line.put(item, path)

    def remove(self, item: Item) -> None:
        """Remove an item, if it is in the queue."""
        place = self._places.pop(item, None)
        if place is not None:
            rank, paths = place
            for line, path in zip(self._lines[rank], paths, strict=True):
                line.remove(item, path)

    def take(self) -> Item:
        """Remove and return the item whose turn it is.  The queue must not be empty."""
        self._turn = (self._turn + 1) % _ORDERS
        item = next(lines[self._turn] for lines in self._lines if lines[self._turn].size).next()
        self.remove(item)
        return item

    def surplus(self) -> Item:
        """The item to drop when there are too many.  It is not removed from the queue.

        It is the one of the highest rank number that has waited longest: requests that can be served soon
        have been served by then, while the newest could be one of those.  If one network has more than
        half of the items of that rank, it is the oldest of that network's, and so on for finer networks.
        """
        last = max(rank for rank, lines in enumerate(self._lines) if lines[_BY_NETWORKS].size)
        line = self._lines[last][_BY_NETWORKS]
        most, within = line.size, 0
        crowd: _Path = ()
        while line.parts:
            step, part = max(line.parts.items(), key=lambda part: part[1].size)
            if 2 * part.size <= most:
                break
            crowd, line, within = (*crowd, step), part, within + 1
        return next(
            item
            for item, (rank, paths) in self._places.items()
            if rank == last and paths[_BY_NETWORKS][:within] == crowd
        )
