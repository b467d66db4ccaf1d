"""Session: one client, from its banner to its close.

``recipient`` sends to the client and ``actor`` runs its actions.  This module has the connection, the order
in which input is served, and the end.  The handlers of actions that the proxy answers itself are passed in.
"""

# mypyc: compiled

import math
import secrets
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from amiproxy.ami import message
from amiproxy.ami.errors import MessageTooLong, ProtocolError
from amiproxy.ami.framing import ActionFramer
from amiproxy.ami.message import Action, parse_action
from amiproxy.core.admission import newcomers
from amiproxy.core.admission.addresses import network_of
from amiproxy.core.clients.actor import Actor
from amiproxy.core.clients.principal import Principal
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.routes.route import Route
from amiproxy.core.context import Context
from amiproxy.core.model.state import CLOSE, END, OVER, RESUME, RUNNING, UNREAD, WAIT, State
from amiproxy.core.ports import Framing, Sender, Transport, Waiting

#: Seconds for which a session must be full before that is logged.
_FULL_SECONDS = 5.0
#: Bytes that a client may send before its login.  A Login has some hundred; without a limit, any client could
#: have the proxy buffer, parse and answer anything until ``login_timeout``.
_LOGIN_BYTES = 4096
#: Least bytes that a message counts before login: each costs a response, and perhaps an event for others.
_LIGHTEST_MESSAGE = 40
#: Most actions that a session runs before others are served.  One read may bring thousands that the proxy
#: answers itself, and a client in ``limits.exempt`` has no rate that would stop it.
_TURN = 64

#: Answers an action of the session.
Handler = Callable[["Session", Action], None]


class Handlers(NamedTuple):
    """The handlers of actions that do not go to Asterisk, by the action's name in lower case."""

    #: The only actions before login.
    before_login: Mapping[bytes, Handler]
    #: One for each of ``LOCAL``.
    after_login: Mapping[bytes, Handler]
    #: For messages with a ProxyAction header instead of an Action header, before and after login.
    proxy_action: Handler


class SessionOwner(Protocol):
    """What only the hub can do for a session."""

    def ended(self, session: "Session", reason: str) -> None:
        """The session is closing: remove it everywhere, but wait for ``gone`` or end it soon."""

    def gone(self, session: "Session") -> None:
        """The transport of a session that has ``ended`` is closed."""


