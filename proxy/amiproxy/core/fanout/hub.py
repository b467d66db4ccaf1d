"""Hub: routes messages between Asterisk and the sessions.

Everything that Asterisk sends arrives here: answers go through the exchange to the session that asked,
events go to the subscriptions that admit them.  An event is checked once per subscription.  The
subscriptions whose classes admit it are cached by the event's head (name and classes), so that for most
events the check is one look-up.
"""

# mypyc: compiled

from collections.abc import Callable, Sequence

from amiproxy import log
from amiproxy.ami import privilege
from amiproxy.ami.actions import ECHOED_BY, SHIPPED, Listed, OtherActions, answer_of
from amiproxy.ami.message import Action, Message, event
from amiproxy.ami.relay import (
    BROADCAST,
    BROADCAST_HEAD,
    plain_head_of,
    rebuild_event,
    relay_id_of,
)
from amiproxy.core.admission import newcomers
from amiproxy.core.audit.actionstats import OTHER
from amiproxy.core.audit.securityevents import Ration
from amiproxy.core.audit.stats import Stats
from amiproxy.core.budgets.bounds import Bounds
from amiproxy.core.budgets.caused import Caused
from amiproxy.core.budgets.pressure import Pressure
from amiproxy.core.clients.linkloss import LinkLoss
from amiproxy.core.clients.roster import Roster
from amiproxy.core.clients.session import Session
from amiproxy.core.clients.tap import Taps
from amiproxy.core.fanout.audiences import Audience, Audiences
from amiproxy.core.fanout.flushing import Flusher
from amiproxy.core.fanout.pacing import Pacing
from amiproxy.core.fanout.scope import CallTracker, View
from amiproxy.core.fanout.subscription import Subscription
from amiproxy.core.learning.recorder import Recorder
from amiproxy.core.limits.shares import Shares
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.state import OVER, State
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.policy.verdicts import Decide, Verdicts
from amiproxy.core.ports import Scheduler, Timer, Transport, Upstream, Verifier
from amiproxy.core.servers.boot import Boot
from amiproxy.core.servers.exchange import Exchange
from amiproxy.core.servers.holding import may_hold
from amiproxy.core.servers.lengths import Lengths
from amiproxy.core.servers.origin import Origin
from amiproxy.core.servers.side import Side
from amiproxy.steps import Steps, finish

#: The banner for clients until Asterisk was first reached: the AMI version (Asterisk 22's) whose actions the
#: shipped table describes.
DEFAULT_BANNER = b"Asterisk Call Manager/11.0.0\r\n"
#: Seconds between a change of modules and asking Asterisk for its actions again.
_RELEARN_DELAY = 1.0
#: Seconds that the client of a closing session has to read its last bytes.
_CLOSE_SECONDS = 5.0
#: Most messages handled in one turn when no list is open, and when one is.
_A_FEW = 64
_MESSAGES_AT_ONCE = 128
#: Most answers handled in one turn: after each answer, the next action of its session is judged and sent.
_ANSWERS_AT_ONCE = 8
#: One in this many reads from Asterisk is measured.
_MEASURED = 16
#: Events that the hub itself reacts to.
_NOTEWORTHY = frozenset({b"FullyBooted", b"Load", b"Reload", b"Unload"})
_LIST_COMMANDS = Action([(b"Action", b"ListCommands")])

MayRun = Callable[[User, Listed], bool]


