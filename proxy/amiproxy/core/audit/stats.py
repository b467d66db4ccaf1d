"""The core's counters: plain slots, incremented on the hot path and read when metrics are scraped."""

# mypyc: compiled

from collections import Counter
from dataclasses import dataclass, field

from amiproxy.core.audit.actionstats import ActionStats
from amiproxy.core.audit.droppedevents import DroppedEvents


@dataclass(slots=True)
class Stats:
    """Counts since the start of the process; they only rise."""

    events_in: int = 0
    events_repaired: int = 0
    events_dropped: int = 0
    flushes: int = 0
    faults: int = 0
    unsolicited_responses: int = 0
    strays: int = 0
    answers_lost: int = 0
    actions_local: int = 0
    actions_relayed: int = 0
    actions_denied: int = 0
    action_timeouts: int = 0
    logins: int = 0
    login_failures: int = 0
    closes: dict[str, int] = field(default_factory=dict)
    #: Sessions that were logged in when the link was lost, by what was done with them (``linkloss``).
    link_losses: Counter[str] = field(default_factory=Counter)
    limits: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    #: Events received, by the mask of the privilege classes that they need.
    classes: Counter[int] = field(default_factory=Counter)
    #: Events that no session could see, by the same mask.
    unread: Counter[int] = field(default_factory=Counter)
    #: How often filters kept an event from a subscription, by the same mask.
    filtered: Counter[int] = field(default_factory=Counter)
    #: The sum over all events of the sessions that each was meant for, by the same mask.  A session that
    #: ended before the next flush is counted too.
    delivered: Counter[int] = field(default_factory=Counter)
    #: The part of ``delivered`` that was dropped because an outbox was full.
    missed: DroppedEvents = field(default_factory=DroppedEvents)
    #: Sessions that were closed as slow consumers, by user; "" before login.
    slow_consumers: Counter[str] = field(default_factory=Counter)
    actions: ActionStats = field(default_factory=ActionStats)

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
