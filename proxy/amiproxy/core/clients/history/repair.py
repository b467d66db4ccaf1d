"""Repair: brings clients up to date that stayed while the link to Asterisk was lost.

They show what was there when the link was lost.  When it is back and the state of the server is known again,
they are sent the events that end what has ended meanwhile, and that begin or change what has begun or
changed.  Until then, what Asterisk sends is kept back, and so are their actions: both would be about things
that they do not know, or take for something else.
"""

from collections.abc import Callable, Iterable
from typing import Final

from amiproxy import log
from amiproxy.ami.actions import LOCAL
from amiproxy.ami.message import Action
from amiproxy.core.audit.historycounts import GIVEN_UP, REPAIRED, HistoryCounts
from amiproxy.core.clients.session import Session
from amiproxy.core.fanout.eventview import EventView
from amiproxy.core.fanout.sieve import Sieve
from amiproxy.core.history.corrections import Correction, Corrections, corrections
from amiproxy.core.history.state.state import State, Waiting
from amiproxy.core.model.encoding import Encoding
from amiproxy.core.model.state import OVER
from amiproxy.core.model.state import State as SessionState
from amiproxy.core.ports import Scheduler, Timer
from amiproxy.core.servers.server import Server

#: Seconds after Asterisk has booted in which its state must be known.
READY_SECONDS: Final = 15.0
#: Most sessions that are sent their events before others are served.
_AT_ONCE: Final = 32


class Repair:
    """The sessions of one server that stay although they miss events.  See ``Mending`` in recipient.py.

    ``close`` is given those that cannot be brought up to date.
    """

    def __init__(
        self,
        server: Server,
        state: State,
        scheduler: Scheduler,
        counts: HistoryCounts,
        close: Callable[[list[Session]], None],
    ) -> None:
        self._server = server
        self.state = state
        self._scheduler = scheduler
        self._counts = counts
        self._close_sessions = close
        self._sessions: dict[Session, None] = {}
        #: The actions that wait, one of each session at most.
        self._held: dict[Session, Action] = {}
        self._waiting: Waiting | None = None
        self._timer: Timer | None = None
        #: The ProxyUpstream event that says that the link is back; b"" while it is not.
        self._news = b""

    def __contains__(self, session: object) -> bool:
        return session in self._sessions

    def add(self, session: Session) -> None:
        """Bring this session up to date when the link is back."""
        self._sessions[session] = None

    # -- the link ----------------------------------------------------------

    def linked(self) -> None:
        """The link is up: keep back what Asterisk sends from now on."""
        for session in self._open():
            session.mend(self)

    def served(self, news: bytes) -> None:
        """Asterisk has booted: wait until its state is known.

        ``news`` is the ProxyUpstream event that says so, for the sessions once they are up to date: it means
        that what a client shows is right again.
        """
        self._news = news
        if not self._open():
            self.end()
            return
        self._waiting = self.state.await_ready(self.state.kinds, self._ready)
        self._timer = self._scheduler.later(READY_SECONDS, self._overdue)

    def lost(self) -> list[Session]:
        """The link is lost again; returns the sessions that cannot be brought up to date any more.

        They have not been sent what has happened since the link was up, and nobody knows how that went on.
        """
        self._cancel()
        self._news = b""
        late = [session for session in self._open() if session.outbox.kept]
        self._counts.repairs[GIVEN_UP] += len(late)
        for session in late:
            del self._sessions[session]
        for session in self._open():
            self._go_on(session)
        return late

    def end(self) -> None:
        """Wait for nothing any more, and close the sessions that are left."""
        self._cancel()
        left = self._open()
        self._sessions = {}
        self.state.forget_lost()
        if left:
            self._close(left)

    def _close(self, sessions: list[Session]) -> None:
        self._counts.repairs[GIVEN_UP] += len(sessions)
        self._close_sessions(sessions)

    def _cancel(self) -> None:
        if self._waiting is not None:
            self.state.dismiss(self._waiting)
        if self._timer is not None:
            self._timer.cancel()
        self._waiting = self._timer = None

    def _overdue(self) -> None:
        server, sessions = self._server.logged_name, len(self._open())
        log.say(log.WARNING, "sessions-not-repaired", server=server, sessions=sessions, seconds=READY_SECONDS)
        self.end()

    def _open(self) -> list[Session]:
        """The sessions that are still open; the others are forgotten."""
        self._sessions = {session: None for session in self._sessions if session.state not in OVER}
        self._held = {session: action for session, action in self._held.items() if session in self._sessions}
        return list(self._sessions)

    # -- actions -----------------------------------------------------------

    def holds(self, session: Session, action: Action) -> bool:
        """Whether the action has to wait until its session is up to date; it is then kept, and runs later."""
        if action.key in LOCAL or not (self._server.exchange.connected or action.key.startswith(b"proxy")):
            return False
        session.hold_back(action)
        self._held[session] = action
        return True

    def _go_on(self, session: Session, ends: bytes = b"") -> None:
        """Send these events, those that were kept back, and everything from now on; run what waits."""
        action = self._held.pop(session, None)
        session.mended(ends)
        if self._news:
            session.tell_link(self._news)
        if session.waiting is not None and session.waiting.has_event:
            session.waiting.over()
        if action is not None and session.state is SessionState.HELD:
            session.let_go()
            if session.admits(action):
                session.run(action)
            session.advance()

    # -- when the state is known ---------------------------------------------

    def _ready(self) -> None:
        self._cancel()
        try:
            found = corrections(self.state.losses())
        except Exception:
            self.end()  # else they would be kept from everything for ever
            raise
        self.state.forget_lost()
        sessions = self._open()
        self._sessions = {}
        judged: dict[tuple[EventView, Encoding], tuple[bytes, bytes]] = {}
        due: list[tuple[Session, bytes]] = []
        elsewhere: list[Session] = []
        for session in sessions:
            if session.route.bound is not self._server:
                elsewhere.append(session)
                continue
            key = session.view, session.encoding
            if key not in judged:
                judged[key] = _judged(found, *key, self._server)
            ends, others = judged[key]
            session.take_pending(others)
            due.append((session, ends))
        self._counts.repairs[REPAIRED] += len(due)
        log.say(
            log.INFO,
            "sessions-repaired",
            server=self._server.logged_name,
            sessions=len(due),
            ended=len(found.ends),
            others=len(found.others),
        )
        if elsewhere:
            self._close(elsewhere)
        self._send(due)

    def _send(self, due: list[tuple[Session, bytes]]) -> None:
        for session, ends in due[:_AT_ONCE]:
            if session.state not in OVER:
                self._go_on(session, ends)
        if len(due) > _AT_ONCE:
            self._scheduler.later(0, lambda: self._send(due[_AT_ONCE:]))


def _judged(found: Corrections, view: EventView, encoding: Encoding, server: Server) -> tuple[bytes, bytes]:
    """The ends and the other corrections that a client of this view may see, as it is sent them."""
    sieve = Sieve(view, server, encoding)

    def written(those: Iterable[Correction]) -> bytes:
        return b"".join([sieve.single(each.raw, each.call) for each in those])

    return written(found.ends), written(found.others)