class Hub:
    """All sessions and the link to Asterisk.  Everything runs on one thread."""

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
        self.users = users
        #: Counts the configurations that were applied.
        self.generation = 1
        self.stats = Stats()
        self.bounds = Bounds(limits, self.stats)
        self.scheduler = scheduler
        #: Decides whose work the processor does next.
        self.shares = Shares(scheduler)
        self.caused = Caused(scheduler, limits.delivery_share)
        self.verifier = verifier
        self._verdicts = Verdicts(decide)
        #: ``decide``, with its verdict cached where that is always the same.
        self.judge: Decide = self._verdicts.on
        self.may_run = may_run
        self.table = SHIPPED
        self.banner = DEFAULT_BANNER
        self.lengths = Lengths()
        self.exchange = Exchange(self.stats, self.bounds.deadlines(), scheduler, self.lengths)
        around = self.exchange, self.bounds, self.stats, scheduler, self.settle, self.fault
        #: For actions that may hold up Asterisk's session.
        self.side = Side("side", *around)
        #: For long answers.
        self.lists = Side("lists", *around, self.lengths)
        self.sides = self.side, self.lists
        for exchange in (self.exchange, self.side.exchange, self.lists.exchange):
            exchange.relayed = self._relayed
        self.exchange.share = self.lists.exchange.share = limits.link_share
        self.taps = Taps()
        self.waiters: set[Session] = set()
        self.closing: dict[Session, float] = {}
        self._roster = Roster()
        self.pressure = Pressure(
            self.bounds, self.exchange, self.sides, self.stats, lambda: (*self.sessions, *self.closing)
        )
        self._subscriptions: dict[object, Subscription] = {}
        self._flusher = Flusher(
            pacing,
            scheduler,
            self.exchange,
            self.stats,
            self._subscriptions,
            self._flushed,
            self.pressure.end_slow,
            self.caused,
        )
        self.audiences = Audiences(self.stats)
        self.origin = Origin()
        self.security_ration = Ration()
        self.link_loss = LinkLoss(scheduler, self.stats)
        self._by_head = self.audiences.by_head
        #: Number of sessions that may read events of these classes; cleared when a subscription changes.
        self._readers: dict[int, int] = {}
        self._answered: dict[Session, None] = {}
        # Follows calls only while some user has a scope, starting with the link's first event.
        self._tracker = _tracker_for(users)
        self._scoped: dict[Subscription, View] = {}
        #: While another user table is being adopted: the sessions that have logged in since that began.
        self._newcomers: list[Session] | None = None
        self._reads = 0
        self._relearn_timer: Timer | None = None
        #: Runs until Asterisk has booted.
        self._boot_timer: Timer | None = None
        self._boot: Boot | None = None
        #: The running recording of what users use, and the last one that ended.
        self.recorder: Recorder | None = None
        self.recorded: Recorder | None = None

    @property
    def limits(self) -> Limits:
        """The limits in force; ``adopt_limits`` replaces them."""
        return self.bounds.limits

    # -- the link ----------------------------------------------------------

    def link_up(self, upstream: Upstream, banner: bytes) -> None:
        """The link has logged in.  ``banner`` is Asterisk's own, and is shown to clients from now on.

        Clients' actions are refused until ``serve``.
        """
        self.banner = banner
        self.stats.link_ups += 1
        self._boot = None
        self.audiences.forget()  # so that ``origin`` sees the first event of each head again
        self.exchange.now = self.scheduler.now()
        self.exchange.connect(upstream)
        self._learn()
        self._boot_timer = self.scheduler.later(self.limits.upstream_boot_timeout, self._serve_unbooted)

    def serve(self) -> None:
        """Asterisk has booted: send clients' actions from now on.

        Asterisk accepts logins before its modules are loaded, and until then rejects their actions as
        unknown.
        """
        if self._boot_timer is not None:
            self._boot_timer.cancel()
            self._boot_timer = None
            self.exchange.serving = True
            self._tell_upstream(b"Up")

    def _serve_unbooted(self) -> None:
        log.say(log.WARNING, "upstream-not-booted", seconds=self.limits.upstream_boot_timeout)
        self._learn()
        self.serve()

    def link_down(self, reason: str) -> None:
        """The link is lost: answer open actions with an error, and tell clients or close them soon."""
        self.stats.link_downs += 1
        self._boot = None
        self.disconnect()
        if self._tracker is not None:
            self._tracker.reset()
        told = self._tell_upstream(b"Down", (b"Reason", reason.encode("ascii", "replace")), now=True)
        if not self.exchange.draining:
            self.link_loss.happened(self._roster.users, told, reason, self.limits.upstream_lost_spread)

    def disconnect(self) -> None:
        """Send nothing more to Asterisk, and answer open actions with an error."""
        for timer in (self._relearn_timer, self._boot_timer):
            if timer is not None:
                timer.cancel()
        self._relearn_timer = self._boot_timer = None
        self.exchange.disconnect()
        for side in self.sides:
            side.close("the main link is gone")

    def from_upstream(self, messages: Sequence[bytes], sound: bool = False) -> int:
        """Handle messages that one read from Asterisk completed; returns how many were handled.

        The caller passes the rest again in the loop's next turn.  The number is limited because each answer
        also runs the next action of its session.  For ``sound`` see ``UpstreamFramer``.
        """
        began = 0.0
        taken = answers = 0
        most = _A_FEW
        self._reads += 1
        if self._reads >= _MEASURED:
            began = self.scheduler.clock()
        exchange = self.exchange
        exchange.begin_read(self.scheduler.now())
        lists = exchange.open_list is not None
        by_head = self._by_head
        for raw in messages:
            taken += 1
            try:
                # An item of a list begins with a relay id, which no broadcast does.
                if not (lists and exchange.item_again(raw, sound)):
                    audience = by_head.get(plain_head_of(raw)) if sound else None
                    if audience is not None:
                        self._pass_on(raw, audience)
                    elif (match := BROADCAST.fullmatch(raw)) is not None:
                        self._broadcast(raw, match[1])
                    else:
                        self._irregular(raw)
                        lists = exchange.open_list is not None
                        answers += not lists
                        if answers == _ANSWERS_AT_ONCE:
                            most = 0
            except Exception as fault:
                self.fault(fault, "message from Asterisk")
                lists = exchange.open_list is not None
            # A list that is handled in two parts takes two writes to its client.
            if taken >= most and (not lists or taken >= _MESSAGES_AT_ONCE):
                break
        exchange.end_read()
        if self._reads >= _MEASURED:
            self._reads = 0
            self.caused.read(self.scheduler.clock() - began, taken)
        try:
            self.settle()
        except Exception as fault:
            self.fault(fault, "flush")  # the caller must still pass the rest again
        return taken

    def oversized(self, head: bytes) -> None:
        """A message that begins with ``head`` was dropped because it is too long: tell its requester."""
        self.exchange.begin_read(self.scheduler.now())
        if not self.exchange.oversized(head):
            self.stats.events_dropped += 1
            name = log.text_of(head.split(b"\n", 1)[0].rstrip(b"\r"))
            self.bounds.rationed.say_of(
                log.ERROR, "upstream-message-dropped", "", reason="too long", head=name
            )
            self.stats.hit("upstream_message_bytes")
        self.exchange.end_read()
        self.settle()

    def submit(self, session: Session, action: Action) -> None:
        """Send an action that the policy allowed, over the link meant for it; see ``Exchange.submit``."""
        side = self._side_for(session, action)
        if side is None:
            self.exchange.submit(session, action)
        else:
            session.hold_events()
            side.submit(session, action)

    def _side_for(self, session: Session, action: Action) -> Side | None:
        """The side link that this action goes over; None for the main link."""
        if may_hold(action):
            return self.side
        key = action.key
        if key in ECHOED_BY:
            return None  # its event arrives on the main link, where its relay id must be known
        user, now = session.payer, self.scheduler.now()
        long = self.lengths.is_long(user, key, now)
        if long is None:
            answer = answer_of(key, self.exchange.answers)
            may_be_list = bool(answer.complete) or not answer.own
            long = may_be_list and self.lengths.is_first_list_long(user, key, now)
        return self.lists if long else None

    def _relayed(self, user: str, messages: int) -> None:
        self.shares.charge(self.shares.of_user(user), self.caused.reading(messages))

    def dismiss(self, session: Session, text: bytes) -> None:
        """Answer everything that the session has open with this error, before it is closed."""
        self.exchange.dismiss(session, text)
        for side in self.sides:
            side.dismiss(session, text)

    def drain(self) -> None:
        """The service is draining: send no new actions to Asterisk, but finish open ones."""
        self.exchange.draining = True
        for side in self.sides:
            side.drain()

    @property
    def in_flight(self) -> int:
        """The number of actions that Asterisk has not answered, on all links."""
        return self.exchange.in_flight + sum(side.exchange.in_flight for side in self.sides)

    def fault(self, error: Exception, where: str, **fields: object) -> None:
        """Log and count an internal error that does not end the service."""
        self.stats.faults += 1
        log.exception("fault", error, where=where, **fields)

    def _irregular(self, raw: bytes) -> None:
        if raw.startswith(b"Response:"):
            self.exchange.response(raw)
        elif not raw.startswith(b"Event:"):
            self.exchange.stray(raw)
        elif not self.exchange.event(raw):
            self._repaired(raw)

    def broadcast(self, raw: bytes) -> None:
        """Send an event of the proxy's own, which must be well-formed, to its subscribers."""
        match = BROADCAST.fullmatch(raw)
        assert match is not None
        self._broadcast(raw, match[1])

    def _broadcast(self, raw: bytes, head: bytes) -> None:
        audience = self._by_head.get(head)
        self._pass_on(raw, self._audience_of(raw, head) if audience is None else audience)

    def _pass_on(self, raw: bytes, audience: Audience) -> None:
        self.stats.events_in += 1
        audience.events += 1
        self.audiences.stale = True
        for subscription in audience.subscriptions:
            if subscription.admits is None or subscription.admits(raw):
                subscription.pending.append(raw)
            else:
                audience.filtered += 1
                audience.withheld += len(subscription.members)
        if self._tracker is not None:
            self._broadcast_scoped(self._tracker, raw)

    def _broadcast_scoped(self, tracker: CallTracker, raw: bytes) -> None:
        """Give an event to subscriptions with a scope, perhaps along with earlier events of its call."""
        call = tracker.feed(raw)
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
                    if self.recorder is not None:
                        for user in _users_of(subscription):
                            self.recorder.event(user, match[2], required, 1)

    def _audience_of(self, raw: bytes, head: bytes) -> Audience:
        match = BROADCAST_HEAD.match(head)
        assert match is not None
        required = privilege.required_classes(match[3])
        admitting = [s for s in self._subscriptions.values() if s.may_read(required)]
        audience = Audience(
            match[2], required, tuple(s for s in admitting if s not in self._scoped), not admitting
        )
        if match[2] in _NOTEWORTHY:
            self._note(match[2], raw)  # not cached: each one must pass through here
            self.audiences.once(audience)
        else:
            self.origin.learn(raw)
            self.audiences.remember(head, audience)
        return audience

    def _repaired(self, raw: bytes) -> None:
        relay_id = relay_id_of(raw)
        owners = self._echoed(relay_id) if relay_id else None
        rebuilt = rebuild_event(raw) if owners is None else rebuild_event(raw, relay_id, owners)
        if rebuilt is None:
            self.stats.events_dropped += 1
            return
        if owners is None:
            self.stats.events_repaired += 1
        lines = rebuilt.split(b"\r\n", 2)
        self._broadcast(rebuilt, lines[0] + b"\r\n" + lines[1] + b"\r\n")

    def _echoed(self, relay_id: bytes) -> bytes | None:
        """See ``Correlator.echoed``.  The action may be on any link, as all events come over the main one."""
        for exchange in (self.exchange, *(side.exchange for side in self.sides)):
            owners = exchange.echoed(relay_id)
            if owners is not None:
                return owners
        return None

    # -- Asterisk's state and actions ----------------------------------------

    def _note(self, name: bytes, raw: bytes) -> None:
        if not self.exchange.linked:
            return
        if name == b"FullyBooted":
            self._boot = Boot(raw, self.scheduler.now())
            self._learn()  # modules loaded since our login have added their actions
            self.serve()
            return
        if name == b"Reload" and self._boot is not None:
            self._boot.reloaded(self.scheduler.now())
        if self._relearn_timer is None:
            self._relearn_timer = self.scheduler.later(_RELEARN_DELAY, self._relearn)

    def fully_booted(self) -> bytes | None:
        """The FullyBooted event for a client that logs in now; None before Asterisk has booted."""
        return self._boot.event(self.scheduler.now()) if self._boot is not None else None

    def _relearn(self) -> None:
        self._relearn_timer = None
        self._learn()

    def _learn(self) -> None:
        self.exchange.ask(_LIST_COMMANDS, self._learnt)

    def _learnt(self, raw: bytes) -> None:
        table = self.table.learnt_from(Message(raw).headers)
        if table.live:
            self.table = table
        log.say(log.DEBUG, "actions-learnt", actions=len(table.live))

    def counted_name(self, action: Action) -> bytes:
        """The name to count an action by: the table's, or OTHER, because clients can make up names."""
        row = self.table.find(action.key)
        return row.name if row is not None else OTHER

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
        origin = self.origin.headers(self.scheduler.wall())
        raw = event(name, (b"Privilege", classes), *origin, *headers)
        self.broadcast(raw)
        return raw

    def _tell_suppressed(self) -> None:
        for name, count in self.security_ration.renew().items():
            headers = (b"Suppressed", name), (b"Count", b"%d" % count)
            self._tell(b"ProxySecurityEvents", b"security,all", *headers)

    def tell_shutdown(self) -> None:
        """Tell clients that the service is about to end, and flush at once: there may be no later flush."""
        self._tell(b"ProxyShutdown", b"system,all")
        self.flush()

    # -- sessions ----------------------------------------------------------

    def attach(self, transport: Transport) -> Session:
        """Open a session for a client whose TLS handshake is complete, and greet it."""
        session = Session(self, transport)
        self._roster.add(session)
        self.bounds.newcomers.advance(transport, newcomers.GREETED)
        self.bounds.rationed.say(log.INFO, "session-open", transport.peer.address, session=session.id)
        session.greet(self.banner)
        return session

    def admitted(self, session: Session) -> None:
        """The session has logged in: update everything that counts sessions and users."""
        assert session.user is not None
        self._roster.admit(session, session.user)
        if self._newcomers is not None:
            self._newcomers.append(session)
        session.pays(self.shares.of_user(session.user.name))
        session.throttle.begin(session.user, self.scheduler.now())
        self.stats.logins += 1
        transport = session.transport
        self.bounds.admission.authenticated(transport)
        self.bounds.admission.succeeded(transport.peer.address)
        self.bounds.newcomers.admit(transport, transport.peer.address, self.scheduler.now())
        self.bounds.fit(session.outbox, session.user)
        self.taps.entered(session)

    def detach(self, session: Session, reason: str) -> None:
        """The session ends: remove it everywhere."""
        self.stats.closed(reason)
        transport = session.transport
        if session.user is not None:
            self.bounds.newcomers.acquaintances.note(transport.peer.address, self.scheduler.now())
        else:
            self.bounds.newcomers.depart(transport)
            self.verifier.abandon(transport)
        self._roster.remove(session)
        if session.user is not None:
            session.throttle.end(session.user, self.scheduler.now())
        self._answered.pop(session, None)
        self.pressure.left(session)
        self.exchange.abandon(session)
        for side in self.sides:
            side.abandon(session)
        self._leave(session)
        self.taps.left(session)
        self.closing[session] = self.scheduler.now() + _CLOSE_SECONDS

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
        return [*self._roster.strangers, *self._roster.users]

    def sessions_of(self, user: User) -> list[Session]:
        """The open sessions of one manager user."""
        return self._roster.of(user)

    def adopt_limits(self, limits: Limits) -> None:
        """Replace the limits.  Call this before ``adopt``, which applies them to the existing sessions."""
        self.bounds.adopt(limits)
        for exchange in (self.exchange, *(side.exchange for side in self.sides)):
            exchange.deadlines = self.bounds.deadlines()
        self.exchange.share = self.lists.exchange.share = limits.link_share
        self.caused.adopt(limits.delivery_share)

    def adopt_actions(self, others: OtherActions) -> None:
        """Replace the descriptions of actions that are not Asterisk's own."""
        self.table = self.table.with_others(others)
        for exchange in (self.exchange, *(side.exchange for side in self.sides)):
            exchange.answers = others.answers

    def adopt(self, users: UserTable) -> None:
        """Run all steps of ``adopting`` at once."""
        finish(self.adopting(users))

    def adopting(self, users: UserTable) -> Steps[None]:
        """Replace the user table in steps: rights change, and sessions whose user is gone are closed.

        Anything may happen between two steps.  Each session is governed entirely by the old table or
        entirely by the new one, in what it may do and in what it is sent.  Logins are judged by the old
        table until the last step, after which all sessions use the new one and the generation has changed.
        """
        if self._tracker is None:
            self._tracker = _tracker_for(users)
        self._newcomers = []
        for session in self._roster.users:
            self._adopt_session(session, users)
            yield
        yield from self.bounds.rates.adopting(users)
        for session in self._newcomers:
            self._adopt_session(session, users)
        self._newcomers = None
        self.shares.keep({user.name for user in users})
        self.users = users
        self._verdicts.forget()
        self.generation += 1
        self.settle()

    def _adopt_session(self, session: Session, users: UserTable) -> None:
        if session.state in OVER:
            return  # it has ended since the first step
        try:
            before = session.user
            assert before is not None
            user = users.successor(before, session.transport.peer.certificate)
            if isinstance(user, str):
                session.close(user)
                return
            if user is not before:
                session.user = user
                self._roster.rename(session, before, user)
                session.pays(self.shares.of_user(user.name))
            self.bounds.fit(session.outbox, user)
            self._view_again(session)
        except Exception as fault:
            self.fault(fault, "reload", session=session.id)
            session.close("fault")  # its rights are not known

    def _view_again(self, session: Session) -> None:
        """Subscribe a session again, if its rights give it another view than it has now."""
        view, subscription = session.view, session.subscription
        if (not view[0]) if subscription is None else subscription.key == view:
            return
        self.subscribe(session)

    # -- events to sessions ------------------------------------------------

    def subscribe(self, session: Session) -> None:
        """Move a session to the subscription that matches its rights, event mask and filters."""
        self.audiences.count()
        self._leave(session)
        key = mask, filters, scope = session.view
        if not mask:
            return
        subscription = self._subscriptions.get(key)
        if subscription is None:
            subscription = self._subscriptions[key] = Subscription(key, mask, filters)
            self.audiences.forget()
            if scope is not None and self._tracker is not None:
                self._scoped[subscription] = self._tracker.follow(scope)
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
            if view is not None and self._tracker is not None:
                self._tracker.unfollow(view)
        if earlier and session.state is not State.CLOSING:
            session.deliver(earlier)

    @property
    def deliveries(self) -> int:
        """The number of events put into outboxes since the start; see ``Stats.delivered``."""
        self.audiences.count()
        return sum(self.stats.delivered.values())

    def anyone_reads(self, classes: int) -> bool:
        """Whether the classes of any session admit an event of these classes."""
        return any(s.may_read(classes) for s in self._subscriptions.values())

    def readers(self, classes: int) -> int:
        """The number of sessions whose classes admit an event of these classes; filters are ignored."""
        found = self._readers.get(classes)
        if found is None:
            views = self._subscriptions.values()
            found = self._readers[classes] = sum(len(s.members) for s in views if s.may_read(classes))
        return found

    def touch(self, session: Session) -> None:
        """Note that the session has something to send when the hub settles."""
        self._answered[session] = None

    def settle(self) -> None:
        """Send answers now, and events now or with the next flush."""
        while self._answered:
            session, _ = self._answered.popitem()
            session.push()
        self.pressure.let_in()
        self._flusher.settle()
        self.pressure.end_slow()

    def flush(self) -> None:
        """Send every pending event now."""
        self._flusher.flush()

    def _flushed(self) -> None:
        if not self.waiters:
            return
        # A copy: ending a WaitEvent may change the subscriptions.
        for session in list(self.waiters):
            if session.waiting is not None and session.waiting.has_event:
                session.waiting.over()

    # -- learning ----------------------------------------------------------

    def learn(self, seconds: float) -> None:
        """Start a new recording of what users use, for ``seconds``; 0 means until ``end_learning``."""
        self.end_learning()
        now = self.scheduler.wall()
        recorder = self.recorder = Recorder(now, now + seconds if seconds else 0.0)
        self.audiences.count()  # earlier events are not part of the recording
        self.audiences.watch = lambda audience: _record(recorder, audience)

    def end_learning(self) -> None:
        """End the recording, and keep it until the next one ends."""
        if self.recorder is None:
            return
        self.audiences.count()
        self.audiences.watch = None
        self.recorded, self.recorder = self.recorder, None
        log.say(log.INFO, "learning-ended", shapes=len(self.recorded.shapes), lost=self.recorded.lost)

    # -- time --------------------------------------------------------------

    def tick(self, now: float) -> None:
        """End everything that has taken too long; called once a second."""
        self.exchange.tick(now)
        for side in self.sides:
            side.tick(now)
        if self.recorder is not None and 0 < self.recorder.until <= self.scheduler.wall():
            self.end_learning()
        self._tell_suppressed()
        login = self.limits.login_timeout
        for session in self._roster.strangers:
            if now - session.opened <= login:
                break  # they are in the order in which they were accepted
            session.hit("login_timeout")
            session.close("login timeout", abort=True)
        for session, until in list(self.closing.items()):
            if now > until:
                session.close("", abort=True)
        for session in self.sessions:
            session.tick(now)
        self.bounds.tick(now)
        self.settle()


def _tracker_for(users: UserTable) -> CallTracker | None:
    return CallTracker() if users.any_scope else None


def _users_of(subscription: Subscription) -> set[str]:
    """Names of the users whose sessions are in the subscription."""
    sessions = (member for member in subscription.members if isinstance(member, Session))
    return {session.user.name for session in sessions if session.user is not None}


def _record(recorder: Recorder, audience: Audience) -> None:
    """Record which users were sent the events of this audience since it was last counted."""
    for subscription in audience.subscriptions:
        for user in _users_of(subscription):
            recorder.event(user, audience.name, audience.required, audience.events)
