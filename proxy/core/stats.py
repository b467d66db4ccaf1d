"""Counters of the switchboard: plain slots, added to on the hot path, read at scrape time."""

from collections import Counter
from dataclasses import dataclass, field

from proxy.core.actionstats import ActionStats
from proxy.core.missed import Missed


@dataclass(slots=True)
class Stats:
    """What happened since the start.  Counts only rise."""

    events_in: int = 0
    events_repaired: int = 0
    events_dropped: int = 0
    flushes: int = 0
    faults: int = 0
    orphans: int = 0
    strays: int = 0
    answers_lost: int = 0
    actions_local: int = 0
    actions_relayed: int = 0
    actions_denied: int = 0
    actions_refused: int = 0
    action_timeouts: int = 0
    logins: int = 0
    login_failures: int = 0
    link_ups: int = 0
    link_downs: int = 0
    closes: dict[str, int] = field(default_factory=dict)
    #: Sessions that were logged in when the link was lost, by what became of them (``linkloss``).
    link_losses: Counter[str] = field(default_factory=Counter)
    limits: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    #: Events in, those that nobody was there to see, and how often filters kept one from a view; by the
    #: mask of the classes that they need.
    classes: Counter[int] = field(default_factory=Counter)
    unread: Counter[int] = field(default_factory=Counter)
    filtered: Counter[int] = field(default_factory=Counter)
    #: Events times sessions that each was meant for, and what of it a full outbox did not take.  A session
    #: that ended before the next flush is in the first all the same.
    delivered: Counter[int] = field(default_factory=Counter)
    missed: Missed = field(default_factory=Missed)
    #: Sessions that were closed because they did not read, by user; "" before login.
    slow_consumers: Counter[str] = field(default_factory=Counter)
    actions: ActionStats = field(default_factory=ActionStats)

    def closed(self, reason: str) -> None:
        """Count the end of a session by its reason."""
        self.closes[reason] = self.closes.get(reason, 0) + 1

    def hit(self, limit: str) -> None:
        """Count that a limit was reached, by its name in the configuration."""
        self.limits[limit] = self.limits.get(limit, 0) + 1

    def refused(self, reason: str) -> None:
        """Count a login that failed by its reason, which is one of the few that ``login`` has."""
        self.login_failures += 1
        self.refusals[reason] = self.refusals.get(reason, 0) + 1
