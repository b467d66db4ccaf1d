"""Context: what every session needs: the clock, the limits, the users, the policy, Asterisk, the audit log.

The hub builds it, and replaces ``users`` and ``generation`` when they change.  It knows neither
sessions nor the hub.
"""

# mypyc: compiled

from collections.abc import Callable
from typing import Protocol

from amiproxy import log
from amiproxy.ami.actions import Listed
from amiproxy.core.audit.auditlog import AuditLog
from amiproxy.core.audit.stats import Stats
from amiproxy.core.budgets.backpressure import Backpressure
from amiproxy.core.budgets.caused import Caused
from amiproxy.core.budgets.throttle import UserRates
from amiproxy.core.fanout.subscription import Member
from amiproxy.core.learning.learner import Learner
from amiproxy.core.limits.shares import Shares
from amiproxy.core.limitstate import LimitState
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.ports import Scheduler, Verifier, Waiting
from amiproxy.core.servers.servers import Servers

MayRun = Callable[[User, Listed], bool]


class Answered(Protocol):
    """A session that has answers to send."""

    def push(self) -> None:
        """Send them."""


class Context:
    """Shared by all sessions of one hub."""

    __slots__ = (
        "answered",
        "audit_log",
        "backpressure",
        "caused",
        "generation",
        "learner",
        "limit_state",
        "may_run",
        "rates",
        "scheduler",
        "servers",
        "settle",
        "shares",
        "stats",
        "subscribe",
        "users",
        "verifier",
        "waiting",
    )

    def __init__(
        self,
        *,
        users: UserTable,
        scheduler: Scheduler,
        verifier: Verifier,
        may_run: MayRun,
        stats: Stats,
        limit_state: LimitState,
        rates: UserRates,
        shares: Shares,
        caused: Caused,
        backpressure: Backpressure,
        servers: Servers,
        audit_log: AuditLog,
        learner: Learner,
        subscribe: Callable[[Member], None],
        settle: Callable[[], None],
    ) -> None:
        self.users = users
        #: Counts the configurations that were applied.
        self.generation = 1
        self.scheduler = scheduler
        self.verifier = verifier
        self.may_run: MayRun = may_run
        self.stats = stats
        self.limit_state = limit_state
        self.rates = rates
        #: Decides whose work the processor does next.
        self.shares = shares
        self.caused = caused
        self.backpressure = backpressure
        self.servers = servers
        self.audit_log = audit_log
        #: Records what users use, while that is switched on.
        self.learner = learner
        #: Moves a session to the subscription that matches its rights, event mask and filters.
        self.subscribe: Callable[[Member], None] = subscribe
        #: Sends what sessions have put into ``answered``, and the events that are due.
        self.settle: Callable[[], None] = settle
        #: The sessions that have something to send when the hub settles.
        self.answered: dict[Answered, None] = {}
        #: The WaitEvents that are running.
        self.waiting: set[Waiting] = set()

    @property
    def limits(self) -> Limits:
        """The limits in force."""
        return self.limit_state.limits

    def fault(self, error: Exception, where: str, **fields: object) -> None:
        """Log and count an internal error that does not end the service."""
        self.stats.faults += 1
        log.exception("fault", error, where=where, **fields)
