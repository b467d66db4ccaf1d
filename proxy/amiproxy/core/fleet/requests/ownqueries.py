"""OwnQueries: the lists that an edge asks for itself: for what it shows of the server, and for its clients.

They only read, and tell no more than the ceiling of the edge admits.  One runs at a time for each edge, and
the next one starts after a pause, so that an edge that always asks takes a small part of Asterisk's time.
"""

# mypyc: compiled

from collections import deque
from collections.abc import Callable
from typing import ClassVar, Final

from amiproxy.ami import message
from amiproxy.ami.message import Action
from amiproxy.ami.privilege import may_write
from amiproxy.ami.sharing import SHARED, shared_key
from amiproxy.core.clients.web.jobs import EDGE_REFUSED
from amiproxy.core.clients.web.websession import TOO_LONG
from amiproxy.core.context import Context
from amiproxy.core.history.kinds.table import KINDS
from amiproxy.core.model.ceiling import Ceiling
from amiproxy.core.policy.classes import classes_of
from amiproxy.core.ports import OnBehalf
from amiproxy.core.servers.requester import Undelivered
from amiproxy.core.servers.server import Server

#: Most queries of one edge that wait.
MOST: Final = 64
#: The pause after a query, as a multiple of the time that it took, and the longest pause, in seconds.
_PAUSE: Final = 4.0
_LONGEST_PAUSE: Final = 0.5
#: What every edge asks about the server as a whole; it tells nothing of calls and users.
_OF_THE_SERVER: Final = frozenset({b"coresettings", b"listcommands"})
_NO_HEADERS: Final = frozenset({b"action", b"actionid"})


def _kinds() -> dict[bytes, int]:
    """For each list that the state of a server is read from: the classes of events that tell the same."""
    found: dict[bytes, int] = {}
    for make in KINDS:
        kind = make(float)
        whole = 0
        for form in kind.forms.values():
            whole |= form.required
        for seed in kind.lists:
            for item in seed.items:
                shown = kind.forms.get(item)
                classes = whole if shown is None else shown.required
                found[seed.action.key] = found.get(seed.action.key, 0) | classes
        for item, form in kind.forms.items():
            if item.lower() in SHARED:  # a list of each item of another one
                found.setdefault(item.lower(), form.required)
    return found


_READ_FROM: Final = _kinds()


def is_own_query(action: Action) -> bool:
    """Whether an edge may ask this for itself: it is a list, or the settings, with the headers of these."""
    if action.key in SHARED:
        return bool(shared_key(action))
    if action.key in _OF_THE_SERVER or action.key in _READ_FROM:
        return action.has_only(_NO_HEADERS)
    return False


def admits(ceiling: Ceiling, action: Action, server: Server) -> bool:
    """Whether an edge with this ceiling may ask this for itself.

    It may if it may read events that tell the same things, of which the engine gives it all, or if it may
    send actions of the classes that this one needs.
    """
    if action.key in _OF_THE_SERVER:
        return True
    if _READ_FROM.get(action.key, 0) & ceiling.read:
        return True
    listed = server.actions.table.find(action.key)
    return listed is not None and may_write(ceiling.read | ceiling.write, classes_of(listed))


