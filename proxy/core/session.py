"""Session: one client, from its banner to its close.

A session runs strictly one action at a time, in order, as Asterisk's does
(ami.md §1.1): what is answered here, what waits for the link and what waits
for a hash all hold up the next action of this client and of nobody else.
What each state answers by itself is the table at the end of this file.
"""

import re
import secrets
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Final

from proxy import log
from proxy.ami import eventfilter, message, privilege
from proxy.ami.actions import LOCAL
from proxy.ami.errors import FilterSyntaxError, MessageTooLong, ProtocolError
from proxy.ami.eventfilter import FilterSet
from proxy.ami.framing import ActionFramer
from proxy.ami.message import Action, parse_action
from proxy.core import originate
from proxy.core.exchange import NOT_CONNECTED
from proxy.core.login import Attempt, Verdict
from proxy.core.outbox import Outbox
from proxy.core.policy import Deny
from proxy.core.ports import Timer, Transport
from proxy.core.securityevents import ERROR, INFORMATIONAL, security_event
from proxy.core.subscription import Subscription
from proxy.core.users import User

if TYPE_CHECKING:
    from proxy.core.hub import Hub

#: Filters one session may add; each costs a judgement per event.
_FILTER_LIMIT: Final = 32
#: What they may cost together, in pattern characters that a regular expression runs over an event.
_FILTER_COST: Final = 512
#: Asterisk's pause before it tells that a login failed.
REFUSAL_DELAY: Final = 1.0
_C_INT = re.compile(rb"[ \t]*([+-]?)(0[xX][0-9a-fA-F]+|\d+)")


class State(Enum):
    """What a session is doing."""

    GREETED = "not logged in"
    JUDGED = "its login is being checked, or its refusal delayed"
    READY = "logged in, nothing under way"
    BUSY = "an action is upstream"
    WAITING = "in WaitEvent"
    CLOSING = "the last bytes are on their way"
    CLOSED = "gone"


