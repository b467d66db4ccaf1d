"""Backpressure: which sessions are paused while too much is in flight, and which are closed as too slow.

Both are decided in the middle of other work, so the decision is recorded here and
carried out when the hub settles.
"""

# mypyc: compiled

from collections.abc import Callable, Iterable
from typing import Protocol

from amiproxy.core.audit.stats import Stats
from amiproxy.core.limitstate import Holder, LimitState
from amiproxy.core.servers.server import Server
from amiproxy.core.servers.servers import Servers


class Pressed(Holder, Protocol):
    """What is paused or closed: a session."""

    #: The server that all its actions go to; None if they may go to several.
    bound: Server | None

    @property
    def servers(self) -> tuple[Server, ...]:
        """The servers that its actions may go to."""

    def advance(self) -> None:
        """Go on, since there is room again."""


class Backpressure:
    """Counts the actions on all links of ``servers``.

    ``sessions`` returns all sessions that have an outbox, including those that are closing.
    """

    def __init__(
        self,
        limit_state: LimitState,
        servers: Servers,
        stats: Stats,
        sessions: Callable[[], Iterable[Pressed]],
    ) -> None:
        self._limit_state = limit_state
        self._servers = servers
        self._stats = stats
        self._sessions = sessions
        self._slow: dict[Pressed, str] = {}
        #: Paused sessions, the longest waiting first, by the server that they are bound to; None is for those
        #: that see several.
        self._crowds: dict[Server | None, dict[Pressed, None]] = {}

    # -- too much in flight ------------------------------------------------

    def is_crowded(self, session: Pressed, *, is_idle: bool) -> bool:
        """Whether the session must stop reading because too much is in flight.

        ``session.advance`` is called once there is room again.  ``is_idle`` says that the client has no
        action waiting here or at Asterisk.
        """
        # A session with nothing in flight may always send one action; the limit only applies beyond
        # that.  Otherwise one client that fills the limit would decide when all others may act.
        if is_idle or self._has_room(session):
            if self._crowds:
                self._forget(session)
            return False
        self._crowds.setdefault(session.bound, {})[session] = None
        return True

    @property
    def in_flight(self) -> int:
        """Unanswered actions, including the proxy's own; ``limits.in_flight`` limits those of each server."""
        load = self._limit_state.load.queued
        for server in self._servers:
            load += server.unanswered
        return load

    def _has_room(self, session: Pressed) -> bool:
        """Whether there is room at the one server of a bound session, or at one of several."""
        # What waits for a slow Asterisk takes no room from the sessions of another.
        bound = session.bound
        if bound is not None:
            return bound.unanswered < bound.limits.in_flight
        limit_state = self._limit_state
        if limit_state.load.queued >= limit_state.limits.in_flight:
            return False
        return any(server.unanswered < server.limits.in_flight for server in session.servers)

    def _forget(self, session: Pressed) -> None:
        for bound, crowd in list(self._crowds.items()):
            crowd.pop(session, None)
            if not crowd:
                del self._crowds[bound]

    def left(self, session: Pressed) -> None:
        """Forget a session that is no longer open."""
        self._forget(session)
        self._slow.pop(session, None)

    def resume_paused(self) -> None:
        """Resume paused sessions, the longest waiting first, while there is room for them."""
        if not self._crowds:
            return
        for crowd in list(self._crowds.values()):
            while crowd:
                session = next(iter(crowd))
                if not self._has_room(session):
                    break
                self._forget(session)
                session.advance()

    # -- slow consumers ----------------------------------------------------

    def too_slow(self, session: Pressed, limit: str) -> None:
        """Mark a session whose outbox is past this limit; ``close_slow_consumers`` closes it."""
        self._slow.setdefault(session, limit)

    def close_slow_consumers(self) -> None:
        """Close the marked sessions, then whatever holds most while all together hold too much."""
        while self._slow:
            self._end(*self._slow.popitem())
        backlog = self._limit_state.backlog
        while backlog.size > self._limit_state.limits.outbox_total:
            largest = max((*self._sessions(), *backlog.others), key=_waiting, default=None)
            if largest is None:
                return
            self._end(largest, "outbox_total")

    def _end(self, holder: Holder, limit: str) -> None:
        self._stats.slow_consumers[holder.payer] += 1
        holder.limit_reached(limit, bytes=holder.bytes_waiting)
        holder.close("slow consumer", abort=True)


def _waiting(holder: Holder) -> int:
    return holder.bytes_waiting
