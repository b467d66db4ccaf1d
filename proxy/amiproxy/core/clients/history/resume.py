"""Resume: ProxyResume sends a client the events since a position that it knows, and then those that come.

The client has logged in without events, so that none comes before those that it has missed.  What it is sent
is judged by the rights that it has now.

Several edges of a fleet have the same positions, and each has the newest events a little earlier or later
than the others.  A client that comes from another edge may know a position that this one has yet to reach:
its action waits until then.
"""

# mypyc: compiled

from collections.abc import Callable
from typing import Final, NamedTuple

from amiproxy.ami import message, privilege
from amiproxy.ami.message import Action
from amiproxy.core.audit.historycounts import GAP, RESUMED
from amiproxy.core.clients.history.cursor import Cursors, Start
from amiproxy.core.clients.history.numbering import follow
from amiproxy.core.clients.session import Session
from amiproxy.core.history.positions import Position, positions_in
from amiproxy.core.model.state import State
from amiproxy.core.ports import Scheduler, Sealer

#: The Message of the error for a position that cannot be resumed from, whatever the reason.
NO_SUCH_POSITION: Final = b"Gap"
EVENTS_ARE_ON: Final = b"Events are on: log in with Events: off"
INVALID_MASK: Final = b"Invalid event mask"
NO_POSITION: Final = b"From is missing"
#: Seconds for which an action waits for the position that it names, and between two looks.
PATIENCE: Final = 5.0
_LOOK_AGAIN: Final = 0.05


class _Waiting(NamedTuple):
    """An action that is held back until its session's servers have reached these positions."""

    session: Session
    action: Action
    mask: int
    positions: list[Position]
    #: When it waits no longer.
    until: float


class Resume:
    """Answers ProxyResume."""

    def __init__(self, cursors: Cursors, sealer: Callable[[], Sealer]) -> None:
        """``sealer`` returns the one in use now."""
        self._cursors = cursors
        self._sealer: Callable[[], Sealer] = sealer
        self._waiting: list[_Waiting] = []

    def answer(self, session: Session, action: Action) -> None:
        """See Handler.  The user may run the action."""
        mask: int | None = privilege.ALL
        if action.has(b"eventmask"):
            mask = privilege.parse_event_mask(action.get(b"eventmask"))
        token = action.get(b"from")
        refusal = b""
        if session.principal.mask:
            refusal = EVENTS_ARE_ON
        elif mask is None:
            refusal = INVALID_MASK
        elif not token:
            refusal = NO_POSITION
        if mask is None or refusal:
            session.answer(message.error(action.action_id, refusal))
            return
        positions = positions_in(token, self._sealer()) or []
        if _is_ahead(session, positions):
            session.hold_back(action)
            scheduler = session.ctx.scheduler
            if not self._waiting:
                scheduler.later(_LOOK_AGAIN, lambda: self._look(scheduler))
            self._waiting.append(_Waiting(session, action, mask, positions, scheduler.now() + PATIENCE))
        else:
            self._begin(session, action, mask, positions)

    def _look(self, scheduler: Scheduler) -> None:
        """Begin those whose servers have reached their positions, or that have waited long enough."""
        waiting, self._waiting = self._waiting, []
        now = scheduler.now()
        for one in waiting:
            session = one.session
            if session.state is not State.HELD:
                continue  # it has been closed
            if now < one.until and _is_ahead(session, one.positions):
                self._waiting.append(one)
                continue
            try:
                session.let_go()
                self._begin(session, one.action, one.mask, one.positions)
                session.advance()
            except Exception as fault:
                session.ctx.fault(fault, "resume", session=session.id)
                session.close("fault", abort=True)
        if self._waiting:
            scheduler.later(_LOOK_AGAIN, lambda: self._look(scheduler))

    def _begin(self, session: Session, action: Action, mask: int, positions: list[Position]) -> None:
        starts = self._starts(session, positions)
        if starts is None:
            session.answer(message.error(action.action_id, NO_SUCH_POSITION))
            return
        numbering = follow(session, action)
        if numbering is None:
            return
        text = b"Message", b"Missed events will follow"
        session.answer(message.response(b"Success", action.action_id, text, *numbering))
        session.principal.mask = mask
        self._cursors.begin(session, starts)

    def _starts(self, session: Session, positions: list[Position]) -> list[Start] | None:
        """Where the client goes on at each of its servers; None if that is not known of one of them.

        Positions at other servers do not matter: the client may have had rights there that it has lost.
        """
        stats = session.ctx.stats
        starts: list[Start] = []
        for server in session.servers:
            journal = server.journal
            found = [
                position.sequence
                for position in positions
                if journal is not None and position.epoch == journal.epoch
            ]
            # A client of several servers may join tokens of the same server: it has had all up to the last.
            if journal is None or not found or journal.after(journal.epoch, max(found)) is None:
                stats.history_of(server.name).resumes[GAP] += 1
                continue
            starts.append(Start(server, journal.epoch, max(found)))
        if len(starts) < len(session.servers):
            return None
        for start in starts:
            stats.history_of(start.server.name).resumes[RESUMED] += 1
        return starts


def _is_ahead(session: Session, positions: list[Position]) -> bool:
    """Whether one of the positions is of an event that has yet to come here."""
    for server in session.servers:
        journal = server.journal
        if journal is not None:
            for position in positions:
                if position.epoch == journal.epoch and position.sequence > journal.last:
                    return True
    return False
