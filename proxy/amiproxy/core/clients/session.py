"""Session: one client, from its banner to its close.

A session runs one action at a time, in order, as a session in Asterisk does (seen on 16
and 22).  Whether an action is answered by the proxy or waits for the link or for a hash, it
only holds up the next action of the same client.  Actions that wait for the rate of their
kind let others pass where the client cannot see a difference (see ``aside``).
"""

# mypyc: compiled

import math
import secrets
from collections import deque
from typing import TYPE_CHECKING

from amiproxy.ami import eventfilter, message, privilege
from amiproxy.ami.actions import LOCAL
from amiproxy.ami.errors import MessageTooLong, ProtocolError
from amiproxy.ami.eventfilter import FilterSet
from amiproxy.ami.framing import ActionFramer
from amiproxy.ami.message import Action, parse_action
from amiproxy.core.admission import newcomers
from amiproxy.core.admission.addresses import network_of
from amiproxy.core.audit import trail
from amiproxy.core.audit.securityevents import ERROR
from amiproxy.core.budgets import quota, throttle
from amiproxy.core.budgets.aside import Aside
from amiproxy.core.clients import localactions, login, proxyactions
from amiproxy.core.clients.tap import Framing
from amiproxy.core.fanout.outbox import Outbox
from amiproxy.core.fanout.subscription import Subscription
from amiproxy.core.model.rules import Scope
from amiproxy.core.model.share import Share
from amiproxy.core.model.state import OVER, RUNNING, UNREAD, State
from amiproxy.core.model.users import User
from amiproxy.core.policy import Deny
from amiproxy.core.ports import Sender, Transport
from amiproxy.core.servers import originate

if TYPE_CHECKING:
    from amiproxy.core.budgets.series import Series
    from amiproxy.core.clients.waitevent import WaitEvent
    from amiproxy.core.fanout.hub import Hub

#: Seconds for which a session must be full before that is logged.
_FULL_SECONDS = 5.0
#: Bytes that a client may send before its login.  A Login has some hundred; without a limit, a stranger could
#: have the proxy buffer, parse and answer anything until ``login_timeout``.
_LOGIN_BYTES = 4096
#: Least bytes that a message counts before login: each costs a response, and perhaps an event for others.
_LIGHTEST_MESSAGE = 40
#: Most actions that a session runs before others are served.  One read may bring thousands that the proxy
#: answers itself, and a client in ``limits.exempt`` has no rate that would stop it.
_TURN = 64