class Session:
    """One client.  The transport calls ``receive``, ``writable``, ``ended`` and ``lost``."""

    __slots__ = (
        "_advancing",
        "_ended",
        "_framer",
        "_hub",
        "_paused",
        "_queue",
        "_unsent",
        "_wait_action",
        "_wait_timer",
        "challenge",
        "filters",
        "id",
        "login_name",
        "mask",
        "opened",
        "opened_wall",
        "outbox",
        "received",
        "seen",
        "state",
        "subscription",
        "transport",
        "user",
    )

    def __init__(self, hub: "Hub", transport: Transport) -> None:
        self._hub = hub
        self.transport = transport
        self.id = secrets.token_hex(6)
        self.outbox = Outbox(transport, hub.limits.outbox_hard)
        self.state = State.GREETED
        self.user: User | None = None
        #: The user's name as this client spelled it; what Asterisk shows as AccountID.
        self.login_name = b""
        self.challenge = b""
        self.mask = privilege.ALL
        self.filters: tuple[eventfilter.EventFilter, ...] = ()
        self.subscription: Subscription | None = None
        self.seen = 0
        self.received = 0
        self.opened = hub.scheduler.now()
        self.opened_wall = hub.scheduler.wall()
        self._framer = ActionFramer(hub.limits.action_bytes)
        self._queue: deque[bytes] = deque()
        self._unsent: list[bytes] = []
        self._advancing = False
        self._ended = False
        self._paused = False
        self._wait_action: Action | None = None
        self._wait_timer: Timer | None = None

    # -- from the transport ------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Bytes from the client."""
        if self.state in _OVER:
            return
        self.received += len(data)
        try:
            self._queue.extend(self._framer.feed(data))
        except MessageTooLong as error:
            self.reply(message.error(b"", str(error).encode()))
            self.close("malformed")
            return
        if self.user is None and self.received > self._hub.limits.login_bytes:
            self.close("too much before login")
            return
        if self.state is State.WAITING:
            self.wait_over()  # any input ends a WaitEvent (ami.md §7.2)
        self._advance()
        self.push()

    def writable(self) -> None:
        """The transport takes bytes again."""
        self.outbox.drain()
        if self.state is State.CLOSING and not self.outbox.size:
            self._gone()

    def ended(self) -> None:
        """The client will send no more; what it asked before is still answered."""
        self._ended = True
        self._advance()
        self.push()

    def lost(self, reason: str) -> None:
        """The connection is gone."""
        self.close(reason, abort=True)

    # -- from the exchange -------------------------------------------------

    def reply(self, data: bytes) -> None:
        """Part of an answer; it leaves with the next ``push``, behind the events that came before it."""
        if self.subscription is not None and not self.outbox.holding:
            earlier = self.subscription.take(self)
            if earlier:
                self._unsent.append(earlier)
        self._unsent.append(data)
        self._hub.touch(self)

    def finished(self) -> None:
        """The action upstream is answered: on to the next."""
        self.state = State.READY
        if self.outbox.holding:
            # As in Asterisk the answer comes first, then what happened meanwhile.
            head = b"".join(self._unsent)
            self._unsent.clear()
            self._sent(self.outbox.release(head))
        self._advance()

    # -- from the hub ------------------------------------------------------

    def deliver(self, data: bytes) -> None:
        """Events of this session's subscription."""
        if not self.outbox.push(data):
            self._hub.too_slow(self)

    def push(self) -> None:
        """Send what was answered."""
        if self._unsent:
            data = b"".join(self._unsent)
            self._unsent.clear()
            self._sent(self.outbox.push(data))

    def greet(self, banner: bytes) -> None:
        """The banner, alone in the first write: clients rely on it (operations.md §1)."""
        self.deliver(banner)

    def close(self, reason: str, *, abort: bool = False) -> None:
        """End the session; what is waiting is still sent unless ``abort``."""
        if self.state in _OVER:
            if abort and self.state is State.CLOSING:
                self._gone(abort=True)
            return
        if not abort:
            self.push()
        self._stop_waiting()
        self.state = State.CLOSING
        self._queue.clear()
        self._hub.detach(self, reason)
        log.say(
            log.INFO,
            "session-close",
            session=self.id,
            user=self.user.name if self.user else None,
            peer=self.transport.peer.address,
            reason=reason,
            seconds=round(self._hub.scheduler.now() - self.opened, 3),
            bytes_in=self.received,
            bytes_out=self.outbox.sent,
        )
        if abort or not self.outbox.size:
            self._gone(abort=abort)

    def wait_over(self) -> None:
        """End a WaitEvent: its response, the events that came, its Complete."""
        action = self._wait_action
        assert action is not None
        self._stop_waiting()
        self.state = State.READY
        if self.subscription is not None:
            self.outbox.push(self.subscription.take(self))  # held, so in order
        echo = [(b"ActionID", action.action_id)] if action.action_id else []
        self._sent(
            self.outbox.release(
                message.success(action.action_id, b"Waiting for Event completed."),
                message.event(b"WaitEventComplete", *echo),
            )
        )
        self._advance()
        self.push()

    @property
    def waits_for_event(self) -> bool:
        """Whether a WaitEvent is under way that an event has come for."""
        return self.state is State.WAITING and self.outbox.held > 0

    # -- one action --------------------------------------------------------

    def _advance(self) -> None:
        if self._advancing:
            return
        self._advancing = True
        while self._queue and self.state in _RUNNING:
            self._act(self._queue.popleft())
        self._advancing = False
        if self._ended and not self._queue and self.state in _RUNNING:
            self.close("client closed")
        elif self.state not in _OVER:
            full = len(self._queue) >= self._hub.limits.in_flight_per_session
            self._pause(full or self.state is State.JUDGED)

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
        if not action.name:
            self.reply(message.error(action.action_id, b"Missing action in request"))
            self._tell(b"RequestBadFormat", ERROR, (b"RequestType", b"Action: NONE"))
        elif self.user is None:
            answer = _UNAUTHENTICATED.get(action.key)
            if answer is None:
                self._deny(action, b"Permission denied", "not logged in")
            else:
                answer(self, action)
        else:
            self._act_as(self.user, action)

    def _act_as(self, user: User, action: Action) -> None:
        decision = self._hub.decide(user, action, self._hub.table)
        if isinstance(decision, Deny):
            self._deny(action, decision.text, decision.rule)
            return
        if action.key in LOCAL:
            self._hub.stats.actions_local += 1
            _AUTHENTICATED[action.key](self, decision.action)
            return
        self.state = State.BUSY
        outgoing = decision.action
        if outgoing.key == b"originate":
            if originate.is_synchronous(outgoing):
                self.push()  # what was answered before it is not held back with the events
                self.outbox.hold()
            outgoing = originate.with_variables(outgoing, user.setvar)
        self._hub.exchange.submit(self, outgoing)

    def _deny(self, action: Action, text: bytes, rule: str) -> None:
        self._hub.stats.actions_denied += 1
        self.reply(message.error(action.action_id, text))
        log.say(
            log.WARNING,
            "action-denied",
            session=self.id,
            user=self.user.name if self.user else None,
            peer=self.transport.peer.address,
            action=action.name,
            rule=rule,
        )
        unknown = text.startswith(b"Invalid/unknown command")
        name = b"RequestBadFormat" if unknown else b"RequestNotAllowed"
        self._tell(name, ERROR, (b"RequestType", b"Action: " + action.name[:64]))

    # -- answered here -----------------------------------------------------

    def _login(self, action: Action) -> None:
        self.login_name = action.get(b"username")[:79]  # Asterisk cuts names there
        self.state = State.JUDGED
        Attempt(self._hub, self.transport.peer, self.challenge, action).judge(
            lambda verdict: self._judged(action, verdict)
        )

    def _judged(self, action: Action, verdict: Verdict) -> None:
        if self.state is not State.JUDGED:
            return  # closed while the hash was at work
        if verdict.user is None:
            self._refuse(action, verdict)
            return
        self.user = verdict.user
        self.state = State.READY
        if action.get(b"events"):
            mask = privilege.parse_event_mask(action.get(b"events"))
            self.mask = privilege.ALL if mask is None else mask
        self._hub.admitted(self)
        log.say(
            log.INFO,
            "login",
            session=self.id,
            user=self.user.name,
            peer=self.transport.peer.address,
            tls=self.transport.peer.tls or None,
        )
        self.reply(message.success(action.action_id, b"Authentication accepted"))
        self.push()  # by itself: some clients take the first read for the whole answer
        booted = self._hub.fully_booted()
        if booted and privilege.may_read(self.user.read & self.mask, privilege.SYSTEM):
            self.reply(booted)
            self.push()
        self._tell(b"SuccessfulAuth", INFORMATIONAL, (b"UsingPassword", b"1"))
        self._hub.subscribe(self)
        self._advance()
        self.push()

    def _refuse(self, action: Action, verdict: Verdict) -> None:
        self._hub.stats.login_failures += 1
        log.say(
            log.WARNING,
            "login-failed",
            session=self.id,
            user=self.login_name,
            peer=self.transport.peer.address,
            reason=verdict.reason,
        )
        self._tell(verdict.event, ERROR)

        def tell() -> None:
            if self.state is State.JUDGED:
                self.reply(message.error(action.action_id, verdict.text))
                self.close("login failed")

        self._hub.scheduler.later(REFUSAL_DELAY, tell)

    def _relogin(self, action: Action) -> None:
        self.reply(message.success(action.action_id, b"Already authenticated"))

    def _challenge(self, action: Action) -> None:
        busy = Attempt(self._hub, self.transport.peer, b"", action).already_in_use()
        if self.user is None and busy is not None:
            self.state = State.JUDGED
            self._refuse(action, busy)
        # A client that is given a challenge uses it, before any user name is known: so none is
        # given where no user could log in with it (operations.md §1).
        elif action.get(b"authtype").lower() != b"md5" or not self._hub.users.any_md5:
            self.reply(message.error(action.action_id, b"Must specify AuthType"))
        else:
            self.challenge = self.challenge or str(secrets.randbits(128)).encode()
            self.reply(message.response(b"Success", action.action_id, (b"Challenge", self.challenge)))

    def _logoff(self, action: Action) -> None:
        goodbye = (b"Message", b"Thanks for all the fish.")
        self.reply(message.response(b"Goodbye", action.action_id, goodbye))
        self.close("logoff")

    def _ping(self, action: Action) -> None:
        if not self._hub.exchange.connected:
            self.reply(message.error(action.action_id, NOT_CONNECTED))
            return
        stamp = b"%.6f" % self._hub.scheduler.wall()
        self.reply(message.response(b"Success", action.action_id, (b"Ping", b"Pong"), (b"Timestamp", stamp)))

    def _events(self, action: Action) -> None:
        mask = privilege.parse_event_mask(action.get(b"eventmask"))
        if mask is None:
            self.reply(message.error(action.action_id, b"Invalid event mask"))
            return
        state = (b"Events", b"On" if mask else b"Off")
        self.reply(message.response(b"Success", action.action_id, state))
        self.mask = mask
        self._hub.subscribe(self)

    def _filter(self, action: Action) -> None:
        if action.get(b"operation").lower() != b"add":
            self.reply(message.error(action.action_id, b"Unknown operation"))
            return
        pattern = action.get(b"filter")
        try:
            if action.get(b"matchcriteria"):
                added = eventfilter.compile_advanced(
                    action.get(b"matchcriteria"), pattern, eventfilter.CLIENT_LIMIT
                )
            else:
                added = eventfilter.compile_legacy(pattern, eventfilter.CLIENT_LIMIT)
            if len(self.filters) >= _FILTER_LIMIT or self._filter_cost() + added.cost > _FILTER_COST:
                raise FilterSyntaxError("Too many filters in this session")
        except FilterSyntaxError as error:
            self.reply(message.error(action.action_id, str(error).encode()))
            return
        self.reply(message.success(action.action_id, b"Success"))
        self.filters = (*self.filters, added)
        self._hub.subscribe(self)

    def _filter_cost(self) -> int:
        return sum(added.cost for added in self.filters)

    def _list_commands(self, action: Action) -> None:
        assert self.user is not None
        if not self._hub.table.live:
            self.reply(message.error(action.action_id, NOT_CONNECTED))
            return
        rows = [
            (row.name, row.synopsis + b"(Priv: " + row.privilege_text + b")")
            for row in self._hub.table.live
            if self._hub.may_run(self.user, row)
        ]
        self.reply(message.response(b"Success", action.action_id, *rows))

    def _wait_event(self, action: Action) -> None:
        timeout = _c_int(action.get(b"timeout"))
        self.state = State.WAITING
        self._wait_action = action
        self.push()
        self.outbox.hold()
        if timeout == 0 or self._queue:
            self.wait_over()
        elif timeout > 0:
            self._wait_timer = self._hub.scheduler.later(timeout, self.wait_over)
        if self.state is State.WAITING:
            self._hub.waiters.add(self)

    def _stop_waiting(self) -> None:
        self._wait_action = None
        self._hub.waiters.discard(self)
        if self._wait_timer is not None:
            self._wait_timer.cancel()
            self._wait_timer = None

    # -- ends --------------------------------------------------------------

    @property
    def view(self) -> tuple[int, FilterSet | None]:
        """Which events this session may see: classes, and filters if there are any."""
        assert self.user is not None
        filters = self.user.filters
        for added in self.filters:
            filters = filters.with_added(added)
        return self.user.read & self.mask, filters or None

    def _tell(self, name: bytes, severity: bytes, *extra: tuple[bytes, bytes]) -> None:
        if not self._hub.anyone_reads(privilege.SECURITY):
            return
        self._hub.broadcast(
            security_event(
                name,
                severity,
                account=self.login_name,
                session=self.id,
                peer=self.transport.peer,
                wall=self._hub.scheduler.wall(),
                opened=self.opened_wall,
                extra=extra,
            )
        )
        self._hub.settle()

    def _sent(self, within_limit: bool) -> None:
        if not within_limit:
            self._hub.too_slow(self)

    def _gone(self, *, abort: bool = False) -> None:
        self.state = State.CLOSED
        self._hub.closing.pop(self, None)
        if abort:
            self.transport.abort()
        else:
            self.transport.close()


