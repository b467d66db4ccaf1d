"""Cursor: sends one client the events that it has missed, from the journals of its servers.

A client that catches up is no member of the subscription of its view: what it has not been sent stays in the
journals, however slow it is, and is in memory once for all clients.  It is given a piece at a time, whenever
it has taken the last one, and joins the subscription in the turn in which it has been given everything.
Meanwhile it is sent as they come what no journal has: the proxy's own events, and the events of servers that
have been added to its user.
"""

# mypyc: compiled

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from amiproxy.ami.message import Action
from amiproxy.core.audit.historycounts import OVERTAKEN
from amiproxy.core.clients.history.pieces import Piece, Pieces
from amiproxy.core.clients.session import Handler, Session
from amiproxy.core.context import Context
from amiproxy.core.fanout.eventview import EventView
from amiproxy.core.fanout.sieve import Sieve
from amiproxy.core.fanout.subscription import Member
from amiproxy.core.history.journal import PIECE, Entries
from amiproxy.core.model.encoding import Encoding
from amiproxy.core.model.state import State
from amiproxy.core.servers.server import Server

#: Larger than the number of any event.
NO_END: Final = 1 << 62
#: Seconds of deliveries after which others are served.
_SLICE: Final = 0.0005
#: Seconds for which events are kept as clients were sent them, after the last client has caught up: of those
#: that return at the same time, each may have caught up before the next one comes.
_PIECES_KEPT: Final = 1.0
#: Why a session is closed that can no longer be sent everything: its user may not resume any more, or events
#: were lost between Asterisk and the proxy, so that the journal began again.
NOT_PERMITTED: Final = "history not permitted"
LOST: Final = "events lost"
#: The limit that a client has reached that was overtaken by the journal.
_BOUND: Final = "history"


class Start(NamedTuple):
    """Where a client goes on at one server: behind the event with this number of an epoch of its journal."""

    server: Server
    epoch: int
    sequence: int


class Reader:
    """How far a client has read the journal of one server."""

    __slots__ = ("_key", "_sieve", "epoch", "sequence", "server")

    def __init__(self, start: Start, view: EventView, encoding: Encoding) -> None:
        self.server = start.server
        self.epoch = start.epoch
        #: The last event that has been read.
        self.sequence = start.sequence
        self._sieve = Sieve(view, start.server, encoding)
        self._key = _key_of(view, start.server, encoding)

    def judge_by(self, view: EventView, encoding: Encoding) -> None:
        """Judge the rest of the events by this view."""
        self._sieve = Sieve(view, self.server, encoding)
        self._key = _key_of(view, self.server, encoding)

    @property
    def is_valid(self) -> bool:
        """Whether the server has the journal still that the client began with."""
        journal = self.server.journal
        return journal is not None and journal.epoch == self.epoch

    @property
    def is_done(self) -> bool:
        """Whether everything has been read."""
        journal = self.server.journal
        return journal is not None and journal.epoch == self.epoch and journal.last == self.sequence

    def read(self, most: int, pieces: Pieces, until: int = NO_END) -> Piece | None:
        """The events for the client from the next part of the journal, of about this many bytes.

        None if the journal does not hold all that is to be read.  Nothing is read behind the event with the
        number ``until``.
        """
        journal = self.server.journal
        entries = journal.after(self.epoch, self.sequence) if journal is not None else None
        if entries is None:
            return None
        entries = _beginning(entries, most)
        if entries.last > until:
            count = max(until - entries.first + 1, 0)  # there may be a hole up to ``until``, and further
            entries = Entries(entries.epoch, entries.first, entries.raws[:count], entries.calls[:count])
        self.sequence = entries.last
        events = self._sieve.sift(entries) if self._key is None else self._shared(entries, pieces)
        return Piece(b"".join(events), len(events))

    def _shared(self, entries: Entries, pieces: Pieces) -> list[bytes]:
        """The same as the sieve returns, of which others have perhaps made a part already."""
        made = pieces.of((self._key, entries.epoch))
        found: list[bytes] = []
        size = added = 0
        sequence = entries.first
        for raw in entries.raws:
            event = made.get(sequence)
            if event is None:
                event = made[sequence] = self._sieve.one(raw, entries.epoch, sequence)
                size += len(event)
                added += 1
            if event:
                found.append(event)
            sequence += 1
        pieces.grow(added, size)
        return found


