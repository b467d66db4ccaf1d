"""Resume: ProxyResume sends a client the events since a position that it knows, and then those that come.

The client has logged in without events, so that none comes before those that it has missed.  What it is sent
is judged by the rights that it has now.
"""

# mypyc: compiled

from collections.abc import Callable
from typing import Final

from amiproxy.ami import message, privilege
from amiproxy.ami.message import Action
from amiproxy.core.audit.historycounts import GAP, RESUMED
from amiproxy.core.clients.history.cursor import Cursors, Start
from amiproxy.core.clients.history.numbering import follow
from amiproxy.core.clients.session import Session
from amiproxy.core.history.positions import Position, positions_in
from amiproxy.core.ports import Sealer

#: The Message of the error for a position that cannot be resumed from, whatever the reason.
NO_SUCH_POSITION: Final = b"Gap"
EVENTS_ARE_ON: Final = b"Events are on: log in with Events: off"
INVALID_MASK: Final = b"Invalid event mask"
NO_POSITION: Final = b"From is missing"


class Resume:
    """Answers ProxyResume."""

    def __init__(self, cursors: Cursors, sealer: Callable[[], Sealer]) -> None:
        """``sealer`` returns the one in use now."""
        self._cursors = cursors
        self._sealer: Callable[[], Sealer] = sealer

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
        starts = self._starts(session, positions_in(token, self._sealer()))
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

    def _starts(self, session: Session, positions: list[Position] | None) -> list[Start] | None:
        """Where the client goes on at each of its servers; None if that is not known of one of them.

        Positions at other servers do not matter: the client may have had rights there that it has lost.
        """
        stats = session.ctx.stats
        starts: list[Start] = []
        for server in session.servers:
            journal = server.journal
            found = [
                position.sequence
                for position in positions or ()
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
