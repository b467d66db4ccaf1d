"""Recipient: sends one client its answers and the events of its subscription, in the right order."""

# mypyc: compiled

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

from amiproxy.ami.message import Action
from amiproxy.core.clients.principal import Principal
from amiproxy.core.clients.routes.route import Route
from amiproxy.core.clients.underway import Task
from amiproxy.core.context import Context
from amiproxy.core.fanout.eventview import EventView
from amiproxy.core.fanout.outbox import NEVER, Outbox
from amiproxy.core.fanout.subscription import Member, Subscription
from amiproxy.core.model.encoding import Encoding
from amiproxy.core.model.share import Share
from amiproxy.core.model.users import User
from amiproxy.core.ports import OnBehalf, Transport
from amiproxy.core.servers.requester import Undelivered
from amiproxy.core.servers.server import Server


class CatchingUp(Undelivered, Protocol):
    """What a client is still to be sent of the events that it has missed; see ProxyResume."""

    def rest(self, view: EventView) -> EventView:
        """The part of the client's view whose events it is sent meanwhile as they come."""

    def after(self, call: Callable[[], None]) -> None:
        """Call this when the client has been sent everything; not at all if its session ends before."""


class Mending(Protocol):
    """Brings clients up to date that stayed while the link was lost."""

    def holds(self, session: Any, action: Action) -> bool:
        """Whether this session's action has to wait until that is done; it is then kept, and runs later."""