def _key_of(view: EventView, server: Server, encoding: Encoding) -> tuple[EventView, Encoding] | None:
    """What clients have in common that are sent the same of an event; None if that is not all.

    With a scope, earlier events may become due that were left out.
    """
    is_scoped = any(sight.server == server.name and sight.scope is not None for sight in view.sights)
    return None if is_scoped else (view, encoding)


class Cursor:
    """The rest of what one client has missed.  See ``Undelivered`` and, in recipient.py, ``CatchingUp``."""

    __slots__ = ("_cursors", "_readers", "_view", "session", "then")

    def __init__(self, cursors: "Cursors", session: Session, starts: Iterable[Start]) -> None:
        self._cursors = cursors
        self.session = session
        #: The view that its events are judged by.
        self._view = session.principal.view
        self._readers = {start.server.name: Reader(start, self._view, session.encoding) for start in starts}
        #: Called when the client has caught up.
        self.then: list[Callable[[], None]] = []

    @property
    def size(self) -> int:
        """See Undelivered.  What is in a journal does not count as waiting for this client."""
        return 0

    @property
    def servers(self) -> list[Server]:
        """The servers of which the client is still sent what it has missed."""
        return [reader.server for reader in self._readers.values()]

    def go_on(self) -> None:
        """See Undelivered."""
        self._cursors.due(self)

    def rest(self, view: EventView) -> EventView:
        """See CatchingUp."""
        sights = [sight for sight in view.sights if sight.server not in self._readers]
        return view._replace(sights=tuple(sights))

    def after(self, call: Callable[[], None]) -> None:
        """See CatchingUp."""
        self.then.append(call)

    def serve(self) -> bool:
        """Send the next piece, if the client takes it now; returns whether there is more that it may take.

        When the client has been sent everything, it joins the subscription of its view.
        """
        session = self.session
        user = session.principal.user
        assert user is not None
        if not user.history:
            session.dismiss(NOT_PERMITTED)
            return False
        view = session.principal.view
        if view != self._view:
            self._judge_by(view)
        session.push()
        outbox, waiting = session.outbox, session.waiting
        if not outbox.ready and (waiting is None or outbox.size or outbox.held):
            return False  # until ``go_on``
        reader = None if view.is_empty else self._next()
        if reader is not None and not self._send(reader):
            return False
        if view.is_empty or self._next() is None:
            self._cursors.end(self)
        if waiting is not None and waiting.has_event:
            waiting.over()
        return True

    def _judge_by(self, view: EventView) -> None:
        self._view = view
        seen = {sight.server for sight in view.sights}
        for name, reader in list(self._readers.items()):
            if name in seen:
                reader.judge_by(view, self.session.encoding)
            else:
                self.leave_out(reader.server)

    def leave_out(self, server: Server) -> bool:
        """Send nothing more of this server from the journal; returns whether some was to be sent."""
        if self._readers.pop(server.name, None) is None:
            return False
        self._cursors.count(server, -1)
        return True

    def _next(self) -> Reader | None:
        """A server of which there is more to send; it is the last one to have its next turn."""
        for name, reader in self._readers.items():
            if not reader.is_done:
                del self._readers[name]
                self._readers[name] = reader
                return reader
        return None

    def _send(self, reader: Reader) -> bool:
        """Send a piece of this server's journal; False if that is not possible any more."""
        session = self.session
        piece = reader.read(session.outbox.limit // 2, self._cursors.pieces)
        counts = session.ctx.stats.history_of(reader.server.name)
        if piece is None:
            counts.resumes[OVERTAKEN] += 1
            if reader.is_valid:
                session.ctx.backpressure.too_slow(session, _BOUND)
            else:
                session.dismiss(LOST)
            return False
        if piece.events:
            counts.replayed += piece.events
            session.deliver(piece.data)
        return True


def _beginning(entries: Entries, most: int) -> Entries:
    """The first of these events: at most this many bytes of them, and at least one."""
    if most >= PIECE:
        return entries
    size = 0
    for place, raw in enumerate(entries.raws):
        size += len(raw)
        if size > most and place:
            return Entries(entries.epoch, entries.first, entries.raws[:place], entries.calls[:place])
    return entries


class Cursors:
    """The cursors of all clients that catch up; they take turns."""

    __slots__ = ("_all", "_ctx", "_due", "_join", "_pieces_due", "_turn_due", "pieces")

    def __init__(self, ctx: Context, join: Callable[[Member], None]) -> None:
        """``join``: see ``Subscriptions.resume``."""
        self._ctx = ctx
        self._join: Callable[[Member], None] = join
        self._all: dict[Session, Cursor] = {}
        #: Those that may be able to send something.
        self._due: dict[Cursor, None] = {}
        self._turn_due = False
        self.pieces = Pieces()
        #: Whether a timer is set that clears them.
        self._pieces_due = False

    def __len__(self) -> int:
        """The number of clients that catch up."""
        return len(self._all)

    def begin(self, session: Session, starts: Iterable[Start]) -> None:
        """Send a client what it has missed, and then what comes; its event mask has been set.

        It may not be a member of a subscription yet.
        """
        self.left(session)
        cursor = Cursor(self, session, starts)
        self._all[session] = cursor
        for server in cursor.servers:
            self.count(server, 1)
        session.catch_up(cursor)
        self._ctx.subscribe(session)
        self.due(cursor)

    def due(self, cursor: Cursor) -> None:
        """The client of this cursor may take more."""
        self._due[cursor] = None
        if not self._turn_due:
            self._turn_due = True
            self._ctx.scheduler.later(0, self._turn)

    def end(self, cursor: Cursor) -> None:
        """The client gets what comes from now on by the subscription of its view."""
        session = cursor.session
        self.left(session)
        session.catch_up(None)
        self._join(session)
        for call in cursor.then:
            call()

    def left(self, session: Session) -> None:
        """Forget a session that has ended, if it was catching up."""
        cursor = self._all.pop(session, None)
        if cursor is not None:
            self._due.pop(cursor, None)
            for server in cursor.servers:
                cursor.leave_out(server)
            if not self._all and not self._pieces_due:
                self._pieces_due = True
                self._ctx.scheduler.later(_PIECES_KEPT, self._clear_pieces)

    def _clear_pieces(self) -> None:
        self._pieces_due = False
        if not self._all:
            self.pieces.clear()

    def link_lost(self, server: Server) -> None:
        """The link is lost and clients are about to be told: nothing of before can be sent any more.

        What those clients have missed is lost like the events during the outage.
        """
        for cursor in list(self._all.values()):
            if cursor.leave_out(server):
                self._ctx.subscribe(cursor.session)
                self.due(cursor)

    def count(self, server: Server, more: int) -> None:
        """Count clients that begin or cease to catch up at this server."""
        self._ctx.stats.history_of(server.name).catching_up += more

    def _turn(self) -> None:
        """Serve those that are due for one slice, a piece each at a time."""
        self._turn_due = False
        due, ctx = self._due, self._ctx
        clock = ctx.scheduler.clock
        before = clock()
        until = before + _SLICE
        try:
            while due and before < until:
                cursor = next(iter(due))
                del due[cursor]
                session = cursor.session
                share = session.principal.share
                try:
                    if cursor.serve() and session in self._all:
                        due[cursor] = None
                except Exception as fault:
                    ctx.fault(fault, "resume", session=session.id)
                    session.close("fault", abort=True)
                now = clock()
                ctx.shares.charge(share, now - before)
                before = now
        finally:
            if due:
                self.due(next(iter(due)))
        ctx.settle()


def when_caught_up(handler: Handler) -> Handler:
    """A handler for actions whose answer belongs behind everything that the client has missed.

    While the client catches up, the action and all that follow it wait.
    """

    def handle(session: Session, action: Action) -> None:
        cursor = session.cursor
        if cursor is None:
            handler(session, action)
            return
        session.hold_back(action)
        cursor.after(lambda: go_on(session, action))

    def go_on(session: Session, action: Action) -> None:
        if session.state is State.HELD:  # else it has been closed
            session.let_go()
            handler(session, action)
            session.advance()

    return handle
