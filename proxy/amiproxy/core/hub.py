"""Hub: all sessions, the servers that they share, and the proxy's own events.

It builds what the parts of the core share, and joins them.
"""

# mypyc: compiled

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from amiproxy.core.adoption import Adoption
from amiproxy.core.audit.auditlog import AuditLog
from amiproxy.core.audit.stats import Stats
from amiproxy.core.budgets.backpressure import Backpressure
from amiproxy.core.budgets.caused import Caused
from amiproxy.core.budgets.throttle import UserRates
from amiproxy.core.clients.history.cursor import Cursors
from amiproxy.core.clients.history.snapshot import Snapshots
from amiproxy.core.clients.linkloss import LinkLoss
from amiproxy.core.clients.login import Login
from amiproxy.core.clients.registry import SessionRegistry
from amiproxy.core.clients.routes.entrance import ANYWHERE, Entrance
from amiproxy.core.clients.routes.routing import Routing
from amiproxy.core.clients.session import Session
from amiproxy.core.clients.tap import Taps
from amiproxy.core.clients.web.websessions import WebSessions
from amiproxy.core.context import Context, MayRun
from amiproxy.core.denials.kept import Denials
from amiproxy.core.fanout.announcements import Announcements, LinkNews
from amiproxy.core.fanout.flushing import Flusher, Follower
from amiproxy.core.fanout.pacing import Pacing
from amiproxy.core.fanout.subscriptions import Subscriptions
from amiproxy.core.handling import handlers_of
from amiproxy.core.learning.learner import Learner
from amiproxy.core.limits.shares import Shares
from amiproxy.core.limitstate import LimitState
from amiproxy.core.model.limits import HistoryBounds, Limits, ServerLimits, UpstreamLost
from amiproxy.core.model.users import LONE_SERVER, User, UserTable
from amiproxy.core.policy.verdicts import Decide, VerdictCaches
from amiproxy.core.ports import Scheduler, Sealer, Transport, Verifier
from amiproxy.core.roster import Roster
from amiproxy.core.servers.server import Server
from amiproxy.core.servers.servers import Configured, Servers
from amiproxy.steps import Steps, finish

#: The servers of a configuration with ``upstream:``.
ONE_SERVER: Final = Configured((LONE_SERVER,))
_NONE_OF_ITS_OWN: Final = ServerLimits()


