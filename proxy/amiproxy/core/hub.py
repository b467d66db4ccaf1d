"""Hub: all sessions, and which of them gets which event.

The server hands each event over here, and it goes to the subscriptions that admit it.  An event is checked
once per subscription.  The subscriptions whose classes admit it are cached by the event's head (name and
classes), so that for most events the check is one look-up.
"""

# mypyc: compiled

from amiproxy import log
from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import FilterSet
from amiproxy.ami.message import event
from amiproxy.ami.relay import BROADCAST, BROADCAST_HEAD
from amiproxy.core.admission import newcomers
from amiproxy.core.audit.stats import Stats
from amiproxy.core.audit.trail import Trail
from amiproxy.core.budgets.caused import Caused
from amiproxy.core.budgets.pressure import Pressure
from amiproxy.core.budgets.throttle import UserRates
from amiproxy.core.calls.callfacts import CallFacts
from amiproxy.core.calls.scope import Call, View
from amiproxy.core.clients import localactions
from amiproxy.core.clients.linkloss import LinkLoss
from amiproxy.core.clients.login import Login
from amiproxy.core.clients.proxyactions import ProxyActions
from amiproxy.core.clients.roster import Roster
from amiproxy.core.clients.session import Handlers, Session
from amiproxy.core.clients.tap import Taps
from amiproxy.core.context import Context, MayRun
from amiproxy.core.fanout.audiences import Audience, Audiences
from amiproxy.core.fanout.flushing import Flusher
from amiproxy.core.fanout.pacing import Pacing
from amiproxy.core.fanout.subscription import Subscription
from amiproxy.core.learning.recorder import Recorder
from amiproxy.core.limits.shares import Shares
from amiproxy.core.limitstate import LimitState
from amiproxy.core.model.encoding import Encoding
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.rules import Scope
from amiproxy.core.model.state import OVER, State
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.policy.verdicts import Decide, Verdicts
from amiproxy.core.ports import Scheduler, Transport, Verifier
from amiproxy.core.servers.server import Server
from amiproxy.steps import Steps, finish

#: Seconds that the client of a closing session has to read its last bytes.
_CLOSE_SECONDS = 5.0


