"""Link loss: which sessions stay and which are closed when the link to Asterisk is lost.

Asterisk does not number its events, so the proxy cannot know whether one was missed while the link was down.
A client connected directly to Asterisk would see its connection end, reconnect, and read its lists again.
Clients that were sent a ``ProxyUpstream`` event can read their lists again without reconnecting, so
their sessions stay.  The others are closed, spread over some time so that they do not all reconnect at
once.  With ``repair`` those stay that the proxy can bring up to date when the link is back, because it has
kept the state of the server (see ``clients/history/repair.py``).
"""

import math
from collections.abc import Iterable, Set
from typing import Final

from amiproxy import log
from amiproxy.core.audit.stats import Stats
from amiproxy.core.clients.history.repair import Repair
from amiproxy.core.clients.session import Session
from amiproxy.core.model.limits import UpstreamLost
from amiproxy.core.model.state import OVER
from amiproxy.core.ports import Scheduler
from amiproxy.core.servers.server import Server

#: The reason with which sessions are closed.
REASON: Final = "upstream lost"
#: The outcome for a session: it is closed, or it stays because it was sent ProxyUpstream, because
#: ``upstream_lost`` says so, because it receives no events, so that it cannot have missed any, or because it
#: is brought up to date when the link is back.
CLOSED: Final = "closed"
TOLD: Final = "told"
KEPT: Final = "kept"
NO_EVENTS: Final = "no events"
REPAIRED: Final = "repaired"
OUTCOMES: Final = (CLOSED, TOLD, KEPT, NO_EVENTS, REPAIRED)
#: Seconds between closing one session and the next; or one group and the next, if they are many.
_STEP: Final = 0.05


def outcome(choice: UpstreamLost, *, wants_events: bool, told: bool, repairable: bool = False) -> str:
    """The outcome for one session; ``choice`` is the ``upstream_lost`` that applies to its user.

    ``told``: whether it is sent a ProxyUpstream event.  ``repairable``: whether the proxy knows what the
    client has seen, so that it can bring it up to date later.
    """
    if choice == "close":
        return CLOSED
    if told:
        return TOLD
    if choice == "stay":
        return KEPT
    if not wants_events:
        return NO_EVENTS
    return REPAIRED if choice == "repair" and repairable else CLOSED


#: A loss: seconds since the epoch, the reason, and the number of sessions by outcome.
Loss = tuple[float, str, dict[str, int]]


class LinkLoss:
    """Closes sessions after a loss.  ``by_default`` is for users with no ``upstream_lost`` of their own."""

    def __init__(self, scheduler: Scheduler, stats: Stats) -> None:
        self._scheduler = scheduler
        self._stats = stats
        self.by_default: UpstreamLost = "auto"
        #: The last loss of each server that has lost its link, by the server's name.
        self.last: dict[str, Loss] = {}
        self._closing: dict[str, _Closing] = {}
        self._repairs: dict[str, Repair] = {}

    def happened(
        self, server: Server, sessions: Iterable[Session], told: Set[object], reason: str, *, named: bool
    ) -> None:
        """Decide about each session, after the link of this server was lost and open actions were answered.

        ``sessions`` are those that are logged in and bound to it, ``told`` those of them that are sent a
        ProxyUpstream event.  The log names the server if it is ``named``.
        """
        name = server.name
        counts = dict.fromkeys(OUTCOMES, 0)
        due: list[Session] = []
        repair = self._repair_of(server)
        late = repair.lost() if repair is not None else []
        was_known = server.state is not None and server.state.was_known
        for session in sorted(sessions, key=lambda one: one.principal.opened):
            user = session.principal.user
            assert user is not None
            waits = repair is not None and session in repair
            # Whether it had been sent everything when the link was lost.  A session that is about to be
            # closed because of an earlier loss may still be kept from events.
            is_behind = session in late or session.cursor is not None or session.mending is not None
            is_up_to_date = not is_behind and not session.outbox.in_gap
            found = outcome(
                user.upstream_lost or self.by_default,
                wants_events=session.subscription is not None,
                told=session in told,
                repairable=waits or (was_known and is_up_to_date),
            )
            counts[found] += 1
            if found == CLOSED:
                due.append(session)
            elif found == REPAIRED:
                assert repair is not None
                repair.add(session)
        if repair is not None and not counts[REPAIRED]:
            repair.end()
        self._stats.links_of(name).lost_sessions.update(counts)
        self.last[name] = self._scheduler.wall(), reason, counts
        if any(counts.values()):
            told_counts = {name.replace(" ", "_"): count for name, count in counts.items()}
            shown = name if named else None
            log.say(log.WARNING, "sessions-lost-upstream", server=shown, reason=reason, **told_counts)
        self._close(server, due)

    def _repair_of(self, server: Server) -> Repair | None:
        """What brings sessions of this server up to date; None if its state is not kept."""
        repair, state = self._repairs.get(server.name), server.state
        if repair is not None and repair.state is not state:
            del self._repairs[server.name]
            repair.end()  # a reload has ended the state, and perhaps begun another one
            repair = None
        if repair is None and state is not None:
            counts = self._stats.history_of(server.name)
            repair = self._repairs[server.name] = Repair(
                server, state, self._scheduler, counts, lambda sessions: self._close(server, sessions)
            )
        return repair

    def linked(self, server: Server) -> None:
        """The link is up, and nothing has come over it yet."""
        if server.name in self._repairs:
            repair = self._repair_of(server)
            if repair is not None:
                repair.linked()

    def served(self, server: Server, news: bytes) -> None:
        """Asterisk has booted; ``news`` is the ProxyUpstream event that says so."""
        if server.name in self._repairs:
            repair = self._repair_of(server)
            if repair is not None:
                repair.served(news)

    def _close(self, server: Server, sessions: Iterable[Session]) -> None:
        closing = self._closing.setdefault(server.name, _Closing(self._scheduler))
        for session in sessions:
            closing.add(session)
        closing.begin(server.limits.upstream_lost_spread)

    def forget(self, server: str) -> None:
        """Forget a server that is no longer configured; none of its sessions is open."""
        self.last.pop(server, None)
        self._closing.pop(server, None)
        self._repairs.pop(server, None)


class _Closing:
    """The sessions of one server that are to be closed, in this order."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._due: dict[Session, None] = {}
        #: The time by which the last is closed.
        self._until = 0.0
        self._is_timed = False

    def add(self, session: Session) -> None:
        self._due[session] = None

    def begin(self, spread: float) -> None:
        if self._due:
            self._until = self._scheduler.now() + spread
            if not self._is_timed:
                self._wait(_STEP)

    def _wait(self, seconds: float) -> None:
        self._is_timed = True
        self._scheduler.later(seconds, self._close_some)

    def _close_some(self) -> None:
        self._is_timed = False
        left = max(self._until - self._scheduler.now(), 0.0)
        several = math.ceil(len(self._due) * _STEP / left) if left > _STEP else len(self._due)
        for session in list(self._due)[:several]:
            del self._due[session]
            if session.state not in OVER:
                session.dismiss(REASON)
        if self._due:
            self._wait(max(_STEP, left / len(self._due)))
