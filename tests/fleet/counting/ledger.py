"""What one client was sent of numbered events, and what it knows that it has missed."""

from collections.abc import Iterable
from typing import NamedTuple


class Gap(NamedTuple):
    """The numbers of a stream between two that came."""

    stream: str
    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1


class Ledger:
    """The numbers of each stream have to come once and in order.

    A stream is a server and a class of events, such as ``berlin.call``, and each has numbers of its own.
    Numbers may be missing only behind ``told``: the client was told that it may have missed events of a
    server, so that it takes a snapshot.
    """

    def __init__(self, streams: Iterable[str]) -> None:
        """``streams``: those that the client may see."""
        self._may_see = frozenset(streams)
        self._last: dict[str, int] = {}
        self._told: set[str] = set()
        self._gaps: list[Gap] = []
        #: Missing, although the client was not told.
        self.lost: list[Gap] = []
        #: Missing, as the client was told.
        self.missed: list[Gap] = []
        self.doubled: list[tuple[str, int]] = []
        self.disordered: list[tuple[str, int]] = []
        self.leaked: list[tuple[str, int]] = []
        #: How many events came, and how often the client was told of a server.
        self.events = 0
        self.changes = 0
        #: The longest time between two events of one stream, in seconds.
        self.pause = 0.0
        self._before: dict[str, float] = {}

    def came(self, stream: str, number: int, now: float = 0.0) -> None:
        """An event, at this time in seconds."""
        self.events += 1
        self.pause = max(self.pause, now - self._before.get(stream, now))
        self._before[stream] = now
        if stream not in self._may_see:
            self.leaked.append((stream, number))
            return
        last = self._last.get(stream)
        told, self._told = stream in self._told, self._told - {stream}
        if last is None or number == last + 1:
            self._last[stream] = number
        elif number > last:
            gap = Gap(stream, last + 1, number - 1)
            self._last[stream] = number
            self._gaps.append(gap)
            (self.missed if told else self.lost).append(gap)
        elif any(gap.stream == stream and gap.first <= number <= gap.last for gap in self._gaps):
            self.disordered.append((stream, number))
        else:
            self.doubled.append((stream, number))

    def told(self, server: str) -> None:
        """The client was told that it may have missed events of this server."""
        self.changes += 1
        self._told |= {stream for stream in self._may_see if stream.partition(".")[0] == server}

    def told_of_all(self) -> None:
        """The same for all servers."""
        self.changes += 1
        self._told |= self._may_see

    def measure(self) -> None:
        """Measure ``pause`` from the next event of each stream on."""
        self.pause, self._before = 0.0, {}

    def reached(self, stream: str, number: int) -> bool:
        """Whether this is the number of the newest event."""
        return self._last.get(stream) == number

    @property
    def faults(self) -> list[str]:
        """What must not have happened; empty if all is well."""
        found = [f"lost {gap.stream} {gap.first}-{gap.last}" for gap in self.lost]
        for what, events in (
            ("doubled", self.doubled),
            ("disordered", self.disordered),
            ("leaked", self.leaked),
        ):
            found += [f"{what} {stream} {number}" for stream, number in events]
        return found
