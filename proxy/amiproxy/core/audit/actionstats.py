"""Counts of actions by name, user and result, and histograms of how long Asterisk took.

Their number is bounded whatever clients send: names come from the action table, users from the
user table, and results are the words below.
"""

# mypyc: compiled

from typing import Final

from amiproxy.core.audit.histogram import Histogram

#: Upper bounds of the buckets, in seconds: from a Ping of a local Asterisk to a call that is not answered.
#: Typed as a tuple of any length, because mypyc treats a fixed-length Final tuple of floats as not set.
_BOUNDS: Final[tuple[float, ...]] = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25),
    *(0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
#: The name under which actions are counted that are not in the action table.
OTHER: Final = b"other"
_RESULTS: Final = {b"Success": "success", b"Follows": "success", b"Goodbye": "success", b"Error": "error"}


class ActionStats:
    """``results`` is by (action, user, result), with the user "" before login; ``latencies`` by action.

    Names of actions are those of ``KnownActions.counted_name``, so that clients cannot make up any.
    """

    __slots__ = ("latencies", "results")

    def __init__(self) -> None:
        self.results: dict[tuple[bytes, str, str], int] = {}
        self.latencies: dict[bytes, Histogram] = {}

    def count(self, name: bytes, user: str, result: str) -> None:
        """Count an action that was not sent to Asterisk: the result is ``local`` or ``denied``."""
        key = (name, user, result)
        self.results[key] = self.results.get(key, 0) + 1

    def answered(self, name: bytes, user: str, response: bytes, seconds: float) -> None:
        """Count an action whose answer is complete, given by Asterisk or by the proxy in its place.

        ``response`` is the value of the answer's ``Response`` header, b"" if it had none; ``seconds`` is the
        time from sending the action to its complete answer.
        """
        self.count(name, user, _RESULTS.get(response, "none"))
        latency = self.latencies.get(name)
        if latency is None:
            latency = self.latencies[name] = Histogram(_BOUNDS)
        latency.observe(seconds)
