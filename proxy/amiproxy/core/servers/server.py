"""Server: one Asterisk, with the links to it and all that is known about it.

Everything that its links bring arrives here: answers go to their requesters through the exchanges, events go
to the receiver, and changes of its state to the owner.  The server knows neither sessions nor subscriptions.
For each event it looks up the event's head (name and classes) in the receiver's table, and passes on what it
finds there with the event.
"""

# mypyc: compiled

from collections.abc import Callable, Sequence
from typing import Final

from amiproxy import log
from amiproxy.ami import privilege
from amiproxy.ami.actions import OtherActions
from amiproxy.ami.relay import BROADCAST, BROADCAST_HEAD, plain_head_of, rebuild_event, relay_id_of
from amiproxy.core.audit.stats import Stats
from amiproxy.core.limits.members import Members
from amiproxy.core.limits.stored import Stored
from amiproxy.core.limitstate import LimitState
from amiproxy.core.ports import Scheduler, Upstream
from amiproxy.core.servers.known.bootinfo import BootInfo
from amiproxy.core.servers.known.origin import Origin
from amiproxy.core.servers.known.settings import KnownSettings
from amiproxy.core.servers.parts.past import Past
from amiproxy.core.servers.receiver import Audience, EventReceiver, ServerOwner

#: The banner for clients until Asterisk was first reached: the AMI version (Asterisk 22's) whose actions the
#: shipped table describes.
DEFAULT_BANNER = b"Asterisk Call Manager/11.0.0\r\n"
#: Most messages handled in one turn when no list is open, and when one is.
_A_FEW: Final = 64
_MESSAGES_AT_ONCE: Final = 128
#: Most answers handled in one turn: after each answer, the next action of its session is judged and sent.
_ANSWERS_AT_ONCE: Final = 8
#: One in this many reads from Asterisk is measured.
_MEASURED: Final = 16
#: Events that say that Asterisk's state or its actions have changed.
_NOTEWORTHY: Final = frozenset({b"FullyBooted", b"Load", b"Reload", b"Unload"})


