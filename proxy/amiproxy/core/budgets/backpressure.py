"""Backpressure: which sessions are paused while too much is in flight, and which are closed as too slow.

Both are decided in the middle of other work, so the decision is recorded here and
carried out when the hub settles.
"""

# mypyc: compiled

from collections.abc import Callable, Hashable, Iterable
from typing import Protocol

from amiproxy.core.audit.stats import Stats
from amiproxy.core.limitstate import LimitState
from amiproxy.core.servers.servers import Servers


class Pressed(Hashable, Protocol):
    """What is paused or closed: a session; hashed and compared by identity."""

    @property
    def payer(self) -> str:
        """Name of its user; "" before login."""

    @property
    def bytes_waiting(self) -> int:
        """Bytes that wait to be sent to its client."""

    def advance(self) -> None:
        """Go on, since there is room again."""

    def limit_reached(self, limit: str, **fields: object) -> None:
        """Report that it has reached a limit."""

    def close(self, reason: str, *, abort: bool = False) -> None:
        """End it."""


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
        # Paused sessions, the longest waiting first.
        self._crowd: dict[Pressed, None] = {}

    # -- too much in flight ------------------------------------------------

    def is_crowded(self, session: Pressed, *, is_idle: bool) -> bool:
        """Whether the session must stop reading because too much is in flight.

        ``session.advance`` is called once there is room again.  ``is_idle`` says that the client has no
        action waiting here or at Asterisk.
        """
        # A session with nothing in flight may always send one action; the limit only applies beyond
        # that.  Otherwise one client that fills the limit would decide when all others may act.
        if is_idle or self._has_room:
            if self._crowd:
                self._crowd.pop(session, None)
            return False
        self._crowd[session] = None
        return True

    @property
    def in_flight(self) -> int:
        """Unanswered actions, including the proxy's own: the number that ``limits.in_flight`` limits."""
        load = self._limit_state.queued
        for server in self._servers:
            load += server.exchange.load
            for side in server.sides:
                load += side.load
        return load

    @property
    def _has_room(self) -> bool:
        return self.in_flight < self._limit_state.limits.in_flight

    def left(self, session: Pressed) -> None:
        """Forget a session that is no longer open."""
        self._crowd.pop(session, None)
        self._slow.pop(session, None)

    def resume_paused(self) -> None:
        """Resume paused sessions, the longest waiting first, while there is room."""
        while self._crowd and self._has_room:
            session = next(iter(self._crowd))
            del self._crowd[session]
            session.advance()

    # -- slow consumers ----------------------------------------------------

    def too_slow(self, session: Pressed, limit: str) -> None:
        """Mark a session whose outbox is past this limit; ``close_slow_consumers`` closes it."""
        self._slow.setdefault(session, limit)

    def close_slow_consumers(self) -> None:
        """Close the marked sessions, then the largest outboxes while all together hold too much."""
        while self._slow:
            self._end(*self._slow.popitem())
        while self._limit_state.backlog.size > self._limit_state.limits.outbox_total:
            largest = max(self._sessions(), key=_waiting)
            self._end(largest, "outbox_total")

    def _end(self, session: Pressed, limit: str) -> None:
        self._stats.slow_consumers[session.payer] += 1
        session.limit_reached(limit, bytes=session.bytes_waiting)
        session.close("slow consumer", abort=True)


def _waiting(session: Pressed) -> int:
    return session.bytes_waiting
