"""What became of actions, by name, user and result, and how long Asterisk took.

Bounded whatever clients send: names are those of the action table, users those
of the user table, results the words below.
"""

from bisect import bisect_left
from typing import Final

#: Upper bounds of the buckets, in seconds: from a local Asterisk's Ping to a call that is not answered.
#: Typed as of any length, because mypyc takes a fixed-length Final tuple of floats for not set.
BOUNDS: Final[tuple[float, ...]] = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25),
    *(0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
#: The name of what is not in the action table.
OTHER: Final = b"other"
_RESULTS: Final = {b"Success": "success", b"Follows": "success", b"Goodbye": "success", b"Error": "error"}


class Latency:
    """A histogram: one count for each bound and one for what is above all, and the sum in seconds."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.total += seconds
        self.counts[bisect_left(BOUNDS, seconds)] += 1


class ActionStats:
    """``results`` by (action, user, result); the user is "" before login.  ``latencies`` by action."""

    __slots__ = ("latencies", "results")

    def __init__(self) -> None:
        self.results: dict[tuple[bytes, str, str], int] = {}
        self.latencies: dict[bytes, Latency] = {}

    def count(self, name: bytes, user: str, result: str) -> None:
        """An action that Asterisk was not asked: ``local`` or ``denied``."""
        key = (name, user, result)
        self.results[key] = self.results.get(key, 0) + 1

    def answered(self, name: bytes, user: str, response: bytes, seconds: float) -> None:
        """Asterisk, or the proxy in its place, gave the last answer; ``response`` is the word of its kind."""
        self.count(name, user, _RESULTS.get(response, "none"))
        latency = self.latencies.get(name)
        if latency is None:
            latency = self.latencies[name] = Latency()
        latency.observe(seconds)
