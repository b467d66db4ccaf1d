"""LimitState: the limits in force, what counts against them, and the one way to report that one was reached.

A limit that is reached shows in three places: on the wire, in ``stats.limits`` under its name in the
configuration, and as one rate-limited log line ``limit-hit``.
"""

# mypyc: compiled

from collections.abc import Hashable
from typing import Protocol

from amiproxy import log
from amiproxy.core.admission.addresses import Admission
from amiproxy.core.admission.networks import NetworkSet
from amiproxy.core.admission.newcomers import Newcomers
from amiproxy.core.audit.stats import Stats
from amiproxy.core.model.limits import Limits


class Holder(Hashable, Protocol):
    """What holds bytes that wait for one client; hashed and compared by identity."""

    @property
    def payer(self) -> str:
        """Name of its user; "" if that is not known."""

    @property
    def bytes_waiting(self) -> int:
        """Bytes that wait to be sent to its client."""

    def limit_reached(self, limit: str, **fields: object) -> None:
        """Report that it has reached a limit."""

    def close(self, reason: str, *, abort: bool = False) -> None:
        """End it."""


class Backlog:
    """The bytes that wait for all clients together."""

    __slots__ = ("others", "size")

    def __init__(self) -> None:
        self.size = 0
        #: Holders of bytes that are no sessions, such as connections with an answer over HTTP.
        self.others: dict[Holder, None] = {}


class Load:
    """How many actions were read and have not started, of sessions that wait for the same server."""

    __slots__ = ("queued",)

    def __init__(self) -> None:
        self.queued = 0


class LimitState:
    """Shared by all sessions and listeners of one hub."""

    def __init__(self, limits: Limits, stats: Stats) -> None:
        self._stats = stats
        self.limits = limits
        #: Addresses to which limits per address and user, rates and penalties do not apply.
        self.exempt = NetworkSet(limits.exempt)
        self.admission = Admission(limits, self.exempt)
        #: Connections that have not logged in.
        self.newcomers = Newcomers()
        #: Bytes waiting in all outboxes together.
        self.backlog = Backlog()
        #: Actions that were read and have not started, of sessions that see several servers; see ``Load``.
        self.load = Load()
        #: Log lines that unauthenticated clients can cause at will.
        self.rationed = log.Rationed()
        #: Log lines that are written once, however often their cause recurs.
        self.once = log.Once()

    def adopt(self, limits: Limits) -> None:
        """Replace the limits; what is open already keeps the sizes that it was created with.

        Raises ValueError if ``limits.exempt`` has a text that is not a network in its normal form.
        """
        self.limits = limits
        self.exempt = NetworkSet(limits.exempt)
        self.admission.limits = limits
        self.admission.exempt = self.exempt

    def limit_reached(self, limit: str, peer: str, **fields: object) -> None:
        """Report that a limit was reached, by its name in the configuration."""
        self._stats.limit_reached(limit)
        self.rationed.say(log.WARNING, "limit-hit", peer, limit=limit, **fields)

    def login_failed(self, peer: str, now: float) -> None:
        """Count a login with a wrong name or secret, which may start a penalty for its address.

        ``now`` is in monotonic seconds.
        """
        seconds = self.admission.failed(peer, now)
        if seconds:
            self._stats.limit_reached("login_failure_burst")
            self.rationed.say(log.WARNING, "penalty-start", peer, seconds=seconds)

    def tick(self, now: float) -> None:
        """Report penalties that have ended, and suppressed log lines; called once a second."""
        for network in self.admission.tick(now):
            self.rationed.say(log.INFO, "penalty-end", network)
        self.rationed.tick(now)
