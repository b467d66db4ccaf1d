"""HistoryCounts: what clients got of one server's past and present, and how well the proxy knows it."""

# mypyc: compiled

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from amiproxy.core.audit.histogram import Histogram

#: The outcomes of ProxyResume: the client got what it had missed; it must take a snapshot; it was closed
#: because the journal had overtaken it before it had read everything.
RESUMED: Final = "resumed"
GAP: Final = "gap"
OVERTAKEN: Final = "overtaken"
RESUME_OUTCOMES: Final[tuple[str, ...]] = (RESUMED, GAP, OVERTAKEN)
#: The outcomes of ProxySnapshot: everything that was asked for; some kinds were missing; refused, since the
#: server was away or the client had ended meanwhile.
COMPLETE: Final = "complete"
PARTIAL: Final = "partial"
FAILED: Final = "failed"
SNAPSHOT_OUTCOMES: Final[tuple[str, ...]] = (COMPLETE, PARTIAL, FAILED)
#: The outcomes for sessions with ``upstream_lost: repair``: they were brought up to date; they were closed
#: after all, because that was not possible.
REPAIRED: Final = "repaired"
GIVEN_UP: Final = "given up"
REPAIR_OUTCOMES: Final[tuple[str, ...]] = (REPAIRED, GIVEN_UP)

#: Upper bounds of the buckets, in seconds: from a list of a small Asterisk to one with thousands of channels.
_BOUNDS: Final[tuple[float, ...]] = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
)


@dataclass(slots=True)
class HistoryCounts:
    """Counts of one server since the start of the process; they only rise, except for ``catching_up``.

    Kinds are named as in ``Kinds:`` of ProxySnapshot, such as ``channels``.
    """

    #: Snapshots by outcome; one that is answered with the bytes of another counts too.
    snapshots: Counter[str] = field(default_factory=Counter)
    #: Snapshots that were answered with the bytes of another, which was asked for in the same flush.
    snapshots_shared: int = 0
    resumes: Counter[str] = field(default_factory=Counter)
    #: Events that clients were sent from the journal.
    replayed: int = 0
    #: Sessions that are being sent events from the journal now.
    catching_up: int = 0
    #: Sessions with ``upstream_lost: repair`` after the link was lost, by outcome.
    repairs: Counter[str] = field(default_factory=Counter)
    #: By kind: how often the native lists replaced it, and how often one of them failed.
    seeds: Counter[str] = field(default_factory=Counter)
    seed_failures: Counter[str] = field(default_factory=Counter)
    #: By kind: items that differed from the native lists although no event had been missed.
    drift: Counter[str] = field(default_factory=Counter)
    #: By kind: how long its native lists took, from the first action to the last answer.
    seed_times: dict[str, Histogram] = field(default_factory=dict)

    def seeded(self, kind: str, seconds: float) -> None:
        """Count that the native lists replaced a kind; they took this many seconds."""
        self.seeds[kind] += 1
        times = self.seed_times.get(kind)
        if times is None:
            times = self.seed_times[kind] = Histogram(_BOUNDS)
        times.observe(seconds)
