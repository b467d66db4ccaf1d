"""Hub: the switchboard.

Everything Asterisk says comes in here and goes to whom it concerns: answers to
the session that asked (through the exchange), events to the subscriptions that
admit them.  An event is judged once per subscription; which subscriptions its
classes admit is remembered per head (name and classes), so that for most
events the judgement is one look-up.
"""

from collections.abc import Callable, Sequence

from proxy import log
from proxy.ami import privilege
from proxy.ami.actions import ECHOED_BY, SHIPPED, Listed, OtherActions, answer_of
from proxy.ami.message import Action, Message, event
from proxy.ami.relay import (
    BROADCAST,
    BROADCAST_HEAD,
    plain_head_of,
    rebuild_event,
    relay_id_of,
)
from proxy.config.limits import Limits
from proxy.core import newcomers
from proxy.core.actionstats import OTHER
from proxy.core.audiences import Audience, Audiences
from proxy.core.boot import Boot
from proxy.core.bounds import Bounds
from proxy.core.caused import Caused
from proxy.core.exchange import Exchange
from proxy.core.flushing import Flusher
from proxy.core.holding import may_hold
from proxy.core.learning.recorder import Recorder
from proxy.core.lengths import Lengths
from proxy.core.linkloss import LinkLoss
from proxy.core.origin import Origin
from proxy.core.pacing import Pacing
from proxy.core.policy.verdicts import Decide, Verdicts
from proxy.core.ports import Scheduler, Timer, Transport, Upstream, Verifier
from proxy.core.pressure import Pressure
from proxy.core.roster import Roster
from proxy.core.scope import CallTracker, View
from proxy.core.securityevents import Ration
from proxy.core.session import Session
from proxy.core.shares import Shares
from proxy.core.side import Side
from proxy.core.state import OVER, State
from proxy.core.stats import Stats
from proxy.core.subscription import Subscription
from proxy.core.tap import Taps
from proxy.core.users import User, UserTable
from proxy.steps import Steps, finish

#: What clients are greeted with before Asterisk was ever reached: the AMI version (Asterisk 22's)
#: whose actions the shipped table describes.
DEFAULT_BANNER = b"Asterisk Call Manager/11.0.0\r\n"
#: Seconds after a change of modules before Asterisk is asked for its actions again.
_RELEARN_DELAY = 1.0
#: Seconds that a closing session may take to read its last bytes.
_CLOSE_SECONDS = 5.0
#: Messages that are taken at once where no list is being read, and where one is.
_A_FEW = 64
_MESSAGES_AT_ONCE = 128
#: Answers that are taken at once: the next action of each session is judged and sent behind its answer.
_ANSWERS_AT_ONCE = 8
#: Of so many reads from Asterisk, one is measured.
_MEASURED = 16
#: Events that tell the hub itself something.
_NOTEWORTHY = frozenset({b"FullyBooted", b"Load", b"Reload", b"Unload"})
_LIST_COMMANDS = Action([(b"Action", b"ListCommands")])

MayRun = Callable[[User, Listed], bool]