class Recipient(ABC):
    """The part of a session that sends to its client.  See ``Member`` in subscription.py."""

    __slots__ = (
        "_unsent",
        "bound",
        "client",
        "ctx",
        "cursor",
        "mending",
        "outbox",
        "principal",
        "route",
        "server",
        "shared",
        "subscription",
        "transport",
        "underway",
        "writer",
    )

    def __init__(self, ctx: Context, transport: Transport, principal: Principal) -> None:
        self.ctx = ctx
        self.transport = transport
        self.principal = principal
        #: Where its actions go; ``follow`` replaces it.
        self.route = principal.route
        #: The server whose banner the client gets; of a bound session, the one that it is bound to.
        self.server: Server = principal.route.home
        #: See Pressed.
        self.bound: Server | None = principal.route.bound
        #: See Transport.
        self.writer = transport.writer
        self.outbox = Outbox(
            transport, ctx.limit_state.limits.outbox_hard, ctx.limit_state.backlog, transport.encoding
        )
        self.subscription: Subscription | None = None
        #: Sends what the client has missed; None if it has had everything.
        self.cursor: CatchingUp | None = None
        #: Brings the client up to date after a loss of the link; None if it is.
        self.mending: Mending | None = None
        #: What the sessions of one client have in common that has several; None if it has this one only.
        self.client: object | None = None
        #: The action that is in flight, set with the transition SEND; None if there is none.
        self.underway: Task | None = None
        #: Parts of answers that leave with the next ``push``.
        self._unsent: list[bytes] = []
        #: What the client has not had of answers that it shares with others; None if there are none.
        self.shared: dict[Undelivered, None] | None = None

    @property
    def id(self) -> str:
        """See Principal."""
        return self.principal.id

    @property
    def servers(self) -> tuple[Server, ...]:
        """See Pressed."""
        return self.route.servers

    def follow(self, route: Route) -> None:
        """Replace the route: the client has logged in, or a reload has changed its rights or servers."""
        before = self.route
        self.route, self.server, self.bound = route, route.home, route.bound
        self.principal.follow(route)
        before.replace(route)

    # -- answers -----------------------------------------------------------

    def late(self, data: bytes) -> None:
        """Take part of an answer, which leaves with the next ``push``, behind the events before it.

        ``data`` is one or more whole messages.
        """
        if self.writer is not None:
            data = self.writer.answer(data)
            if not data:
                self.hold_events()
                return
        if self.subscription is not None and not self.outbox.holding:
            earlier = self.subscription.take(self)
            if earlier and not self._drops(earlier):
                self._unsent.append(self.outbox.sift(earlier))
        self._unsent.append(data)
        self.ctx.answered[self] = None

    def push(self) -> None:
        """Send the answers that ``late`` has taken."""
        if self._unsent:
            data = b"".join(self._unsent)
            self._unsent.clear()
            self._sent(self.outbox.answer(data))

    def send(self, data: bytes) -> None:
        """Send bytes in the form of the client's door, behind the answers so far."""
        self.push()
        self._sent(self.outbox.answer(data))

    def tell_link(self, event: bytes) -> bool:
        """Send a ProxyUpstream event to a client that may not read it, if its door sends it to all.

        Returns whether it is sent.  It is never dropped, however slowly the client reads: a client that does
        not know that the link is lost takes what it shows for up to date.
        """
        data = self.writer.link(event) if self.writer is not None else b""
        if not data:
            return False
        self.take_pending(b"")
        self._sent(self.outbox.push(data))
        return True

    def take_leave(self, reason: str) -> None:
        """Send the answers so far, and what clients of this door are sent last."""
        self.push()
        last = self.writer.farewell(reason) if self.writer is not None else b""
        if last:
            self._sent(self.outbox.answer(last))

    # -- answers that are shared; see ``Asker`` in requester.py --------------

    def share(self, rest: Undelivered) -> None:
        """An answer that is shared begins, of which ``rest`` is to come."""
        if self.shared is None:
            self.shared = {}
        self.shared[rest] = None

    def unshare(self, rest: Undelivered) -> None:
        """The client was given all of ``rest``, or is given no more of it."""
        shared = self.shared
        assert shared is not None
        del shared[rest]
        if not shared:
            self.shared = None

    def takes_more(self) -> bool:
        """Send the answers so far; returns whether the client takes more now."""
        self.push()
        return not self.outbox.size

    def more_waits(self) -> None:
        """There is more of a shared answer, while the client takes no more: it may be past its limit."""
        self._sent(self.outbox.size + self._shared_size <= self.outbox.limit)

    @property
    def _shared_size(self) -> int:
        return sum([rest.size for rest in self.shared]) if self.shared is not None else 0

    def greet(self, banner: bytes) -> None:
        """Send the banner, alone in the first write: client libraries rely on it (nami, ami-io).

        ``banner`` includes its line end.
        """
        data = banner if self.writer is None else self.writer.banner(banner)
        if data:
            self._sent(self.outbox.push(data))

    def written(self, data: bytes) -> bytes:
        """A part of an answer as its client is sent it; see AnswerWriter."""
        return data if self.writer is None else self.writer.answer(data)

    # -- events; see ``Member`` in subscription.py --------------------------

    @property
    def view(self) -> EventView:
        """Which events the client is sent as they come.  It must have logged in."""
        view = self.principal.view
        return view if self.cursor is None else self.cursor.rest(view)

    @property
    def encoding(self) -> Encoding:
        """How events are written for its client; see Transport."""
        return self.transport.encoding

    def deliver(self, data: bytes) -> None:
        """Take events from the subscription: whole messages, joined."""
        outbox = self.outbox
        if outbox.size and outbox.size > outbox.closed_above:
            self._drops(data)
        elif not outbox.push(data):
            self.ctx.backpressure.too_slow(self, "outbox_hard")

    def catch_up(self, cursor: CatchingUp | None) -> None:
        """This cursor sends from now on what the client has missed; None: it has had everything.

        Its subscription must be chosen again after that.
        """
        if self.cursor is not None:
            self.unshare(self.cursor)
        self.cursor = cursor
        if cursor is not None:
            self.share(cursor)

    def fall_behind(self, data: bytes, taken: int) -> None:
        """See ``Member`` in subscription.py."""
        if not self.outbox.keep(data, taken):
            self.ctx.backpressure.too_slow(self, "outbox_hard")

    def hold_events(self) -> None:
        """Hold events back until Asterisk has answered: it sends a session no events while its action runs.

        Otherwise an answer that comes over a side link would arrive behind later events: a list
        could contain a channel that an earlier event said was gone.
        """
        if not self.outbox.holding:
            self.take_pending(b"")
            self.outbox.hold()

    def release_events(self) -> None:
        """End ``hold_events`` before the answer is complete: send what was held back."""
        self.push()
        if self.outbox.holding:
            self.release(b"")

    def hold_events_of(self, stamp: bytes) -> None:
        """Hold back the events with this stamp until ``let_events_go``, as ``hold_events`` does with all."""
        if self.encoding.render is not None:
            self.hold_events()  # which server an event is from can only be seen in AMI's form
            return
        self.take_pending(b"")
        self.outbox.hold_stamped(stamp)

    def let_events_go(self, stamp: bytes) -> None:
        """Send the answers so far, and then the events with this stamp that were held back."""
        self.push()
        self._sent(self.outbox.release_stamped(stamp))
        if self.cursor is not None:
            self.cursor.go_on()

    def release(self, head: bytes, tail: bytes = b"") -> None:
        """Send ``head``, the events that the outbox held, and ``tail``: whole messages."""
        self._sent(self.outbox.release(head, tail))
        if self.cursor is not None:
            self.cursor.go_on()

    def _release_answer(self) -> None:
        """Send the answer, and then the events that occurred meanwhile, as Asterisk does."""
        head = b"".join(self._unsent)
        self._unsent.clear()
        self.release(head)

    def mend(self, mending: Mending) -> None:
        """Keep back all events from now on, until ``mended``: the client is brought up to date first."""
        self.take_pending(b"")
        self.outbox.keep_back()
        self.mending = mending

    def take_pending(self, more: bytes) -> None:
        """Take the events that are pending, and ``more``: to be sent, or kept back, before all later ones."""
        self.push()
        earlier = self.subscription.take(self) if self.subscription is not None else b""
        if earlier or more:
            self.deliver(earlier + more)

    def mended(self, first: bytes) -> None:
        """Send ``first``, then the events that were kept back, and from now on those that come."""
        self.take_pending(b"")
        self.mending = None
        events = first + self.outbox.let_go()
        if events:
            self.deliver(events)

    # -- sessions of one client; see ``core.clients.web`` ---------------------

    @property
    def is_web(self) -> bool:
        """Whether it is that of a web session, and so has no connection of its own."""
        return False

    @property
    def is_lane(self) -> bool:
        """Whether it is governed as another session, whose principal it shares, and so is not counted."""
        return False

    @property
    def lanes(self) -> "list[Any]":
        """The sessions that are governed as this one."""
        return []

    @property
    def member(self) -> Member:
        """The member of subscriptions that takes its events."""
        return self

    # -- the rest of the session -------------------------------------------

    @abstractmethod
    def advance(self) -> None:
        """Run the actions that the client has sent meanwhile, and send their answers."""

    @abstractmethod
    def close(self, reason: str, *, abort: bool = False) -> None:
        """End the session; waiting bytes are still sent unless ``abort``."""

    # -- limits ------------------------------------------------------------

    @property
    def bytes_waiting(self) -> int:
        """Bytes that wait to be sent, including those that are held back."""
        return self.outbox.waiting + self._shared_size

    @property
    def payer(self) -> str:
        """Name of the user who is charged for what this client causes; "" before login."""
        user = self.principal.user
        return user.name if user is not None else ""

    @property
    def on_behalf(self) -> OnBehalf | None:
        """See Requester."""
        return self.on_behalf_at(self.server)

    def on_behalf_at(self, server: Server) -> OnBehalf | None:
        """See LegOwner.  None before login."""
        return self.principal.on_behalf(server.name, self.transport.peer)

    def sent_as(self, request: str) -> None:
        """See Requester.  An action may be sent in parts, or to several servers."""
        assert self.underway is not None
        self.underway.requests += (request,)

    def pays(self, share: Share) -> None:
        """Charge the client's time to this share from now on."""
        self.principal.share = share
        self.transport.charge(share)

    def apply_limits(self, user: User) -> None:
        """Give the outbox the limits in force for this user."""
        limits, outbox = self.ctx.limit_state.limits, self.outbox
        drops = (user.slow_consumer or limits.slow_consumer) == "drop_events"
        outbox.limit = limits.outbox_hard
        outbox.drop_events_past(limits.outbox_soft if drops else NEVER)

    def limit_reached(self, limit: str, **fields: object) -> None:
        """Count and log that this session has reached a limit."""
        user = self.principal.payer or None
        self.ctx.limit_state.limit_reached(
            limit, self.transport.peer.address, session=self.id, user=user, **fields
        )

    def _drops(self, events: bytes) -> bool:
        """Whether the client is past its soft limit; the events are then dropped and counted."""
        outbox = self.outbox
        if outbox.size <= outbox.closed_above:
            return False
        if not outbox.in_gap:
            self.limit_reached("outbox_soft", bytes=outbox.waiting)
        outbox.drop(events)
        self.ctx.stats.missed.count(events, self.encoding)
        return True

    def _sent(self, within_limit: bool) -> None:
        if not within_limit:
            self.ctx.backpressure.too_slow(self, "outbox_hard")
            # Settle soon, not only at the next event, but not from inside this session's own call.
            self.ctx.scheduler.later(0, self.ctx.settle)
