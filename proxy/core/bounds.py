"""Bounds: the limits in force, what counts against them, and the one way to say that one was reached.

A limit that is reached shows in three places: on the wire, in ``stats.limits``
by its name in the configuration, and as one rationed log line ``limit-hit``.
"""

from proxy import log
from proxy.config.limits import Limits
from proxy.core.admission import Admission
from proxy.core.deadlines import Deadlines
from proxy.core.members import Members
from proxy.core.networks import NetworkSet
from proxy.core.newcomers import Newcomers
from proxy.core.outbox import NEVER, Backlog, Outbox
from proxy.core.stats import Stats
from proxy.core.stored import Stored
from proxy.core.throttle import UserRates
from proxy.core.users import User


class Bounds:
    """Shared by all sessions and doors of one hub."""

    def __init__(self, limits: Limits, stats: Stats) -> None:
        self._stats = stats
        self.limits = limits
        #: Where limits per address and user, rates and penalties do not apply.
        self.exempt = NetworkSet(limits.exempt)
        self.admission = Admission(limits, self.exempt)
        #: Connections that have not logged in.
        self.newcomers = Newcomers()
        self.rates = UserRates(limits)
        #: What users have put into Asterisk's channels.
        self.stored = Stored()
        #: What users have added to Asterisk's queues.
        self.members = Members()
        #: What waits in all outboxes together.
        self.backlog = Backlog()
        #: Actions of all sessions that were read and have not begun.
        self.queued = 0
        #: For what strangers can cause at will.
        self.rationed = log.Rationed()
        #: For what is worth one line, however often it happens.
        self.once = log.Once()

    def adopt(self, limits: Limits) -> None:
        """Other limits, from now on; what is open keeps the sizes it was made with."""
        self.limits = limits
        self.exempt = NetworkSet(limits.exempt)
        self.admission.limits = limits
        self.admission.exempt = self.exempt
        self.rates.limits = limits

    def hit(self, limit: str, peer: str, **fields: object) -> None:
        """A limit was reached, by its name in the configuration."""
        self._stats.hit(limit)
        self.rationed.say(log.WARNING, "limit-hit", peer, limit=limit, **fields)

    def login_failed(self, peer: str, now: float) -> None:
        """A guess that was wrong."""
        seconds = self.admission.failed(peer, now)
        if seconds:
            self._stats.hit("login_failure_burst")
            self.rationed.say(log.WARNING, "penalty-start", peer, seconds=seconds)

    def fit(self, outbox: Outbox, user: User) -> None:
        """Give the outbox of a user who has logged in the limits that hold for it."""
        drops = (user.slow_consumer or self.limits.slow_consumer) == "drop_events"
        outbox.limit = self.limits.outbox_hard
        outbox.drop_events_past(self.limits.outbox_soft if drops else NEVER)

    def deadlines(self) -> Deadlines:
        """What holds for Asterisk's answers."""
        limits = self.limits
        return Deadlines(
            action=limits.action_timeout,
            command=limits.command_timeout,
            list_item=limits.list_item_timeout,
            list_total=limits.list_timeout,
            originate_margin=limits.originate_grace,
            originate_longest=limits.originate_timeout_max,
            list_items=limits.list_items,
        )

    def tick(self, now: float) -> None:
        """Once a second."""
        for network in self.admission.tick(now):
            self.rationed.say(log.INFO, "penalty-end", network)
        self.rationed.tick(now)