class Hub:
    """All sessions, and the servers that they share.  Everything runs on one thread."""

    def __init__(
        self,
        users: UserTable,
        limits: Limits,
        pacing: Pacing,
        scheduler: Scheduler,
        verifier: Verifier,
        decide: Decide,
        may_run: MayRun,
        servers: Configured = ONE_SERVER,
        *,
        sealer: Sealer,
    ) -> None:
        #: See ``ServerOwner``.  It may be replaced, within a second for all servers.
        self.sealer = sealer
        self.stats = Stats()
        self.limit_state = LimitState(limits, self.stats)
        self.scheduler = scheduler
        self.subscriptions = Subscriptions(self.stats)
        names, named, default = servers
        self.servers = Servers(*map(self._server, names), named=named, default=default)
        self.announcements = Announcements(
            self.subscriptions, self.servers, self.stats, scheduler, self.settle
        )
        self.learner = Learner(scheduler, self.subscriptions.record)
        self.denials = Denials(scheduler)
        self._registry = SessionRegistry()
        self.backpressure = Backpressure(
            self.limit_state,
            self.servers,
            self.stats,
            lambda: (*self.sessions, *self.closing, *self.web.lanes),
        )
        self._verdicts = VerdictCaches(decide)
        self._routing = Routing(self.servers, self._verdicts)
        #: What sessions need; ``users`` and ``generation`` are those in force.
        self.ctx = Context(
            users=users,
            scheduler=scheduler,
            verifier=verifier,
            may_run=may_run,
            stats=self.stats,
            limit_state=self.limit_state,
            rates=UserRates(limits),
            shares=Shares(scheduler),
            caused=Caused(scheduler, limits.delivery_share),
            backpressure=self.backpressure,
            servers=self.servers,
            audit_log=AuditLog(
                self.limit_state.rationed,
                self.limit_state.once,
                scheduler,
                self.announcements,
                self.denials.keep,
            ),
            learner=self.learner,
            subscribe=self.subscriptions.subscribe,
            settle=self.settle,
        )
        self._adoption = Adoption(self.ctx, self._registry, self._routing, self.subscriptions, self._verdicts)
        self._adoption.follow_calls_for(users)
        self._adoption.keep_for(users)
        self.cursors = Cursors(self.ctx, self.subscriptions.resume)
        self._roster = Roster(
            self.ctx, self._registry, self._routing, self._adoption, self.subscriptions, self.cursors
        )
        login = Login(self.ctx, self._registry, self._routing, self._roster.admitted)
        snapshots = Snapshots(self.ctx, self)
        self._handlers = handlers_of(self._registry, login, self.cursors, snapshots, lambda: self.sealer)
        self.web = WebSessions(
            self.ctx, self._registry, self._routing, self._roster, login, self._handlers, self.attach
        )
        self._waits = self.web.waits
        self._flusher = Flusher(
            pacing,
            scheduler,
            self.servers,
            self.stats,
            self.subscriptions.by_key,
            self._flushed,
            self.backpressure.close_slow_consumers,
            self.ctx.caused,
        )
        self.link_loss = LinkLoss(scheduler, self.stats)

    @property
    def limits(self) -> Limits:
        """The limits in force; ``adopt_limits`` replaces them."""
        return self.limit_state.limits

    # -- from the server; see ``ServerOwner`` in receiver.py ----------------------

    def linked(self, name: str) -> None:
        """Prepare for the first events: clients that stayed must not be sent them yet."""
        server = self.servers.find(name.encode())
        assert server is not None
        self.link_loss.linked(server)

    def serves(self, name: str) -> None:
        """Tell clients that their actions are sent from now on."""
        server = self.servers.find(name.encode())
        assert server is not None
        if self.servers.named:
            server.settings.learn()
        news = self._tell_upstream(server, b"Up")
        self._tell_others(server, news, self._told(news))
        self.link_loss.served(server, news.short)

    def link_down(self, name: str, reason: str) -> None:
        """The link is lost, and open actions were answered: tell clients, or close them soon."""
        server = self.servers.find(name.encode())
        assert server is not None
        self.cursors.link_lost(server)
        text = reason.encode("ascii", "replace")
        news = self._tell_upstream(server, b"Down", (b"Reason", text), now=True)
        told = self._told(news)
        if not server.exchange.draining:
            bound = [session for session in self._registry.users if session.route.bound is server]
            self.link_loss.happened(server, bound, told, reason, named=self.servers.named)
        self._tell_others(server, news, told)

    def relayed(self, user: str, messages: int) -> None:
        """Charge a user for the items of a long answer."""
        shares = self.ctx.shares
        shares.charge(shares.of_user(user), self.ctx.caused.reading(messages))

    def delivered(self, user: str, seconds: float) -> None:
        """Charge a user for a part of an answer that others have too."""
        shares = self.ctx.shares
        shares.charge(shares.of_user(user), seconds)

    def measured(self, seconds: float, messages: int) -> None:
        """Take in how long it took, in monotonic seconds, to handle a read of this many messages."""
        self.ctx.caused.read(seconds, messages)

    def fault(self, error: Exception, where: str, **fields: object) -> None:
        """Log and count an internal error that does not end the service."""
        self.ctx.fault(error, where, **fields)

    # -- the proxy's own events ----------------------------------------------

    def _tell_upstream(
        self, server: Server, status: bytes, *extra: tuple[bytes, bytes], now: bool = False
    ) -> LinkNews:
        """Send a ProxyUpstream event to clients that may read it.  ``now``: flush it at once."""
        news = self.announcements.tell_upstream(server, status, *extra)
        if now:
            self.flush()
        self.settle()
        return news

    def _told(self, news: LinkNews) -> set[object]:
        """The sessions that are sent this event because they may read it."""
        # A session whose events are being dropped is notified of a gap, but not that it includes this event.
        return {session for session in news.members if not session.outbox.in_gap}

    def _tell_others(self, server: Server, news: LinkNews, told: set[object]) -> None:
        """Send it to the others that see the server, if their doors send it to all.

        Those that are to be brought up to date first get it after that: see ``Repair``.
        """
        for session in self._registry.users:
            if server not in session.servers or session in told or session.mending is not None:
                continue
            sent = session.tell_link(news.short if session.bound is not None else news.short_named)
            if sent and session.waiting is not None and session.waiting.has_event:
                session.waiting.over()

    def _tell_suppressed(self) -> None:
        counts: Counter[tuple[bytes, tuple[str, ...]]] = Counter()
        for (name, sees), count in self.ctx.audit_log.ration.renew().items():
            counts[name, sees if self.servers.named else ()] += count
        for (name, sees), count in counts.items():
            headers = (b"Suppressed", name), (b"Count", b"%d" % count)
            self.announcements.tell(b"ProxySecurityEvents", b"security,all", *headers, sees=sees)

    def tell_shutdown(self) -> None:
        """Tell clients that the service is about to end, and flush at once: there may be no later flush."""
        self.announcements.tell(b"ProxyShutdown", b"system,all")
        self.flush()

    # -- sessions ----------------------------------------------------------

    def attach(self, transport: Transport, entrance: Entrance = ANYWHERE) -> Session:
        """Open a session for a client whose TLS handshake is complete, and greet it.

        ``entrance`` is that of the client's listener.
        """
        return self._roster.open(transport, entrance, self._handlers)

    @property
    def closing(self) -> dict[Session, float]:
        """See Roster."""
        return self._roster.closing

    @property
    def taps(self) -> Taps:
        """See Roster."""
        return self._roster.taps

    @property
    def queued(self) -> int:
        """The number of actions that were read and have not started."""
        return self.limit_state.load.queued + sum(server.load.queued for server in self.servers)

    @property
    def authenticated(self) -> int:
        """The number of sessions that are logged in."""
        return self._registry.authenticated

    @property
    def users_logged_in(self) -> int:
        """The number of users that have at least one session."""
        return self._registry.users_logged_in

    @property
    def unauthenticated(self) -> int:
        """The number of sessions that were greeted and are not logged in."""
        return self._registry.unauthenticated

    @property
    def sessions(self) -> list[Session]:
        """All open sessions."""
        return self._registry.sessions

    def sessions_of(self, user: User) -> list[Session]:
        """The open sessions of one manager user."""
        return self._registry.of(user)

    def adopt_limits(self, limits: Limits, own: Mapping[str, ServerLimits] | None = None) -> None:
        """Replace the limits.  Call this before ``adopt``, which applies them to the existing sessions.

        ``own`` are those that servers have of their own, by name; None if these have not changed.
        """
        self.limit_state.adopt(limits)
        self.ctx.rates.limits = limits
        for server in self.servers:
            server.adopt_limits(server.own_limits if own is None else own.get(server.name, _NONE_OF_ITS_OWN))
        self.ctx.caused.adopt(limits.delivery_share)

    @property
    def always_kept(self) -> frozenset[str]:
        """Names of the servers whose past is kept whether or not a user needs it."""
        return self._adoption.always_kept

    @always_kept.setter
    def always_kept(self, names: frozenset[str]) -> None:
        self._adoption.keep_always(names)

    def adopt_history(self, bounds: HistoryBounds, upstream_lost: UpstreamLost) -> None:
        """Replace what is kept of the past, and what a lost link means for users who have no setting."""
        self.link_loss.by_default = upstream_lost
        self._adoption.adopt_history(bounds, upstream_lost)

    def adopt(self, users: UserTable, servers: Configured | None = None) -> None:
        """Run all steps of ``adopting`` at once."""
        finish(self.adopting(users, servers))

    def adopting(self, users: UserTable, servers: Configured | None = None) -> Steps[None]:
        """See ``Adoption.adopting``.  ``servers`` are those that stay, None for the present ones.

        Those that are new must have been added by ``add_servers``.  Those that are not configured any more
        are removed with the last step, after which the caller ends their links.
        """
        servers = servers or self.servers.configured
        yield from self._adoption.adopting(users, servers)
        for server in self.servers.settle(servers):
            self._removed(server)

    def closing_for(
        self, users: UserTable, servers: Configured | None = None
    ) -> Steps[dict[str, dict[str, int]]]:
        """See ``Adoption.closing``.  ``servers`` are those that would stay, None for the present ones."""
        return self._adoption.closing(users, servers or self.servers.configured)

    # -- servers -----------------------------------------------------------

    def add_servers(self, names: Iterable[str]) -> None:
        """Add those of these servers that are not there yet; no session sees them before ``adopting``."""
        for name in names:
            if self.servers.find(name.encode()) is None:
                self.servers.add(self._server(name))

    def _server(self, name: str) -> Server:
        inflow = self.subscriptions.add(name)
        return Server(name, inflow, self, self.limit_state, self.stats, self.scheduler)

    def _removed(self, server: Server) -> None:
        """Forget a server that is no longer configured; no session is bound to it any more."""
        server.retire()
        self.subscriptions.remove(server.name)
        self._verdicts.drop(server.name)
        self.ctx.caused.drop(server.name)
        self.ctx.rates.drop(server.name)
        self.link_loss.forget(server.name)

    # -- sending -----------------------------------------------------------

    def settle(self) -> None:
        """Send answers now, and events now or with the next flush."""
        answered = self.ctx.answered
        while answered:
            session, _ = answered.popitem()
            session.push()
        self.backpressure.resume_paused()
        self._waits.settle()
        self._flusher.settle()
        self.backpressure.close_slow_consumers()

    def flush(self) -> None:
        """Send every pending event now."""
        self._flusher.flush()

    @property
    def followers(self) -> list[Follower]:
        """Those that take events from the journals at each flush; the caller adds and removes them."""
        return self._flusher.followers

    def _flushed(self) -> None:
        for follower in self.followers:
            try:
                follower.flushed()
            except Exception as fault:
                self.ctx.fault(fault, "follower")
        waiting = self.ctx.waiting
        if not waiting:
            return
        # A copy: the end of a WaitEvent may change the subscriptions, and end or begin others.
        for one in list(waiting):
            if one in waiting and one.has_event:
                one.over()

    # -- time --------------------------------------------------------------

    def tick(self, now: float) -> None:
        """End everything that has taken too long; called once a second, with monotonic seconds."""
        for server in self.servers:
            server.tick(now)
        self.announcements.tick(now)
        self.learner.tick()
        self._tell_suppressed()
        self._roster.tick(now)
        self.web.tick(now)
        self.limit_state.tick(now)
        self.settle()