class OwnQuery:
    """A query of an edge, and its answer so far.  See ``Asker``."""

    __slots__ = (
        "_ctx",
        "_ended",
        "_is_too_long",
        "_parts",
        "_size",
        "action",
        "done",
        "expires",
        "payer",
        "server",
    )

    #: It is sent to Asterisk itself.
    on_behalf: ClassVar[OnBehalf | None] = None

    def __init__(
        self,
        ctx: Context,
        edge: str,
        server: Server,
        action: Action,
        expires: float,
        done: Callable[[bytes], None],
    ) -> None:
        """``done`` is called with the whole answer.  ``expires`` is in monotonic seconds."""
        self._ctx = ctx
        self.server = server
        self.action = action
        self.expires = expires
        self.done: Callable[[bytes], None] = done
        #: See Requester.  No user pays for it.
        self.payer = f"edge {edge}"
        self._parts: list[bytes] = []
        self._size = 0
        self._is_too_long = False
        #: Called when nothing more comes, if it has begun.
        self._ended: Callable[[], None] | None = None

    def begin(self, ended: Callable[[], None]) -> None:
        """Send it; ``ended`` is called once it has its answer, perhaps before this returns."""
        self._ended = ended
        server, action = self.server, self.action
        refusal = server.actions.refusal_of(action)
        if refusal:  # as for the proxy's own lists: each such action is a security event at Asterisk
            self.reply(message.error(action.action_id, message.Message(refusal).get(b"message")))
            self.finished()
            return
        action = action.until(self.expires)
        side = server.side_for(self.payer, action)
        if side is None:
            server.exchange.submit(self, action)
        else:
            side.submit(self, action)

    def withdraw(self) -> None:
        """Answer it with an error: the edge may not ask it any more."""
        self.server.abandon(self)
        self._parts.append(message.error(self.action.action_id, EDGE_REFUSED.encode()))
        self.finished()

    # -- see Asker ---------------------------------------------------------

    def sent_as(self, request: str) -> None:
        """See Requester.  Not called: an agent's own link leads to Asterisk."""

    def reply(self, data: bytes) -> None:
        """See Requester."""
        size = len(data)
        if self._size + size > self._ctx.limits.http_answer_bytes:
            self._is_too_long = True
            return
        self._parts.append(data)
        self._size += size
        self._ctx.limit_state.backlog.size += size

    def late(self, data: bytes) -> None:
        """See Requester.  Its answer has been given."""

    def finished(self) -> None:
        """See Requester."""
        self._ctx.limit_state.backlog.size -= self._size
        too_long = self._is_too_long
        answer = message.error(self.action.action_id, TOO_LONG) if too_long else b"".join(self._parts)
        self._parts.clear()
        if self._ended is not None:
            self._ended()
        self.done(answer)

    def failed(self, data: bytes, _reason: bytes) -> None:
        """See Requester."""
        if data:
            self.reply(data)
        self.finished()

    def release_events(self) -> None:
        """See Requester.  It is sent no events."""

    def limit_reached(self, limit: str, **fields: object) -> None:
        """See Requester."""
        self._ctx.limit_state.limit_reached(limit, self.payer, **fields)

    def hold_events(self) -> None:
        """See Asker.  It is sent no events."""

    def share(self, rest: Undelivered) -> None:
        """See Asker."""

    def unshare(self, rest: Undelivered) -> None:
        """See Asker."""

    def takes_more(self) -> bool:
        """See Asker.  The whole answer is collected."""
        return True

    def more_waits(self) -> None:
        """See Asker.  It always takes everything."""


class OwnQueries:
    """The queries of one edge, one after another."""

    __slots__ = ("_ctx", "_pausing", "_running", "_waiting")

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._waiting: deque[OwnQuery] = deque()
        self._running: OwnQuery | None = None
        #: Whether the pause after the last one goes on.
        self._pausing = False

    @property
    def is_full(self) -> bool:
        """Whether no more may wait."""
        return len(self._waiting) >= MOST

    def add(self, query: OwnQuery) -> None:
        """Run a query when it is its turn; it must not be full."""
        self._waiting.append(query)
        self._next()

    def withdraw(self) -> None:
        """Answer all with an error: the edge may not ask them any more."""
        waiting = list(self._waiting)
        self._waiting.clear()
        if self._running is not None:
            self._running.withdraw()
        for query in waiting:
            query.withdraw()

    def _next(self) -> None:
        if self._running is not None or self._pausing or not self._waiting:
            return
        query = self._running = self._waiting.popleft()
        began = self._ctx.scheduler.clock()
        query.begin(lambda: self._ended(began))

    def _ended(self, began: float) -> None:
        self._running = None
        scheduler = self._ctx.scheduler
        pause = min((scheduler.clock() - began) * _PAUSE, _LONGEST_PAUSE)
        self._pausing = True
        scheduler.later(pause, self._go_on)

    def _go_on(self) -> None:
        self._pausing = False
        self._next()