class Hub:
    """All sessions, and the server that they share.  Everything runs on one thread."""

    def __init__(
        self,
        users: UserTable,
        limits: Limits,
        pacing: Pacing,
        scheduler: Scheduler,
        verifier: Verifier,
        decide: Decide,
        may_run: MayRun,
    ) -> None:
        self.stats = Stats()
        self.limit_state = LimitState(limits, self.stats)
        self.scheduler = scheduler
        self.audiences = Audiences(self.stats)
        #: For the server; see ``Receiver``.
        self.by_head = self.audiences.by_head
        #: Asterisk.
        self.server = Server("asterisk", self, self.limit_state, self.stats, scheduler)
        if users.any_scope:
            self.server.follow_calls()
        self.closing: dict[Session, float] = {}
        self._roster = Roster()
        self.pressure = Pressure(
            self.limit_state,
            (self.server,),
            self.stats,
            lambda: (*self.sessions, *self.closing),
        )
        self._verdicts = Verdicts(decide)
        #: What sessions need; ``users`` and ``generation`` are those in force.
        self.ctx = Context(
            users=users,
            scheduler=scheduler,
            verifier=verifier,
            judge=self._verdicts.on,
            may_run=may_run,
            stats=self.stats,
            limit_state=self.limit_state,
            rates=UserRates(limits),
            shares=Shares(scheduler),
            caused=Caused(scheduler, limits.delivery_share),
            pressure=self.pressure,
            server=self.server,
            trail=Trail(self.limit_state.rationed, self.limit_state.once, scheduler, self),
            readers=self.readers,
            settle=self.settle,
        )
        self._handlers = self._handlers_of(self.ctx)
        self.taps = Taps()
        self._subscriptions: dict[object, Subscription] = {}
        self._flusher = Flusher(
            pacing,
            scheduler,
            (self.server,),
            self.stats,
            self._subscriptions,
            self._flushed,
            self.pressure.end_slow,
            self.ctx.caused,
        )
        self.link_loss = LinkLoss(scheduler, self.stats)
        #: Number of sessions that may read events of these classes; cleared when a subscription changes.
        self._readers: dict[int, int] = {}
        self._scoped: dict[Subscription, View] = {}
        #: While another user table is being adopted: the sessions that have logged in since that began.
        self._newcomers: list[Session] | None = None
        #: The last recording that ended; the running one is in the context.
        self.recorded: Recorder | None = None

    def _handlers_of(self, ctx: Context) -> Handlers:
        login = Login(ctx, self._roster, self._admitted)
        return Handlers(
            before_login={
                b"challenge": login.challenge,
                b"login": login.begin,
                b"logoff": localactions.logoff,
            },
            after_login={**localactions.TABLE, b"challenge": login.challenge},
            proxy_action=ProxyActions(self._roster).answer,
        )

    @property
    def limits(self) -> Limits:
        """The limits in force; ``adopt_limits`` replaces them."""
        return self.limit_state.limits

    # -- from the server; see Receiver --------------------------------------

    def link_up(self) -> None:
        """The link has logged in."""
        self.audiences.forget()  # so that the server sees the first event of each head again

    def serves(self) -> None:
        """Tell clients that their actions are sent from now on."""
        self._tell_upstream(b"Up")

    def link_down(self, reason: str) -> None:
        """The link is lost, and open actions were answered: tell clients, or close them soon."""
        told = self._tell_upstream(b"Down", (b"Reason", reason.encode("ascii", "replace")), now=True)
        if not self.server.exchange.draining:
            self.link_loss.happened(self._roster.users, told, reason, self.limits.upstream_lost_spread)

    def relayed(self, user: str, messages: int) -> None:
        """Charge a user for the items of a long answer."""
        shares = self.ctx.shares
        shares.charge(shares.of_user(user), self.ctx.caused.reading(messages))

    def measured(self, seconds: float, messages: int) -> None:
        """Take in how long it took, in monotonic seconds, to handle a read of this many messages."""
        self.ctx.caused.read(seconds, messages)

    def fault(self, error: Exception, where: str, **fields: object) -> None:
        """Log and count an internal error that does not end the service."""
        self.ctx.fault(error, where, **fields)

    def broadcast(self, raw: bytes) -> None:
        """Send an event of the proxy's own to its subscribers.

        It must be a well-formed broadcast event, with its blank line; it leaves with the next ``settle``.
        """
        match = BROADCAST.fullmatch(raw)
        assert match is not None
        self.server.broadcast(raw, match[1])

    def pass_on(self, raw: bytes, audience: Audience) -> None:
        """Put an event into the subscriptions of its audience that admit it.

        ``raw`` is a well-formed event with its blank line.
        """
        self.stats.events_in += 1
        audience.events += 1
        self.audiences.stale = True
        for subscription in audience.subscriptions:
            if subscription.admits is None or subscription.admits(raw):
                subscription.pending.append(raw)
            else:
                audience.filtered += 1
                audience.withheld += len(subscription.members)

    def pass_on_scoped(self, raw: bytes, call: Call | CallFacts) -> None:
        """Put an event into subscriptions with a scope, perhaps along with earlier events of its call."""
        for subscription, view in self._scoped.items():
            for event_ in view.admit(call, raw):
                match = BROADCAST_HEAD.match(event_)
                assert match is not None
                required = privilege.required_classes(match[3])
                if subscription.may_read(required) and (
                    subscription.admits is None or subscription.admits(event_)
                ):
                    subscription.pending.append(event_)
                    self.stats.delivered[required] += len(subscription.members)
                    if self.ctx.recorder is not None:
                        for user in _users_of(subscription):
                            self.ctx.recorder.event(user, match[2], required, 1)

    def audience_of(self, raw: bytes, head: bytes) -> Audience:
        """The audience of a head that is not in ``by_head``, for its first event.  See Receiver."""
        match = BROADCAST_HEAD.match(head)
        assert match is not None
        required = privilege.required_classes(match[3])
        admitting = [s for s in self._subscriptions.values() if s.may_read(required)]
        audience = Audience(
            match[2], required, tuple(s for s in admitting if s not in self._scoped), not admitting
        )
        if self.server.recognise(match[2], raw):
            self.audiences.once(audience)
        else:
            self.audiences.remember(head, audience)
        return audience

    def _tell_upstream(self, status: bytes, *extra: tuple[bytes, bytes], now: bool = False) -> set[object]:
        """Send a ProxyUpstream event; returns the sessions that are sent it.  ``now``: flush it at once."""
        raw = self._tell(b"ProxyUpstream", b"system,all", (b"Status", status), *extra)
        told = [s for s in self._subscriptions.values() if s.pending and s.pending[-1] is raw]
        members = [session for subscription in told for session in subscription.members]
        if now:
            self.flush()
        self.settle()
        # A session whose events are being dropped is notified of a gap, but not that it includes this event.
        return {session for session in members if not session.outbox.in_gap}

    def _tell(self, name: bytes, classes: bytes, *headers: tuple[bytes, bytes]) -> bytes:
        """Send an event of the proxy's own, in the form that Asterisk would write; returns its bytes."""
        origin = self.origin(self.scheduler.wall())
        raw = event(name, (b"Privilege", classes), *origin, *headers)
        self.broadcast(raw)
        return raw

    def origin(self, wall: float) -> list[tuple[bytes, bytes]]:
        """See ``Origin.headers``."""
        return self.server.origin.headers(wall)

    def _tell_suppressed(self) -> None:
        for name, count in self.ctx.trail.ration.renew().items():
            headers = (b"Suppressed", name), (b"Count", b"%d" % count)
            self._tell(b"ProxySecurityEvents", b"security,all", *headers)

    def tell_shutdown(self) -> None:
        """Tell clients that the service is about to end, and flush at once: there may be no later flush."""
        self._tell(b"ProxyShutdown", b"system,all")
        self.flush()

    # -- sessions ----------------------------------------------------------

    def attach(self, transport: Transport) -> Session:
        """Open a session for a client whose TLS handshake is complete, and greet it."""
        session = Session(self, self.ctx, transport, self._handlers)
        self._roster.add(session)
        self.limit_state.newcomers.advance(transport, newcomers.GREETED)
        self.limit_state.rationed.say(log.INFO, "session-open", transport.peer.address, session=session.id)
        session.greet(self.server.banner)
        return session

    def _admitted(self, session: Session) -> None:
        """The session has logged in: update everything that counts sessions and users."""
        assert session.principal.user is not None
        self._roster.admit(session, session.principal.user)
        if self._newcomers is not None:
            self._newcomers.append(session)
        session.pays(self.ctx.shares.of_user(session.principal.user.name))
        session.queue.throttle.begin(session.principal.user, self.scheduler.now())
        self.stats.logins += 1
        transport = session.transport
        self.limit_state.admission.authenticated(transport)
        self.limit_state.admission.succeeded(transport.peer.address)
        self.limit_state.newcomers.admit(transport, transport.peer.address, self.scheduler.now())
        session.apply_limits(session.principal.user)
        self.taps.entered(session)

    def ended(self, session: Session, reason: str) -> None:
        """The session ends: remove it everywhere.  Its client has some seconds to read the last bytes."""
        self.stats.closed(reason)
        transport = session.transport
        if session.principal.user is not None:
            self.limit_state.newcomers.acquaintances.note(transport.peer.address, self.scheduler.now())
        else:
            self.limit_state.newcomers.depart(transport)
            self.ctx.verifier.abandon(transport)
        self._roster.remove(session)
        if session.principal.user is not None:
            session.queue.throttle.end(session.principal.user, self.scheduler.now())
        self.ctx.answered.pop(session, None)
        self.pressure.left(session)
        self.server.abandon(session)
        self._leave(session)
        self.taps.left(session)
        self.closing[session] = self.scheduler.now() + _CLOSE_SECONDS

    def gone(self, session: Session) -> None:
        """The session's transport is closed."""
        self.closing.pop(session, None)

    @property
    def authenticated(self) -> int:
        """The number of sessions that are logged in."""
        return self._roster.authenticated

    @property
    def unauthenticated(self) -> int:
        """The number of sessions that were greeted and are not logged in."""
        return self._roster.unauthenticated

    @property
    def sessions(self) -> list[Session]:
        """All open sessions."""
        return self._roster.sessions

    def sessions_of(self, user: User) -> list[Session]:
        """The open sessions of one manager user."""
        return self._roster.of(user)

    def adopt_limits(self, limits: Limits) -> None:
        """Replace the limits.  Call this before ``adopt``, which applies them to the existing sessions."""
        self.limit_state.adopt(limits)
        self.ctx.rates.limits = limits
        self.server.adopt_limits()
        self.ctx.caused.adopt(limits.delivery_share)

    def adopt(self, users: UserTable) -> None:
        """Run all steps of ``adopting`` at once."""
        finish(self.adopting(users))

    def adopting(self, users: UserTable) -> Steps[None]:
        """Replace the user table in steps: rights change, and sessions whose user is gone are closed.

        Anything may happen between two steps.  Each session is governed entirely by the old table or
        entirely by the new one, in what it may do and in what it is sent.  Logins are judged by the old
        table until the last step, after which all sessions use the new one and the generation has changed.
        """
        if users.any_scope:
            self.server.follow_calls()
        self._newcomers = []
        for session in self._roster.users:
            self._adopt_session(session, users)
            yield
        yield from self.ctx.rates.adopting(users)
        for session in self._newcomers:
            self._adopt_session(session, users)
        self._newcomers = None
        self.ctx.shares.keep({user.name for user in users})
        self.ctx.users = users
        self._verdicts.forget()
        self.ctx.generation += 1
        self.settle()

    def _adopt_session(self, session: Session, users: UserTable) -> None:
        if session.state in OVER:
            return  # it has ended since the first step
        try:
            before = session.principal.user
            assert before is not None
            user = users.successor(before, session.transport.peer.certificate)
            if isinstance(user, str):
                session.close(user)
                return
            if user is not before:
                session.principal.user = user
                self._roster.rename(session, before, user)
                session.pays(self.ctx.shares.of_user(user.name))
            session.apply_limits(user)
            self._view_again(session)
        except Exception as fault:
            self.fault(fault, "reload", session=session.id)
            session.close("fault")  # its rights are not known

    def _view_again(self, session: Session) -> None:
        """Subscribe a session again, if its rights give it another view than it has now."""
        key, subscription = _key_of(session), session.subscription
        (mask, _, _), _ = key
        if not mask if subscription is None else subscription.key == key:
            return
        self.subscribe(session)

    # -- events to sessions ------------------------------------------------

    def subscribe(self, session: Session) -> None:
        """Move a session to the subscription that matches its view and its encoding."""
        self.audiences.count()
        self._leave(session)
        key = _key_of(session)
        (mask, filters, scope), encoding = key
        if not mask:
            return
        subscription = self._subscriptions.get(key)
        if subscription is None:
            subscription = self._subscriptions[key] = Subscription(key, mask, filters, encoding)
            self.audiences.forget()
            tracker = self.server.tracker
            if scope is not None and tracker is not None:
                self._scoped[subscription] = tracker.follow(scope)
        subscription.join(session)
        self._readers.clear()
        session.subscription = subscription

    def _leave(self, session: Session) -> None:
        subscription = session.subscription
        if subscription is None:
            return
        self.audiences.count()
        session.subscription = None
        self._readers.clear()
        earlier = subscription.take(session)
        subscription.leave(session)
        if not subscription.members:
            del self._subscriptions[subscription.key]
            self.audiences.forget()
            view = self._scoped.pop(subscription, None)
            tracker = self.server.tracker
            if view is not None and tracker is not None:
                tracker.unfollow(view)
        if earlier and session.state is not State.CLOSING:
            session.deliver(earlier)

    @property
    def deliveries(self) -> int:
        """The number of events put into outboxes since the start; see ``Stats.delivered``."""
        self.audiences.count()
        return sum(self.stats.delivered.values())

    def readers(self, classes: int) -> int:
        """The number of sessions whose classes admit an event of these classes; filters are ignored."""
        found = self._readers.get(classes)
        if found is None:
            views = self._subscriptions.values()
            found = self._readers[classes] = sum(len(s.members) for s in views if s.may_read(classes))
        return found

    def settle(self) -> None:
        """Send answers now, and events now or with the next flush."""
        answered = self.ctx.answered
        while answered:
            session, _ = answered.popitem()
            session.push()
        self.pressure.let_in()
        self._flusher.settle()
        self.pressure.end_slow()

    def flush(self) -> None:
        """Send every pending event now."""
        self._flusher.flush()

    def _flushed(self) -> None:
        waiting = self.ctx.waiting
        if not waiting:
            return
        # A copy: the end of a WaitEvent may change the subscriptions, and end or begin others.
        for one in list(waiting):
            if one in waiting and one.has_event:
                one.over()

    # -- learning ----------------------------------------------------------

    def learn(self, seconds: float) -> None:
        """Start a new recording of what users use, for ``seconds``; 0 means until ``end_learning``."""
        self.end_learning()
        now = self.scheduler.wall()
        recorder = self.ctx.recorder = Recorder(now, now + seconds if seconds else 0.0)
        self.audiences.count()  # earlier events are not part of the recording
        self.audiences.watch = lambda audience: _record(recorder, audience)

    def end_learning(self) -> None:
        """End the recording, and keep it until the next one ends."""
        recorder = self.ctx.recorder
        if recorder is None:
            return
        self.audiences.count()
        self.audiences.watch = None
        self.recorded, self.ctx.recorder = recorder, None
        log.say(log.INFO, "learning-ended", shapes=len(recorder.shapes), lost=recorder.lost)

    # -- time --------------------------------------------------------------

    def tick(self, now: float) -> None:
        """End everything that has taken too long; called once a second, with monotonic seconds."""
        self.server.tick(now)
        recorder = self.ctx.recorder
        if recorder is not None and 0 < recorder.until <= self.scheduler.wall():
            self.end_learning()
        self._tell_suppressed()
        login = self.limits.login_timeout
        for session in self._roster.strangers:
            if now - session.principal.opened <= login:
                break  # they are in the order in which they were accepted
            session.limit_reached("login_timeout")
            session.close("login timeout", abort=True)
        for session, until in list(self.closing.items()):
            if now > until:
                session.close("", abort=True)
        for session in self.sessions:
            session.tick(now)
        self.limit_state.tick(now)
        self.settle()


def _key_of(session: Session) -> tuple[tuple[int, FilterSet | None, Scope | None], Encoding]:
    """What all sessions of one subscription have in common."""
    return session.principal.view, session.transport.encoding


def _users_of(subscription: Subscription) -> set[str]:
    """Names of the users whose sessions are in the subscription."""
    sessions = (member for member in subscription.members if isinstance(member, Session))
    return {session.principal.user.name for session in sessions if session.principal.user is not None}


def _record(recorder: Recorder, audience: Audience) -> None:
    """Record which users were sent the events of this audience since it was last counted."""
    for subscription in audience.subscriptions:
        for user in _users_of(subscription):
            recorder.event(user, audience.name, audience.required, audience.events)