class Server(Past):
    """One Asterisk.  Everything runs on one thread."""

    def __init__(
        self,
        name: str,
        receiver: EventReceiver,
        owner: ServerOwner,
        limit_state: LimitState,
        stats: Stats,
        scheduler: Scheduler,
    ) -> None:
        super().__init__(name, receiver, owner, limit_state, stats, scheduler)
        self.banner = DEFAULT_BANNER
        #: How often the link came up, and how often it was lost.
        self.ups = self.downs = 0
        #: When the link came up or was lost, or Asterisk had booted, in seconds since the epoch.
        self.since = scheduler.wall()
        self._is_retired = False
        self._by_head = receiver.by_head
        self._pass_on: Callable[[bytes, Audience], None] = receiver.pass_on
        #: Returns the number of sessions that may read an event of these classes.
        self.readers: Callable[[int], int] = receiver.readers
        #: Variables that users have set in its channels.
        self.stored = Stored()
        #: Members that users have added to its queues.
        self.members = Members()
        self.origin = Origin()
        self.settings = KnownSettings(self.exchange.ask)
        self.boot = BootInfo(scheduler, self._boot_overdue)
        self._reads = 0

    # -- the link ----------------------------------------------------------

    def link_up(self, upstream: Upstream, banner: bytes, position: tuple[int, int] | None = None) -> None:
        """The link has logged in.  ``banner`` is Asterisk's own, and is shown to clients from now on.

        It includes its line end.  Clients' actions are refused until ``serve``.  If the events are numbered
        where they come from, ``position`` is the epoch and the number of the last one before the first that
        comes over this link: each message of ``from_upstream`` then has the next number.
        """
        self.banner = banner
        self.ups += 1
        self.since = self._scheduler.wall()
        self.missed()
        if position is not None and self.journal is not None:
            self.journal.begin_at(*position)
        self._receiver.forget()  # so that the first event of each head is recognised again
        self.exchange.now = self._scheduler.now()
        self.exchange.connect(upstream)
        if self.state is not None:
            self.state.linked()
        if not self._is_retired:
            self._owner.linked(self.name)
        self.actions.learn()
        self.boot.wait(self.limits.upstream_boot_timeout)

    def serve(self) -> None:
        """Asterisk has booted: send clients' actions from now on."""
        if self.boot.end_wait() and not self._is_retired:
            self.exchange.serving = True
            self.since = self._scheduler.wall()
            if self.state is not None:
                self.state.begin()
            self._owner.serves(self.name)

    def _boot_overdue(self) -> None:
        seconds = self.limits.upstream_boot_timeout
        self.actions.learn()
        if self.actions.is_cut_off:
            # Another ami-proxy, which sends FullyBooted when it is connected again.
            self.boot.wait(seconds)
            return
        log.say(log.WARNING, "upstream-not-booted", server=self.logged_name, seconds=seconds)
        self.serve()

    def log_name(self, named: bool) -> None:
        """Name this server in log lines, or leave the name out because it is the only one."""
        self.logged_name = self.actions.logged_name = self.name if named else None
        for side in self.sides:
            side.logged_name = self.logged_name
        if self.state is not None:
            self.state.logged_name = self.logged_name

    def link_down(self, reason: str) -> None:
        """The link is lost: answer open actions with an error."""
        self.downs += 1
        self.since = self._scheduler.wall()
        self.missed()
        self.boot.forget()
        self.disconnect()
        if self.tracker is not None:
            self.tracker.reset()
        if not self._is_retired:
            self._owner.link_down(self.name, reason)

    def disconnect(self) -> None:
        """Send nothing more to Asterisk, and answer open actions with an error."""
        if self.state is not None:
            self.state.end()
        self.actions.cancel()
        self.boot.end_wait()
        self.exchange.disconnect()
        for side in self.sides:
            side.close("the main link is gone")

    def drain(self) -> None:
        """The service is draining: send no new actions to Asterisk, but finish open ones."""
        self.exchange.draining = True
        for side in self.sides:
            side.drain()

    def retire(self) -> None:
        """It is no longer configured: end everything, and report nothing of its link any more."""
        self._is_retired = True
        self.keep(None, present=False)
        self.disconnect()

    # -- from the link -----------------------------------------------------

    def from_upstream(self, messages: Sequence[bytes], sound: bool = False) -> int:
        """Handle messages that one read from Asterisk completed; returns how many were handled.

        The caller passes the rest again in the loop's next turn.  The number is limited because each answer
        also runs the next action of its session.  An exception that a message causes is reported to the
        owner, and does not end the read.  For ``sound`` see ``UpstreamFramer``.
        """
        began = 0.0
        taken = answers = 0
        most = _A_FEW
        self._reads += 1
        if self._reads >= _MEASURED:
            began = self._scheduler.clock()
        exchange = self.exchange
        exchange.begin_read(self._scheduler.now())
        lists = exchange.open_list is not None
        by_head = self._by_head
        pass_on = self._pass_on
        tracker = self.tracker
        state = self.state
        for raw in messages:
            taken += 1
            try:
                # An item of a list begins with a relay id, which no broadcast does.
                if not (lists and exchange.item_again(raw, sound)):
                    audience = by_head.get(plain_head_of(raw)) if sound else None
                    if audience is not None:
                        pass_on(raw, audience)
                        if tracker is not None:
                            self._receiver.pass_on_scoped(raw, tracker.feed(raw))
                        if state is not None:
                            state.feed(raw)
                    elif (match := BROADCAST.fullmatch(raw)) is not None:
                        self.broadcast(raw, match[1])
                    else:
                        self._irregular(raw)
                        lists = exchange.open_list is not None
                        answers += not lists
                        if answers == _ANSWERS_AT_ONCE:
                            most = 0
            except Exception as fault:
                self.missed()  # some clients may have been sent it, and others not
                self._owner.fault(fault, "message from Asterisk")
                lists = exchange.open_list is not None
            # A list that is handled in two parts takes two writes to its client.
            if taken >= most and (not lists or taken >= _MESSAGES_AT_ONCE):
                break
        exchange.end_read()
        if self._reads >= _MEASURED:
            self._reads = 0
            self._owner.measured(self._scheduler.clock() - began, taken)
        try:
            self._owner.settle()
        except Exception as fault:
            self._owner.fault(fault, "flush")  # the caller must still pass the rest again
        return taken

    def answered(self, relay_id: bytes, messages: Sequence[bytes], *, last: bool) -> None:
        """Handle a part of an answer that came over a tagged link; see ``TaggedExchange.answered``.

        An exception that a message causes is reported to the owner; the rest of the part is then lost.
        """
        try:
            self.exchange.answered(relay_id, messages, last=last)
        except Exception as fault:
            self._owner.fault(fault, "answer of an agent")
        self._owner.settle()

    def not_answered(self, relay_id: bytes, reason: bytes) -> None:
        """Nothing more comes of an answer over a tagged link; see ``TaggedExchange.not_answered``."""
        try:
            self.exchange.not_answered(relay_id, reason)
        except Exception as fault:
            self._owner.fault(fault, "answer of an agent")
        self._owner.settle()

    def oversized(self, head: bytes) -> None:
        """A message that begins with ``head`` was dropped because it is too long: tell its requester."""
        self.exchange.begin_read(self._scheduler.now())
        if not self.exchange.oversized(head):
            self.missed()  # it may have been an event
            self.counts.events_dropped += 1
            name = log.text_of(head.split(b"\n", 1)[0].rstrip(b"\r"))
            self._limit_state.rationed.say_of(
                log.ERROR,
                "upstream-message-dropped",
                "",
                server=self.logged_name,
                reason="too long",
                head=name,
            )
            self._stats.limit_reached("upstream_message_bytes")
        self.exchange.end_read()
        self._owner.settle()

    def broadcast(self, raw: bytes, head: bytes) -> None:
        """Pass on a well-formed event, Asterisk's or the proxy's own; ``head`` is its first two lines.

        Both with their line ends.
        """
        audience = self._by_head.get(head)
        self._pass_on(raw, self._audience_of(raw, head) if audience is None else audience)
        if self.tracker is not None:
            self._receiver.pass_on_scoped(raw, self.tracker.feed(raw))
        if self.state is not None:
            self.state.feed(raw)

    def _audience_of(self, raw: bytes, head: bytes) -> Audience:
        """The audience of a head that is not known; ``raw`` is its first event."""
        match = BROADCAST_HEAD.match(head)
        assert match is not None
        name, required = match[2], privilege.required_classes(match[3])
        must_pass = self._recognise(name, raw)
        return self._receiver.audience_of(head, name, required, remember=not must_pass)

    def _irregular(self, raw: bytes) -> None:
        if self.exchange.tagged:
            self._irregular_event(raw)
        elif raw.startswith(b"Response:"):
            self.exchange.response(raw)
        elif not raw.startswith(b"Event:"):
            self.exchange.stray(raw)
        elif not self.exchange.event(raw):
            self._repaired(raw)

    def _irregular_event(self, raw: bytes) -> None:
        """Handle a message over a tagged link, which brings nothing but events here."""
        if not raw.startswith(b"Event:"):
            self.counts.strays += 1
            self.skip()
        elif self.exchange.event(raw) or not self._repaired(raw):
            self.skip()

    def _repaired(self, raw: bytes) -> bool:
        """Repair an event and pass it on; returns whether that was possible."""
        relay_id = relay_id_of(raw)
        owners = self._echoed(relay_id) if relay_id else None
        rebuilt = rebuild_event(raw) if owners is None else rebuild_event(raw, relay_id, owners)
        if rebuilt is None:
            self.counts.events_dropped += 1
            return False
        if owners is None:
            self.counts.events_repaired += 1
        lines = rebuilt.split(b"\r\n", 2)
        self.broadcast(rebuilt, lines[0] + b"\r\n" + lines[1] + b"\r\n")
        return True

    def _echoed(self, relay_id: bytes) -> bytes | None:
        """See ``Correlator.echoed``.  The action may be on any link, as all events come over the main one."""
        for exchange in self._exchanges:
            owners = exchange.echoed(relay_id)
            if owners is not None:
                return owners
        return None

    # -- Asterisk's state and actions ----------------------------------------

    def _recognise(self, name: bytes, raw: bytes) -> bool:
        """Learn from the first event of a head; returns whether each event of this name must pass here."""
        if name in _NOTEWORTHY:
            self._note(name, raw)
            return True
        self.origin.learn(raw)
        return False

    def _note(self, name: bytes, raw: bytes) -> None:
        if not self.exchange.linked:
            return
        if name == b"FullyBooted":
            self.boot.booted(raw)
            self.actions.learn()  # modules loaded since our login have added their actions
            self.serve()
            return
        if name == b"Reload":
            self.boot.reloaded()
        self.actions.learn_soon()

    # -- settings and time -------------------------------------------------

    def adopt_actions(self, others: OtherActions) -> None:
        """Replace the descriptions of actions that are not Asterisk's own."""
        self.actions.describe(others)
        for exchange in self._exchanges:
            exchange.answers = others.answers

    def tick(self, now: float) -> None:
        """End the answers that have taken too long; called once a second."""
        if self.journal is not None:
            self.journal.sealer = self._owner.sealer
            self.journal.tick()
            self._tell_tracker()
        self.queries.tick()
        self.exchange.tick(now)
        for side in self.sides:
            side.tick(now)
