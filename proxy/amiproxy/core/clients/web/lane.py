"""Lane: a session of a web session: it runs one action at a time, and has no connection of its own.

The first lane of a web session, its *main* one, logs in, and is what all others see of it: it is counted,
and closed by a reload, the loss of a link or an operator.  It runs nothing else.  The other lanes run
actions.  They share its principal and its rate, are governed as it is, and end with it.
"""

# mypyc: compiled

from typing import Any, Final, Protocol

from amiproxy.ami.message import Action
from amiproxy.core.audit.auditlog import SessionFacts
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.routes.route import Route
from amiproxy.core.clients.session import Handlers, Session, SessionOwner
from amiproxy.core.clients.web.jobs import EdgeRequest
from amiproxy.core.context import Context
from amiproxy.core.fanout.eventview import EventView, Sight
from amiproxy.core.fanout.subscription import Member
from amiproxy.core.limitstate import Backlog
from amiproxy.core.model.encoding import AMI
from amiproxy.core.model.share import Share
from amiproxy.core.model.state import ADMIT, JUDGE, OVER
from amiproxy.core.ports import AnswerWriter, Peer

#: A lane is sent no events: those for its client are read from the journals.
_NOTHING: Final = EventView(None, (), Sight("", 0, None), named=False)
_ANSWER_BYTES: Final = "http_answer_bytes"


class LaneClient(Protocol):
    """The web session, as its lanes see it."""

    @property
    def peer(self) -> Peer:
        """Where its last request came from."""

    @property
    def lanes(self) -> list[Any]:
        """The lanes that run actions."""

    @property
    def unread(self) -> Member:
        """The member of subscriptions that takes its events; it must have logged in."""

    def begin_wait(self, lane: "Lane", action: Action) -> None:
        """The WaitEvent that the lane runs may begin."""

    def answered(self, lane: "Lane") -> None:
        """The answer of the action that the lane runs is complete."""

    def aside(self, data: bytes) -> None:
        """Whole messages came for this client alone that are part of no answer that it waits for."""

    def ends(self, reason: str) -> None:
        """The main lane is about to end."""

    def over(self, lane: "Lane", reason: str) -> None:
        """The lane has ended."""


class LaneTransport:
    """A Transport that collects the answer of one action; see also AnswerWriter."""

    encoding: Final = AMI

    __slots__ = ("_backlog", "_client", "_lane", "_parts", "size")

    def __init__(self, client: LaneClient, backlog: Backlog) -> None:
        self._client = client
        self._backlog = backlog
        self._parts: list[bytes] = []
        #: Bytes of the answer so far.  They count as waiting for a client.
        self.size = 0
        self._lane: Lane | None = None

    @property
    def peer(self) -> Peer:
        """See Transport."""
        return self._client.peer

    @property
    def writer(self) -> AnswerWriter | None:
        """See Transport."""
        return self

    def serve(self, lane: "Lane") -> None:
        """This is the transport of that lane."""
        self._lane = lane

    def take(self) -> bytes:
        """The answer so far, which is not kept any longer."""
        data = b"".join(self._parts)
        self._parts.clear()
        self._backlog.size -= self.size
        self.size = 0
        return data

    # -- see AnswerWriter --------------------------------------------------

    def banner(self, _banner: bytes) -> bytes:
        """See AnswerWriter."""
        return b""

    def answer(self, data: bytes) -> bytes:
        """See AnswerWriter."""
        return data

    def ended(self) -> bytes:
        """See AnswerWriter."""
        assert self._lane is not None
        self._lane.asked = False
        self._client.answered(self._lane)
        return b""

    def link(self, _event: bytes) -> bytes:
        """See AnswerWriter.  There is no stream in which a client could be sent it."""
        return b""

    def farewell(self, _reason: str) -> bytes:
        """See AnswerWriter."""
        return b""

    # -- see Transport -----------------------------------------------------

    def write(self, data: bytes, /) -> int:
        """See Transport."""
        return self.send(data)

    def send(self, data: bytes | memoryview) -> int:
        """See Transport.  Nothing past ``http_answer_bytes`` is kept: the lane is about to be closed."""
        lane, size = self._lane, len(data)
        assert lane is not None
        if self.size + size > lane.ctx.limits.http_answer_bytes:
            lane.ctx.backpressure.too_slow(lane, _ANSWER_BYTES)
            lane.ctx.scheduler.later(0, lane.ctx.settle)
            return size
        self._parts.append(bytes(data))
        self.size += size
        self._backlog.size += size
        return size

    def pause(self) -> None:
        """See Transport.  A lane is given one action at a time."""

    def resume(self) -> None:
        """See Transport."""

    def charge(self, share: Share) -> None:
        """See Transport.  The connections of the requests are charged for what they read and write."""

    def close(self) -> None:
        """See Transport.  ``Lane.close`` reports the end."""

    def abort(self) -> None:
        """See Transport."""