def _is_no_ami(raw: bytes) -> bool:
    # A browser or a scanner (security.md N4): no AMI client sends a line without a colon to log in.
    return any(line.strip() and b":" not in line for line in raw.split(b"\n"))


def _c_int(text: bytes) -> int:
    """An int as C's %i reads it; -1 (no limit) if it is none, or below."""
    found = _C_INT.match(text)
    if not found:
        return -1
    digits = found[2].decode()
    if digits[:2] in {"0x", "0X"}:
        value = int(digits, 16)
    elif digits.startswith("0"):
        octal = re.match("[0-7]+", digits)
        value = int(octal[0], 8) if octal else 0
    else:
        value = int(digits)
    return -1 if found[1] == b"-" and value else value


_OVER: Final = frozenset({State.CLOSING, State.CLOSED})
_RUNNING: Final = frozenset({State.GREETED, State.READY})

_Answer = Callable[[Session, Action], None]

_UNAUTHENTICATED: Final[dict[bytes, _Answer]] = {
    b"challenge": Session._challenge,
    b"login": Session._login,
    b"logoff": Session._logoff,
}
_AUTHENTICATED: Final[dict[bytes, _Answer]] = {
    b"challenge": Session._challenge,
    b"events": Session._events,
    b"filter": Session._filter,
    b"listcommands": Session._list_commands,
    b"login": Session._relogin,
    b"logoff": Session._logoff,
    b"ping": Session._ping,
    b"waitevent": Session._wait_event,
}
