"""The core's counters: plain slots, incremented on the hot path and read when metrics are scraped."""

# mypyc: compiled

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from amiproxy.core.audit.actionstats import ActionStats
from amiproxy.core.audit.droppedevents import DroppedEvents
from amiproxy.core.audit.eventcounts import EventCounts
from amiproxy.core.audit.historycounts import HistoryCounts
from amiproxy.core.audit.linkcounts import LinkCounts


@dataclass(slots=True)
class Stats:
    """Counts since the start of the process; they only rise."""

    events_in: int = 0
    flushes: int = 0
    faults: int = 0
    actions_local: int = 0
    actions_denied: int = 0
    logins: int = 0
    login_failures: int = 0
    closes: dict[str, int] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    #: What became of events, by the name of their server; "" for the proxy's own.
    events: dict[str, EventCounts] = field(default_factory=dict)
    #: The part of the events delivered that was dropped because an outbox was full.
    missed: DroppedEvents = field(default_factory=DroppedEvents)
    #: Sessions that were closed as slow consumers, by user; "" before login.
    slow_consumers: Counter[str] = field(default_factory=Counter)
    actions: ActionStats = field(default_factory=ActionStats)
    #: What the links brought, by the name of their server.
    links: dict[str, LinkCounts] = field(default_factory=dict)
    #: Snapshots, resumes and what they rest on, by the name of their server.
    history: dict[str, HistoryCounts] = field(default_factory=dict)

    def links_of(self, server: str) -> LinkCounts:
        """What the links of the server with this name brought."""
        found = self.links.get(server)
        if found is None:
            found = self.links[server] = LinkCounts()
        return found

    def history_of(self, server: str) -> HistoryCounts:
        """What clients got of the past and present of the server with this name."""
        found = self.history.get(server)
        if found is None:
            found = self.history[server] = HistoryCounts()
        return found

    @property
    def actions_relayed(self) -> int:
        """See LinkCounts; the sum for all servers."""
        return sum(one.actions_relayed for one in self.links.values())

    def events_of(self, server: str) -> EventCounts:
        """What became of the events of the server with this name; "" for the proxy's own."""
        found = self.events.get(server)
        if found is None:
            found = self.events[server] = EventCounts()
        return found

    @property
    def classes(self) -> Counter[int]:
        """See EventCounts; the sum for all servers."""
        return _sum(counts.classes for counts in self.events.values())

    @property
    def delivered(self) -> Counter[int]:
        """See EventCounts; the sum for all servers."""
        return _sum(counts.delivered for counts in self.events.values())

    def closed(self, reason: str) -> None:
        """Count a session that ended, by its reason."""
        self.closes[reason] = self.closes.get(reason, 0) + 1

    def limit_reached(self, limit: str) -> None:
        """Count that a limit was reached, by the limit's name in the configuration."""
        self.limits[limit] = self.limits.get(limit, 0) + 1

    def refused(self, reason: str) -> None:
        """Count a failed login by its reason, one of the fixed set in ``login``."""
        self.login_failures += 1
        self.refusals[reason] = self.refusals.get(reason, 0) + 1


def _sum(counts: Iterable[Counter[int]]) -> Counter[int]:
    total: Counter[int] = Counter()
    for one in counts:
        total.update(one)
    return total