class Session(Actor):
    """One client.  The transport calls ``receive``, ``writable``, ``ended`` and ``lost``."""

    __slots__ = (
        "_advancing",
        "_ended",
        "_framer",
        "_full_since",
        "_handlers",
        "_heard",
        "_heard_at",
        "_paused",
        "_turn_due",
        "_weight",
        "challenge",
        "entrance",
        "full",
        "owner",
        "received",
        "waiting",
    )

    def __init__(
        self,
        owner: SessionOwner,
        ctx: Context,
        transport: Transport,
        handlers: Handlers,
        entrance: Entrance,
        route: Route,
        principal: Principal | None = None,
    ) -> None:
        """``route`` is the one before its login.  ``principal`` is shared; None: it has one of its own."""
        share = ctx.shares.of_network(network_of(transport.peer.address))
        now, wall = ctx.scheduler.now(), ctx.scheduler.wall()
        if principal is None:
            name, sees = secrets.token_hex(6), (entrance.server,) if entrance.server else ()
            principal = Principal(name, share, route, now, wall, sees, entrance.shown)
        super().__init__(ctx, transport, principal)
        self.owner = owner
        #: The entrance of its listener.
        self.entrance = entrance
        self._handlers = handlers
        self.challenge = b""
        #: Bytes that the client has sent.
        self.received = 0
        self._framer: Framing = ActionFramer(ctx.limits.action_bytes)
        self._advancing = False
        #: Whether its turn ended with work left, and the next one is scheduled.
        self._turn_due = False
        #: Bytes that count against ``_LOGIN_BYTES``.
        self._weight = 0
        #: Whether the client will send no more.
        self._ended = False
        self._paused = False
        #: Name of the limit because of which reading is paused, and the first tick that found it so.
        self.full = ""
        self._full_since: float | None = None
        #: ``received`` at the last tick, and the time at which it last changed.
        self._heard = 0
        self._heard_at = now
        #: The WaitEvent that is running.
        self.waiting: Waiting | None = None

    # -- from the transport ------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take bytes from the client, as they were read: any part of the stream."""
        if self.state in OVER:
            return
        self.received += len(data)
        try:
            messages = self._framer.feed(data)
        except MessageTooLong as error:
            self.limit_reached("action_bytes")
            self.answer(message.error(b"", str(error).encode()))
            self.close("malformed")
            return
        self.queue.messages.extend(messages)
        if self.principal.user is None:
            self._weight += max(len(data), _LIGHTEST_MESSAGE * len(messages))
            if self._weight > _LOGIN_BYTES:
                self.limit_reached("login_bytes")
                self.close("too much before login")
                return
        if self.waiting is not None:
            self.waiting.over()  # any input ends a WaitEvent, as in Asterisk
        self._advance()
        self.push()

    def writable(self) -> bool:
        """Send waiting bytes, now that the transport accepts bytes again; True if it is to call again."""
        more = self.outbox.drain()
        if self.shared is not None and not self.outbox.size:
            for rest in self.shared:
                rest.go_on()
        if self.state is State.CLOSING and not self.outbox.size:
            self._gone()
        return more

    def ended(self) -> None:
        """Record that the client will send no more; the actions that it sent before are still answered."""
        self._ended = True
        if self.waiting is not None:
            self.waiting.over()
        self.advance()

    def lost(self, reason: str) -> None:
        """Close the session: its connection is lost.  ``reason`` is one of a few texts; see ``close``."""
        self.close(reason, abort=True)

    # -- one action after the other ----------------------------------------

    def advance(self) -> None:
        """Run the actions that the client has sent meanwhile, and send their answers."""
        self._advance()
        self.push()

    def _advance(self, *, at_once: bool = True) -> None:
        queue, shares = self.queue, self.ctx.shares
        messages, aside = queue.messages, queue.aside
        if self._advancing or self._turn_due:
            queue.count()
            return
        self._advancing = True
        left = _TURN if at_once else 0
        timed = left and len(messages) > 1
        if timed:
            shares.begin()
        while left and self.state in RUNNING and (messages or aside.size):
            next_ = queue.take()
            if next_ is None:
                break
            left -= 1
            try:
                if isinstance(next_, bytes):
                    self._act(next_)
                else:
                    self.run(next_)
            except Exception as fault:
                self.ctx.fault(fault, "session", session=self.id)
                self.close("fault", abort=True)
            if timed and shares.over:
                left = 0
        if timed:
            shares.end(self.principal.share)
        self._advancing = False
        queue.count()
        if not left and self.state in RUNNING and queue.size:
            self._turn_due = True
            shares.later(self.principal.share, self._next_turn)
        if self._ended and not queue.size and self.state in RUNNING:
            self.close("client closed")
        elif self.state not in OVER:
            self.full = self._fullness()
            held = self.state in UNREAD or (aside.size > 0 and aside.holds_session)
            self._pause(bool(self.full) or held or self._turn_due)

    def _next_turn(self) -> None:
        self._turn_due = False
        self.advance()
        self.ctx.backpressure.resume_paused()

    def _fullness(self) -> str:
        ctx = self.ctx
        queue = self.queue
        if len(queue.messages) + queue.aside.size >= ctx.limit_state.limits.in_flight_per_session:
            return "in_flight_per_session"
        if self.principal.user is not None and ctx.backpressure.is_crowded(self, is_idle=self.is_idle):
            return "in_flight"
        return ""

    def _pause(self, paused: bool) -> None:
        if paused != self._paused:
            self._paused = paused
            if paused:
                self.transport.pause()
            else:
                self.transport.resume()

    def _act(self, raw: bytes) -> None:
        user = self.principal.user
        if user is None and _is_no_ami(raw):
            self.close("not AMI")
            return
        try:
            action = parse_action(raw)
        except ProtocolError as error:
            self.answer(message.error(error.action_id, str(error).encode()))
            if error.fatal:
                self.close("malformed")
            return
        if not action.name and action.has(b"proxyaction"):
            self._handlers.proxy_action(self, action)
        elif user is None:
            self._act_unauthenticated(action)
        elif (self.mending is None or not self.mending.holds(self, action)) and self.admits(action):
            self.run(action)

    def _act_unauthenticated(self, action: Action) -> None:
        if not action.name:
            self.miss_action(action)
            return
        handler = self._handlers.before_login.get(action.key)
        if handler is None:
            self.deny(action, b"Permission denied", "not logged in")
            return
        if action.key != b"login":
            self.ctx.limit_state.newcomers.advance(self.transport, newcomers.SPOKE)
        handler(self, action)

    def _answer(self, action: Action) -> None:
        self._handlers.after_login[action.key](self, action)

    # -- WaitEvent ---------------------------------------------------------

    def wait(self, waiting: Waiting) -> None:
        """Hold up the next action until ``resume``: a WaitEvent begins.

        Raises WrongTransition unless the session may run an action now.
        """
        self.move(WAIT)
        self.waiting = waiting

    def resume(self) -> None:
        """Go on with the next action, now that the WaitEvent is over.

        Raises WrongTransition if no WaitEvent was running.
        """
        self.move(RESUME)
        self.waiting = None
        self.advance()

    # -- the end -----------------------------------------------------------

    def close(self, reason: str, *, abort: bool = False) -> None:
        """End the session; waiting bytes are still sent unless ``abort``.

        Running and waiting actions are answered with an error before that.  ``reason`` is ASCII, and one of a
        few fixed texts: the statistics count by it.  May be called again, such as to ``abort`` what ``close``
        began.
        """
        if self.state in OVER:
            if abort and self.state is State.CLOSING:
                self._gone(abort=True)
            return
        if self.state is State.HELD or self._series is not None or self.queue.aside.size:
            self.ctx.rates.leave(self.payer, self)
        unsent = self.queue.clear()
        if not abort:
            self._last_words(reason, unsent)
        if self.waiting is not None:
            self.waiting.cancel()
        if self.underway is not None:
            self.underway.abandon()
        self.move(CLOSE)
        self.owner.ended(self, reason)
        if not self.is_lane:
            self.ctx.audit_log.closed(self.who, reason, self.received, self.outbox.sent)
        if abort or not self.outbox.size:
            self._gone(abort=abort)

    def dismiss(self, reason: str) -> None:
        """Close the session although it has done nothing wrong; a client that has logged in gets the reason.

        The reason is ASCII, and one of a few fixed texts: the statistics count by it.
        """
        if self.principal.user is not None:
            # The last event of a session, which it gets whatever classes it may read.
            self.reply(message.event(b"ProxySessionEnd", (b"Reason", reason.encode("ascii"))))
        self.close(reason)

    def _last_words(self, reason: str, unsent: list[Action]) -> None:
        """Answer the running and the waiting actions before the end, and send the held events.

        Every complete action gets exactly one final response, even when its session is closed.
        """
        self._ended = False  # the session is closing already
        text = b"Session closed: " + reason.encode()
        if self.waiting is not None:
            self.waiting.over()
        elif self.state is State.BUSY:
            if self._series is not None and self._series.waits:
                self.reply(self._series.give_up(text))
                self.finished()
            elif self.underway is None or not self.underway.dismiss(text):
                self.route.dismiss(self, text)
        for action in unsent:
            self.answer(message.error(action.action_id, text))
        self.take_leave(reason)

    def _gone(self, *, abort: bool = False) -> None:
        self.move(END)
        self.owner.gone(self)
        self.outbox.discard()
        if abort:
            self.transport.abort()
        else:
            self.transport.close()

    # -- others ------------------------------------------------------------

    @property
    def streams(self) -> tuple[Framing, Sender]:
        """The framer of the input and the sender of the output; a tap replaces and restores both."""
        return self._framer, self.outbox.sender

    @streams.setter
    def streams(self, streams: tuple[Framing, Sender]) -> None:
        self._framer, sender = streams
        self.outbox.through(sender)

    def tick(self, now: float) -> None:
        """To be called once a second: checks if the session has been full, stuck or idle for too long.

        ``now`` is in monotonic seconds.
        """
        limits = self.ctx.limits
        if not self.full:
            self._full_since = None
        elif self._full_since is None:
            self._full_since = now
        elif now - self._full_since >= _FULL_SECONDS:
            self._full_since = math.inf  # log it once
            self.limit_reached(self.full)
        if self.outbox.stalled(now, limits.outbox_stall):
            self.ctx.backpressure.too_slow(self, "outbox_stall")
        if self.received != self._heard or self.state is not State.READY:
            self._heard, self._heard_at = self.received, now
        elif 0 < limits.idle_timeout < now - self._heard_at:
            self.limit_reached("idle_timeout")
            self.close("idle")


def _is_no_ami(raw: bytes) -> bool:
    # Such as from a browser or a scanner: no AMI client sends a line without a colon to log in.
    return any(line.strip() and b":" not in line for line in raw.split(b"\n"))
