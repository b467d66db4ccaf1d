"""Counts of what the links to one server bring: messages that are not passed on, and times of answers."""

# mypyc: compiled

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from amiproxy.core.audit.histogram import Histogram

#: Upper bounds of the buckets, in seconds: from a Ping of a local Asterisk to a call that is not answered.
#: Typed as a tuple of any length, because mypyc treats a fixed-length Final tuple of floats as not set.
_BOUNDS: Final[tuple[float, ...]] = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25),
    *(0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)


@dataclass(slots=True)
class LinkCounts:
    """Counts of one server since the start of the process; they only rise."""

    events_repaired: int = 0
    events_dropped: int = 0
    unsolicited_responses: int = 0
    strays: int = 0
    answers_lost: int = 0
    actions_relayed: int = 0
    #: Actions that were not sent, because another one that was sent had the same answer.
    actions_joined: int = 0
    action_timeouts: int = 0
    #: Bound sessions that were logged in when the link was lost, by what was done with them (``linkloss``).
    lost_sessions: Counter[str] = field(default_factory=Counter)
    #: How long answers took, by the action's name as ``KnownActions.counted_name`` has it.
    latencies: dict[bytes, Histogram] = field(default_factory=dict)

    def answered(self, name: bytes, seconds: float) -> None:
        """Count an action whose answer is complete, given by Asterisk or by the proxy in its place.

        ``seconds`` is the time from sending the action to its complete answer.
        """
        latency = self.latencies.get(name)
        if latency is None:
            latency = self.latencies[name] = Histogram(_BOUNDS)
        latency.observe(seconds)