class Session:
    """One client.  The transport calls ``receive``, ``writable``, ``ended`` and ``lost``."""

    __slots__ = (
        "_advancing",
        "_counted",
        "_ended",
        "_framer",
        "_full_since",
        "_heard",
        "_heard_at",
        "_held",
        "_paused",
        "_queue",
        "_turn_due",
        "_underway",
        "_unsent",
        "_weight",
        "aside",
        "challenge",
        "filters",
        "full",
        "hub",
        "id",
        "login_name",
        "mask",
        "opened",
        "opened_wall",
        "outbox",
        "received",
        "seen",
        "series",
        "share",
        "state",
        "subscription",
        "throttle",
        "transport",
        "user",
        "waiting",
    )

    def __init__(self, hub: "Hub", transport: Transport) -> None:
        self.hub = hub
        self.transport = transport
        self.id = secrets.token_hex(6)
        self.outbox = Outbox(transport, hub.limits.outbox_hard, hub.bounds.backlog)
        self.throttle = throttle.Throttle(hub.bounds.rates)
        #: Actions that wait for the rate of their kind.
        self.aside = Aside()
        self.state = State.GREETED
        #: The share that its time is charged to.
        self.share = hub.shares.of_network(network_of(transport.peer.address))
        self.user: User | None = None
        #: The user's name as this client spelled it, which security events show as AccountID.
        self.login_name = b""
        self.challenge = b""
        self.mask = privilege.ALL
        self.filters: tuple[eventfilter.EventFilter, ...] = ()
        self.subscription: Subscription | None = None
        self.seen = 0
        self.received = 0
        self.opened = hub.scheduler.now()
        self.opened_wall = hub.scheduler.wall()
        self._framer: Framing = ActionFramer(hub.limits.action_bytes)
        self._queue: deque[bytes] = deque()
        #: How many of the queued messages count as in flight.
        self._counted = 0
        self._unsent: list[bytes] = []
        self._advancing = False
        #: Whether its turn ended with work left, and the next one is scheduled.
        self._turn_due = False
        #: Bytes that count against ``_LOGIN_BYTES``.
        self._weight = 0
        #: The action that is in flight at Asterisk.
        self._underway: trail.Underway | None = None
        #: The parts of that action that are still to be sent, if it is sent in parts.
        self.series: Series | None = None
        self._ended = False
        self._paused = False
        #: Name of the limit because of which reading is paused, and the first tick that found it so.
        self.full = ""
        self._full_since: float | None = None
        #: ``received`` at the last tick, and the time at which it last changed.
        self._heard = 0
        self._heard_at = self.opened
        #: The action that waits for a rate while the whole session is held back.
        self._held: Action | None = None
        #: The WaitEvent that is running.
        self.waiting: WaitEvent | None = None

    # -- from the transport ------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take bytes from the client."""
        if self.state in OVER:
            return
        self.received += len(data)
        try:
            messages = self._framer.feed(data)
        except MessageTooLong as error:
            self.hit("action_bytes")
            self.reply(message.error(b"", str(error).encode()))
            self.close("malformed")
            return
        self._queue.extend(messages)
        if self.user is None:
            self._weight += max(len(data), _LIGHTEST_MESSAGE * len(messages))
            if self._weight > _LOGIN_BYTES:
                self.hit("login_bytes")
                self.close("too much before login")
                return
        if self.waiting is not None:
            self.waiting.over()  # any input ends a WaitEvent, as in Asterisk
        self._advance()
        self.push()

    def writable(self) -> bool:
        """Send waiting bytes, now that the transport accepts bytes again; True if it is to call again."""
        more = self.outbox.drain()
        if self.state is State.CLOSING and not self.outbox.size:
            self._gone()
        return more

    def ended(self) -> None:
        """Record that the client will send no more; the actions that it sent before are still answered."""
        self._ended = True
        if self.waiting is not None:
            self.waiting.over()
        self._advance()
        self.push()

    def lost(self, reason: str) -> None:
        """Close the session: its connection is lost."""
        self.close(reason, abort=True)

    # -- from the exchange -------------------------------------------------

    def reply(self, data: bytes) -> None:
        """Take part of an answer, which leaves with the next ``push``, behind the events before it."""
        if self.series is not None:
            if self.series.takes(data):
                return
            data = self.series.told(data)
        if not data.startswith(b"Event:"):
            if self._underway is not None:
                self._underway.answered(data)
        elif self._unsent and self.subscription is None:
            # Most parts of a long answer are list items, and an earlier part already waits to be sent.
            self._unsent.append(data)
            return
        self.late(data)

    def late(self, data: bytes) -> None:
        """Take part of an answer that follows after the answer seemed complete."""
        if self.subscription is not None and not self.outbox.holding:
            earlier = self.subscription.take(self)
            if earlier and not self._drops(earlier):
                self._unsent.append(earlier)
        self._unsent.append(data)
        self.hub.touch(self)

    def failed(self, data: bytes, _reason: bytes) -> None:
        """Take the end of an answer that will not be complete; see Requester."""
        if data:
            self.reply(data)
        self.finished()

    def finished(self) -> None:
        """Go on to the next action: Asterisk has answered this one."""
        if self.series is not None:
            if self.series.goes_on(self):
                return
            self.series = None
        self.state = State.READY
        assert self._underway is not None
        self._underway.record(self, self.hub.scheduler.now())
        self._underway = None
        if self.outbox.holding:
            # As in Asterisk, the response comes first, then the events that occurred meanwhile.
            head = b"".join(self._unsent)
            self._unsent.clear()
            self.release(head)
        # If other shares have work too, the next action waits until this one is scheduled.
        self._advance(at_once=not (self._queue and self.hub.shares.busy))

    # -- from the hub ------------------------------------------------------

    def deliver(self, data: bytes) -> None:
        """Take events from this session's subscription."""
        outbox = self.outbox
        if outbox.size and outbox.size > outbox.closed_above:
            self._drops(data)
        elif not outbox.push(data):
            self.hub.pressure.too_slow(self, "outbox_hard")

    def fall_behind(self, data: bytes, taken: int) -> None:
        """See ``Member`` in subscription.py."""
        if not self.outbox.keep(data, taken):
            self.hub.pressure.too_slow(self, "outbox_hard")

    def pays(self, share: Share) -> None:
        """Charge the session's time to this share from now on."""
        self.share = share
        self.transport.charge(share)

    def push(self) -> None:
        """Send the answers that ``reply`` and ``late`` have taken."""
        if self._unsent:
            data = b"".join(self._unsent)
            self._unsent.clear()
            self._sent(self.outbox.answer(data))

    def greet(self, banner: bytes) -> None:
        """Send the banner, alone in the first write: client libraries rely on it (nami, ami-io)."""
        self._sent(self.outbox.push(banner))

    def close(self, reason: str, *, abort: bool = False) -> None:
        """End the session; waiting bytes are still sent unless ``abort``."""
        if self.state in OVER:
            if abort and self.state is State.CLOSING:
                self._gone(abort=True)
            return
        self._queue.clear()
        unsent = self._leave_lines()
        self._count_queued()
        if not abort:
            self._last_words(reason, unsent)
        if self.waiting is not None:
            self.waiting.cancel()
        self.state = State.CLOSING
        self.hub.detach(self, reason)
        trail.closed(self, reason, self.hub.scheduler.now())
        if abort or not self.outbox.size:
            self._gone(abort=abort)

    def _leave_lines(self) -> list[Action]:
        """Take the session's actions out of all waiting lines; returns those that waited for a rate."""
        if self.state is State.HELD or self.series is not None or self.aside.size:
            self.hub.bounds.rates.leave(self)
        unsent = self.aside.clear()
        if self._held is not None:
            unsent.insert(0, self._held)  # it had already passed those in ``aside``
        return unsent

    def _last_words(self, reason: str, unsent: list[Action]) -> None:
        """Answer the running and the waiting actions before the end, and send the held events.

        Every complete action gets exactly one final response, even when its session is closed.
        """
        self._ended = False  # the session is closing already
        if self.waiting is not None:
            self.waiting.over()
        elif self.state is State.BUSY:
            text = b"Session closed: " + reason.encode()
            if self.series is not None and self.series.waits:
                self.series.give_up(self, text)
            else:
                self.hub.server.dismiss(self, text)
        for action in unsent:
            self.reply(message.error(action.action_id, b"Session closed: " + reason.encode()))
        self.push()

    def hold_events(self) -> None:
        """Hold events back until Asterisk has answered: it sends a session no events while its action runs.

        Otherwise an answer that comes over a side link would arrive behind later events: a list
        could contain a channel that an earlier event said was gone.
        """
        if not self.outbox.holding:
            self.push()
            earlier = self.subscription.take(self) if self.subscription is not None else b""
            if earlier:
                self.deliver(earlier)
            self.outbox.hold()

    def wait(self, waiting: "WaitEvent") -> None:
        """Begin a WaitEvent, which holds up the next action until it calls ``resume``."""
        self.state = State.WAITING
        self.waiting = waiting
        waiting.begin()

    def release(self, head: bytes, tail: bytes = b"") -> None:
        """Send ``head``, the events that the outbox held, and ``tail``."""
        self._sent(self.outbox.release(head, tail))

    def resume(self) -> None:
        """Go on with the next action, now that the WaitEvent is over."""
        self.state = State.READY
        self.waiting = None
        self.advance()

    def advance(self) -> None:
        """Run the actions that the client has sent meanwhile, and send their answers."""
        self._advance()
        self.push()

    def hold_back(self, action: Action) -> None:
        """Hold back this action, which is over a rate, and all that the client sends behind it."""
        self.state = State.HELD
        self._held = action
        self._count_queued()

    def let_go(self) -> None:
        """End ``hold_back``: the held action may run."""
        self.state = State.READY
        self._held = None
        self._count_queued()

    def _count_queued(self) -> None:
        # One read may bring a thousand actions.  Those that wait for a rate or are beyond the session's
        # own limit do not count as in flight, so that they hold up no other session.
        counted = len(self._queue)
        if counted:
            held = self.state is State.HELD or (self.aside.size and self.aside.holds_session)
            counted = 0 if held else min(counted, self.hub.limits.in_flight_per_session)
        if counted != self._counted:
            self.hub.bounds.queued += counted - self._counted
            self._counted = counted

    @property
    def has_input(self) -> bool:
        """Whether the client has sent more actions behind the one that runs."""
        return bool(self._queue)

    @property
    def is_idle(self) -> bool:
        """Whether the client has no action waiting here or at Asterisk; a WaitEvent does not count."""
        return not self._queue and self._underway is None

    # -- one action --------------------------------------------------------

    def _advance(self, *, at_once: bool = True) -> None:
        if self._advancing or self._turn_due:
            self._count_queued()
            return
        self._advancing = True
        left = _TURN if at_once else 0
        timed = left and len(self._queue) > 1
        if timed:
            self.hub.shares.begin()
        while left and self.state in RUNNING:
            waited = self.aside.take() if self.aside.size else None
            if waited is None and (not self._queue or (self.aside.size and self.aside.holds_session)):
                break
            left -= 1
            try:
                if waited is not None:
                    self.run(waited)
                else:
                    raw = self._queue.popleft()
                    self._count_queued()
                    self._act(raw)
            except Exception as fault:
                self.hub.fault(fault, "session", session=self.id)
                self.close("fault", abort=True)
            if timed and self.hub.shares.over:
                left = 0
        if timed:
            self.hub.shares.end(self.share)
        self._advancing = False
        self._count_queued()
        if not left and self.state in RUNNING and (self._queue or self.aside.size):
            self._turn_due = True
            self.hub.shares.later(self.share, self._next_turn)
        if self._ended and not self._queue and not self.aside.size and self.state in RUNNING:
            self.close("client closed")
        elif self.state not in OVER:
            self.full = self._fullness()
            held = self.state in UNREAD or (self.aside.size > 0 and self.aside.holds_session)
            self._pause(bool(self.full) or held or self._turn_due)

    def _next_turn(self) -> None:
        self._turn_due = False
        self.advance()
        self.hub.pressure.let_in()

    def _fullness(self) -> str:
        if len(self._queue) + self.aside.size >= self.hub.bounds.limits.in_flight_per_session:
            return "in_flight_per_session"
        return "in_flight" if self.user is not None and self.hub.pressure.is_crowded(self) else ""

    def _pause(self, paused: bool) -> None:
        if paused != self._paused:
            self._paused = paused
            if paused:
                self.transport.pause()
            else:
                self.transport.resume()

    def _act(self, raw: bytes) -> None:
        if self.user is None and _is_no_ami(raw):
            self.close("not AMI")
            return
        try:
            action = parse_action(raw)
        except ProtocolError as error:
            self.reply(message.error(error.action_id, str(error).encode()))
            if error.fatal:
                self.close("malformed")
            return
        if not action.name and action.has(b"proxyaction"):
            proxyactions.answer(self, action)
        elif self.user is None:
            self._act_unauthenticated(action)
        elif throttle.admits(self, action):
            self.run(action)

    def _miss_action(self, action: Action) -> None:
        self.reply(message.error(action.action_id, b"Missing action in request"))
        trail.tell(self, b"RequestBadFormat", ERROR, (b"RequestType", b"Action: NONE"))

    def _act_unauthenticated(self, action: Action) -> None:
        if not action.name:
            self._miss_action(action)
        elif action.key == b"login":
            self.login_name = action.get(b"username")[:79]  # Asterisk cuts names there
            login.begin(self, action)
        elif action.key in localactions.UNAUTHENTICATED:
            self.hub.bounds.newcomers.advance(self.transport, newcomers.SPOKE)
            localactions.UNAUTHENTICATED[action.key](self, action)
        else:
            self.deny(action, b"Permission denied", "not logged in")

    def run(self, action: Action, *, rested: bool = False, paid: bool = False) -> None:
        """Judge an action of a client that is logged in; answer it, or send it to Asterisk.

        ``paid`` says that the action has already waited for the deliveries that earlier actions caused
        (see ``caused``); ``rested`` says that it has then also waited to be allowed to sleep in
        Asterisk's session (see ``quota``).
        """
        user = self.user
        assert user is not None
        if not action.name:
            self._miss_action(action)
            return
        decision = self.hub.judge(user, action, self.hub.server.table)
        if isinstance(decision, Deny):
            self.deny(action, decision.text, decision.rule, decision.hint)
            return
        if decision.action is not action:
            trail.left_out(self, action)
        if self.hub.recorder is not None and not (rested or paid):
            self.hub.recorder.action(user.name, action, self.hub.server.table.described(action.key))
        if action.key in LOCAL:
            self.hub.stats.actions_local += 1
            self.hub.stats.actions.count(self.hub.server.counted_name(action), user.name, "local")
            localactions.AUTHENTICATED[action.key](self, decision.action)
            return
        outgoing = decision.action
        if not (paid or rested) and not self.hub.caused.admits(self, action, outgoing):
            return
        if outgoing.key in quota.BOUNDED:
            bounded = quota.admit(self, action, outgoing, rested=rested)
            if bounded is None:
                return
            outgoing = bounded
        self.state = State.BUSY
        rule = decision.rule if decision.privileged else None
        self._underway = trail.Underway(outgoing, rule, self.hub.generation, self.hub.scheduler.now())
        self._underway.begin(self)
        if outgoing.key == b"originate":
            if originate.is_synchronous(outgoing):
                self.hold_events()
            outgoing = originate.with_variables(outgoing, user.setvar)
        self.hub.submit(self, outgoing)

    def send_next(self, series: "Series") -> None:
        """Send the next part of the action, which may run now."""
        series.waits = False
        self.hub.submit(self, series.next())
        self.push()

    def deny(self, action: Action, text: bytes, rule: str, hint: str = "") -> None:
        """Answer the action with this error instead of running it.

        If there is a ``hint``, the response has a ProxyReason header with it and the rule.
        """
        self.hub.stats.actions_denied += 1
        user = self.user.name if self.user is not None else ""
        self.hub.stats.actions.count(self.hub.server.counted_name(action), user, "denied")
        reason = ((b"ProxyReason", f"{rule}: {hint}".encode()),) if hint else ()
        self.reply(message.response(b"Error", action.action_id, (b"Message", text), *reason))
        trail.denied(self, action, text, rule, hint)

    # -- ends --------------------------------------------------------------

    @property
    def payer(self) -> str:
        """Name of the user who is charged for the time that Asterisk spends on this session's actions."""
        return self.user.name if self.user is not None else ""

    @property
    def wires(self) -> tuple[Framing, Sender]:
        """What cuts the input into messages, and what sends the output; a tap replaces and restores both."""
        return self._framer, self.outbox.sender

    @wires.setter
    def wires(self, wires: tuple[Framing, Sender]) -> None:
        self._framer, sender = wires
        self.outbox.through(sender)

    @property
    def view(self) -> tuple[int, FilterSet | None, Scope | None]:
        """Which events this session may see: mask of privilege classes, event filters, scope of calls."""
        assert self.user is not None
        filters = self.user.filters
        for added in self.filters:
            filters = filters.with_added(added)
        rules = self.user.rules
        return self.user.read & self.mask, filters or None, rules.scope if rules is not None else None

    def hit(self, limit: str, **fields: object) -> None:
        """Count and log that this session has reached a limit."""
        user = self.user.name if self.user is not None else None
        self.hub.bounds.hit(limit, self.transport.peer.address, session=self.id, user=user, **fields)

    def tick(self, now: float) -> None:
        """To be called once a second: checks if the session has been full, stuck or idle for too long."""
        if not self.full:
            self._full_since = None
        elif self._full_since is None:
            self._full_since = now
        elif now - self._full_since >= _FULL_SECONDS:
            self._full_since = math.inf  # log it once
            self.hit(self.full)
        if self.outbox.stalled(now, self.hub.limits.outbox_stall):
            self.hub.pressure.too_slow(self, "outbox_stall")
        if self.received != self._heard or self.state is not State.READY:
            self._heard, self._heard_at = self.received, now
        elif 0 < self.hub.limits.idle_timeout < now - self._heard_at:
            self.hit("idle_timeout")
            self.close("idle")

    def _drops(self, events: bytes) -> bool:
        """Whether the client is past its soft limit; the events are then dropped and counted."""
        outbox = self.outbox
        if outbox.size <= outbox.closed_above:
            return False
        if not outbox.in_gap:
            self.hit("outbox_soft", bytes=outbox.waiting)
        outbox.drop(events)
        self.hub.stats.missed.count(events)
        return True

    def _sent(self, within_limit: bool) -> None:
        if not within_limit:
            self.hub.pressure.too_slow(self, "outbox_hard")
            # Settle soon, not only at the next event, but not from inside this session's own call.
            self.hub.scheduler.later(0, self.hub.settle)

    def _gone(self, *, abort: bool = False) -> None:
        self.state = State.CLOSED
        self.hub.closing.pop(self, None)
        self.outbox.discard()
        if abort:
            self.transport.abort()
        else:
            self.transport.close()


def _is_no_ami(raw: bytes) -> bool:
    # Such as from a browser or a scanner: no AMI client sends a line without a colon to log in.
    return any(line.strip() and b":" not in line for line in raw.split(b"\n"))
