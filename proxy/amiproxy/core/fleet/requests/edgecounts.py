"""EdgeCounts: what an agent counts of each edge."""

from collections import Counter


class EdgeCounts:
    """Actions that one edge has sent, since the start."""

    __slots__ = ("actions", "last", "own", "refused")

    def __init__(self) -> None:
        #: Those of users and its own queries that were accepted.
        self.actions = 0
        self.own = 0
        #: Those that were refused, by the reason.
        self.refused: Counter[str] = Counter()
        #: When it has sent the last one, in seconds since the epoch; 0.0 for never.
        self.last = 0.0