class Lane(Session):
    """A session whose client asks by requests; ``main`` is None if it is the main one."""

    __slots__ = ("_answers", "_client", "asked", "collected", "longest_wait", "main", "request", "used")

    def __init__(
        self,
        owner: SessionOwner,
        ctx: Context,
        client: LaneClient,
        handlers: Handlers,
        entrance: Entrance,
        route: Route,
        main: "Lane | None" = None,
    ) -> None:
        #: Its transport.
        self.collected = LaneTransport(client, ctx.limit_state.backlog)
        super().__init__(
            owner,
            ctx,
            self.collected,
            handlers,
            entrance,
            route,
            None if main is None else main.principal,
        )
        self.collected.serve(self)
        self._client = client
        self.client = client
        self.main = main
        #: What an edge says of the action that it was given last; None if no edge has sent that.
        self.request: EdgeRequest | None = None
        #: Whether it has been given an action that is not answered.
        self.asked = False
        #: Whether a part of its answer is being taken.
        self._answers = False
        #: Seconds that the next WaitEvent may take at most.
        self.longest_wait = 0.0
        #: When it was last free, in monotonic seconds.
        self.used = 0.0
        if main is not None:
            self.queue.throttle = main.queue.throttle
            self.move(JUDGE)
            self.move(ADMIT)

    def ask(self, action: bytes, request: EdgeRequest | None = None) -> None:
        """Run an action; the client is told when it is ``answered``."""
        self.asked = True
        self.request = request
        self.receive(action)

    def begin_wait(self, action: Action) -> None:
        """Begin this WaitEvent."""
        self._client.begin_wait(self, action)

    # -- see Actor ---------------------------------------------------------

    @property
    def who(self) -> SessionFacts:
        """See Actor."""
        request = self.request
        if request is None:
            return self.principal.who(self.transport.peer)
        return self.principal.who(request.peer)._replace(edge=request.edge, request=request.id)

    def submit(self, action: Action) -> None:
        """See Actor.  Once Asterisk has executed a part of an action, the others do not expire any more."""
        request, series = self.request, self._series
        if request is not None and (series is None or not series.has_begun):
            action = action.until(request.expires)
        super().submit(action)

    # -- see Recipient -----------------------------------------------------

    @property
    def view(self) -> EventView:
        """See Recipient."""
        return _NOTHING

    @property
    def is_web(self) -> bool:
        """See Recipient."""
        return True

    @property
    def is_lane(self) -> bool:
        """See Recipient."""
        return self.main is not None

    @property
    def lanes(self) -> list[Any]:
        """See Recipient."""
        return [] if self.main is not None else self._client.lanes

    @property
    def bytes_waiting(self) -> int:
        """See Recipient."""
        return self.outbox.waiting + self._shared_size + self.collected.size

    @property
    def member(self) -> Member:
        """See Recipient."""
        return self._client.unread

    def reply(self, data: bytes) -> None:
        """See Actor.  What follows a login, or precedes the end, is part of no answer."""
        if self.asked:
            self._answers = True
            super().reply(data)
            self._answers = False

    def late(self, data: bytes) -> None:
        """See Recipient."""
        if self._answers:
            super().late(data)
        else:
            self._client.aside(data)

    # -- see Session -------------------------------------------------------

    def dismiss(self, reason: str) -> None:
        """See Session.  There is no place for an event about the end."""
        self.close(reason)

    def close(self, reason: str, *, abort: bool = False) -> None:
        """See Session."""
        if self.state not in OVER:
            if self.main is None:
                self._client.ends(reason)
            super().close(reason, abort=abort)
            self._client.over(self, reason)

    def tick(self, now: float) -> None:
        """See Session.  The web session knows when it was used."""