class Hub:
    """All sessions, one link.  Everything happens on one thread."""

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
        #: One more with each configuration that is taken up.
        self.generation = 1
        self.stats = Stats()
        self.bounds = Bounds(limits, self.stats)
        self.scheduler = scheduler
        #: Whose work the processor does next.
        self.shares = Shares(scheduler)
        self.caused = Caused(scheduler, limits.delivery_share)
        self.verifier = verifier
        self._verdicts = Verdicts(decide)
        #: What ``decide`` says, which is asked once for what it always says the same of.
        self.judge: Decide = self._verdicts.on
        self.may_run = may_run
        self.table = SHIPPED
        self.banner = DEFAULT_BANNER
        self.lengths = Lengths()
        self.exchange = Exchange(self.stats, self.bounds.deadlines(), scheduler, self.lengths)
        around = self.exchange, self.bounds, self.stats, scheduler, self.settle, self.fault
        #: For what may hold up Asterisk's session.
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
        #: Sessions that may read events of these classes, since somebody came or went.
        self._readers: dict[int, int] = {}
        self._answered: dict[Session, None] = {}
        # Follows calls only while some user has a scope; then from the link's first event on.
        self._tracker = _tracker_for(users)
        self._scoped: dict[Subscription, View] = {}
        #: While another table is taken up: who has logged in since that began.
        self._newcomers: list[Session] | None = None
        self._reads = 0
        self._relearn_timer: Timer | None = None
        #: Runs until Asterisk has booted.
        self._boot_timer: Timer | None = None
        self._boot: Boot | None = None
        #: What users really use, while that is recorded; and the recording that ended last.
        self.recorder: Recorder | None = None
        self.recorded: Recorder | None = None

    @property
    def limits(self) -> Limits:
        """As they are now; ``adopt_limits`` changes them."""
        return self.bounds.limits

    # -- the link ----------------------------------------------------------

    def link_up(self, upstream: Upstream, banner: bytes) -> None:
        """Logged in to Asterisk; ``banner`` is its own line, which clients are shown.

        Their actions wait for ``serve``.
        """
        self.banner = banner
        self.stats.link_ups += 1
        self._boot = None
        self.audiences.forget()  # the first event of each name is looked at again: see ``origin``
        self.exchange.now = self.scheduler.now()
        self.exchange.connect(upstream)
        self._learn()
        self._boot_timer = self.scheduler.later(self.limits.upstream_boot_timeout, self._serve_unbooted)

    def serve(self) -> None:
        """Asterisk has booted: clients may act.

        It listens before its modules are loaded, and calls actions unknown that it
        has a second later.
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
        """The link is gone: what is open is answered now; clients are told, or soon closed."""
        self.stats.link_downs += 1
        self._boot = None
        self.disconnect()
        if self._tracker is not None:
            self._tracker.reset()
        told = self._tell_upstream(b"Down", (b"Reason", reason.encode("ascii", "replace")), now=True)
        if not self.exchange.draining:
            self.link_loss.happened(self._roster.users, told, reason, self.limits.upstream_lost_spread)

    def disconnect(self) -> None:
        """Send Asterisk no more; what is open is answered now."""
        for timer in (self._relearn_timer, self._boot_timer):
            if timer is not None:
                timer.cancel()
        self._relearn_timer = self._boot_timer = None
        self.exchange.disconnect()
        for side in self.sides:
            side.close("the main link is gone")

    def from_upstream(self, messages: Sequence[bytes], sound: bool = False) -> int:
        """What one read from Asterisk completed; how many of them were taken.

        The rest is to be given again in the loop's next turn: behind each answer its session goes on.
        ``sound``: see UpstreamFramer.
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
                # An item of a list begins with an ActionID of ours, which no broadcast has.
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
            # A list that is cut in two is two writes for its client.
            if taken >= most and (not lists or taken >= _MESSAGES_AT_ONCE):
                break
        exchange.end_read()
        if self._reads >= _MEASURED:
            self._reads = 0
            self.caused.read(self.scheduler.clock() - began, taken)
        try:
            self.settle()
        except Exception as fault:
            self.fault(fault, "flush")  # what was not taken is still to be given again
        return taken

    def oversized(self, head: bytes) -> None:
        """How a message of Asterisk began that is too long and left out; its asker is told."""
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
        """Send Asterisk a judged action over the link that is meant for it; see ``Exchange.submit``."""
        side = self._side_for(session, action)
        if side is None:
            self.exchange.submit(session, action)
        else:
            session.hold_events()
            side.submit(session, action)

    def _side_for(self, session: Session, action: Action) -> Side | None:
        """The link beside the main one that this action goes over; None: the main one."""
        if may_hold(action):
            return self.side
        key = action.key
        if key in ECHOED_BY:
            return None  # its event comes over the main link, where its ActionID must be known
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
        """The session is told to go: a last word on what it asked comes first."""
        self.exchange.dismiss(session, text)
        for side in self.sides:
            side.dismiss(session, text)

    def drain(self) -> None:
        """The service is ending: Asterisk is asked nothing more, and what is under way is still answered."""
        self.exchange.draining = True
        for side in self.sides:
            side.drain()

    @property
    def in_flight(self) -> int:
        """Actions that Asterisk has not answered, on all links."""
        return self.exchange.in_flight + sum(side.exchange.in_flight for side in self.sides)

    def fault(self, error: Exception, where: str, **fields: object) -> None:
        """Tell of a fault of ours that ends less than the service."""
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
        """An event of the proxy's own, well-formed."""
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
        """To those who see only some calls: perhaps this event, perhaps earlier ones of its call too."""
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
            self._note(match[2], raw)  # not remembered: each one must come by here
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
        """See Correlator.echoed: of an action on any link, for all events come over the main one."""
        for exchange in (self.exchange, *(side.exchange for side in self.sides)):
            owners = exchange.echoed(relay_id)
            if owners is not None:
                return owners
        return None

    # -- what Asterisk is --------------------------------------------------

    def _note(self, name: bytes, raw: bytes) -> None:
        if not self.exchange.linked:
            return
        if name == b"FullyBooted":
            self._boot = Boot(raw, self.scheduler.now())
            self._learn()  # modules that loaded after our login have brought their actions
            self.serve()
            return
        if name == b"Reload" and self._boot is not None:
            self._boot.reloaded(self.scheduler.now())
        if self._relearn_timer is None:
            self._relearn_timer = self.scheduler.later(_RELEARN_DELAY, self._relearn)

    def fully_booted(self) -> bytes | None:
        """The FullyBooted that Asterisk would send to who logs in now; None if it is not booted."""
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
        """What an action is counted by: the table's name, for clients can make up as many as they like."""
        row = self.table.find(action.key)
        return row.name if row is not None else OTHER

    def _tell_upstream(self, status: bytes, *extra: tuple[bytes, bytes], now: bool = False) -> set[object]:
        """Those who are told; ``now``: by no later flush."""
        raw = self._tell(b"ProxyUpstream", b"system,all", (b"Status", status), *extra)
        told = [s for s in self._subscriptions.values() if s.pending and s.pending[-1] is raw]
        members = [session for subscription in told for session in subscription.members]
        if now:
            self.flush()
        self.settle()
        # Whose events are dropped learns that some are missing, and not that this one is.
        return {session for session in members if not session.outbox.in_gap}

    def _tell(self, name: bytes, classes: bytes, *headers: tuple[bytes, bytes]) -> bytes:
        """An event of the proxy's own, as Asterisk would write it; its bytes."""
        origin = self.origin.headers(self.scheduler.wall())
        raw = event(name, (b"Privilege", classes), *origin, *headers)
        self.broadcast(raw)
        return raw

    def _tell_suppressed(self) -> None:
        for name, count in self.security_ration.renew().items():
            headers = (b"Suppressed", name), (b"Count", b"%d" % count)
            self._tell(b"ProxySecurityEvents", b"security,all", *headers)

    def tell_shutdown(self) -> None:
        """Tell clients that the service is about to end, now: no later flush may come."""
        self._tell(b"ProxyShutdown", b"system,all")
        self.flush()

    # -- sessions ----------------------------------------------------------

    def attach(self, transport: Transport) -> Session:
        """A client whose TLS stands: greet it."""
        session = Session(self, transport)
        self._roster.add(session)
        self.bounds.newcomers.advance(transport, newcomers.GREETED)
        self.bounds.rationed.say(log.INFO, "session-open", transport.peer.address, session=session.id)
        session.greet(self.banner)
        return session

    def admitted(self, session: Session) -> None:
        """The session has logged in."""
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
        """The session ends: forget it everywhere."""
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
        """Sessions that are logged in."""
        return self._roster.authenticated

    @property
    def unauthenticated(self) -> int:
        """Sessions that were greeted and are not logged in."""
        return self._roster.unauthenticated

    @property
    def sessions(self) -> list[Session]:
        """All that are open."""
        return [*self._roster.strangers, *self._roster.users]

    def sessions_of(self, user: User) -> list[Session]:
        """The open sessions of one manager user."""
        return self._roster.of(user)

    def adopt_limits(self, limits: Limits) -> None:
        """Other limits, before ``adopt``, which applies them to the sessions there are."""
        self.bounds.adopt(limits)
        for exchange in (self.exchange, *(side.exchange for side in self.sides)):
            exchange.deadlines = self.bounds.deadlines()
        self.exchange.share = self.lists.exchange.share = limits.link_share
        self.caused.adopt(limits.delivery_share)

    def adopt_actions(self, others: OtherActions) -> None:
        """Other descriptions of actions that are not Asterisk's own."""
        self.table = self.table.with_others(others)
        for exchange in (self.exchange, *(side.exchange for side in self.sides)):
            exchange.answers = others.answers

    def adopt(self, users: UserTable) -> None:
        """``adopting`` in one go."""
        finish(self.adopting(users))

    def adopting(self, users: UserTable) -> Steps[None]:
        """Swap the user table in steps: rights change, sessions without a user any more end.

        Between two steps anything may happen.  Each session is wholly of the old table or wholly
        of the new one, in what it may do and in what it is sent; logins are judged by the old table
        until the last step, which has all sessions on the new one and counts the generation.
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
            return  # it ended since the first step
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
        """Subscribe a session by its rights, if these make another view than the one it has."""
        view, subscription = session.view, session.subscription
        if (not view[0]) if subscription is None else subscription.key == view:
            return
        self.subscribe(session)

    # -- events to sessions ------------------------------------------------

    def subscribe(self, session: Session) -> None:
        """Put a session into the audience its rights, mask and filters make, from now on."""
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
        """Events given to sessions' outboxes since the start; see ``Stats.delivered``."""
        self.audiences.count()
        return sum(self.stats.delivered.values())

    def anyone_reads(self, classes: int) -> bool:
        """Whether an event of these classes would reach anybody."""
        return any(s.may_read(classes) for s in self._subscriptions.values())

    def readers(self, classes: int) -> int:
        """Sessions whose classes admit an event of these, whatever their filters say."""
        found = self._readers.get(classes)
        if found is None:
            views = self._subscriptions.values()
            found = self._readers[classes] = sum(len(s.members) for s in views if s.may_read(classes))
        return found

    def touch(self, session: Session) -> None:
        """The session has something to send when the hub settles."""
        self._answered[session] = None

    def settle(self) -> None:
        """Send answers at once; flush events now or in a while."""
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
        # A copy: the end of a WaitEvent may change who is subscribed to what.
        for session in list(self.waiters):
            if session.waiting is not None and session.waiting.has_event:
                session.waiting.over()

    # -- time --------------------------------------------------------------

    # -- learning ----------------------------------------------------------

    def learn(self, seconds: float) -> None:
        """Record what users use, from now on and from nothing; ``seconds`` 0: until it is ended."""
        self.end_learning()
        now = self.scheduler.wall()
        recorder = self.recorder = Recorder(now, now + seconds if seconds else 0.0)
        self.audiences.count()  # what was before is not of the recording
        self.audiences.watch = lambda audience: _record(recorder, audience)

    def end_learning(self) -> None:
        """The recording is whole, and kept until the next one ends."""
        if self.recorder is None:
            return
        self.audiences.count()
        self.audiences.watch = None
        self.recorded, self.recorder = self.recorder, None
        log.say(log.INFO, "learning-ended", shapes=len(self.recorded.shapes), lost=self.recorded.lost)

    def tick(self, now: float) -> None:
        """Once a second: whatever has taken too long."""
        self.exchange.tick(now)
        for side in self.sides:
            side.tick(now)
        if self.recorder is not None and 0 < self.recorder.until <= self.scheduler.wall():
            self.end_learning()
        self._tell_suppressed()
        login = self.limits.login_timeout
        for session in self._roster.strangers:
            if now - session.opened <= login:
                break  # in the order of their accept
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
    """Names of the users who are sent the subscription's events."""
    sessions = (member for member in subscription.members if isinstance(member, Session))
    return {session.user.name for session in sessions if session.user is not None}


def _record(recorder: Recorder, audience: Audience) -> None:
    """Who was sent the events of this audience since it was counted last."""
    for subscription in audience.subscriptions:
        for user in _users_of(subscription):
            recorder.event(user, audience.name, audience.required, audience.events)
