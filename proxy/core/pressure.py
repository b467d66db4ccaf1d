"""Pressure: who has to wait because too much is under way, and who has to go because too much waits for it.

Both are decided in the middle of something else, so they are noted here and
done when the hub settles.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from proxy.core.bounds import Bounds
from proxy.core.exchange import Exchange
from proxy.core.side import Side
from proxy.core.stats import Stats

if TYPE_CHECKING:
    from proxy.core.session import Session


class Pressure:
    """``everybody`` gives all sessions that have an outbox, those that are closing too."""

    def __init__(
        self,
        bounds: Bounds,
        exchange: Exchange,
        sides: tuple[Side, ...],
        stats: Stats,
        everybody: "Callable[[], Iterable[Session]]",
    ) -> None:
        self._bounds = bounds
        self._exchange = exchange
        self._sides = sides
        self._stats = stats
        self._everybody = everybody
        self._slow: dict[Session, str] = {}
        # Who waits longest first.
        self._crowd: dict[Session, None] = {}

    # -- too much under way ------------------------------------------------

    def is_crowded(self, session: "Session") -> bool:
        """Whether too much is in flight to read on; ``session.advance`` is called when no longer."""
        # Who has nothing under way is read however full it is: one action a session passes, and the
        # limit holds for what is beyond.  Else whoever fills it decides when others may say anything.
        if session.is_idle or self._has_room:
            if self._crowd:
                self._crowd.pop(session, None)
            return False
        self._crowd[session] = None
        return True

    @property
    def in_flight(self) -> int:
        """Actions that are not answered, the proxy's own too: what ``limits.in_flight`` is compared with."""
        load = self._bounds.queued + self._exchange.load
        for side in self._sides:
            load += side.load
        return load

    @property
    def _has_room(self) -> bool:
        return self.in_flight < self._bounds.limits.in_flight

    def left(self, session: "Session") -> None:
        """The session is no longer open: it waits for nothing."""
        self._crowd.pop(session, None)
        self._slow.pop(session, None)

    def let_in(self) -> None:
        """Read again from those who had to wait, as far as there is room."""
        while self._crowd and self._has_room:
            session = next(iter(self._crowd))
            del self._crowd[session]
            session.advance()

    # -- too much waiting --------------------------------------------------

    def too_slow(self, session: "Session", limit: str) -> None:
        """The session is past this limit on its outbox: it ends with ``end_slow``."""
        self._slow.setdefault(session, limit)

    def end_slow(self) -> None:
        """End who was too slow; then, while all outboxes together hold too much, the owner of the largest."""
        while self._slow:
            self._end(*self._slow.popitem())
        while self._bounds.backlog.size > self._bounds.limits.outbox_total:
            largest = max(self._everybody(), key=lambda session: session.outbox.waiting)
            self._end(largest, "outbox_total")

    def _end(self, session: "Session", limit: str) -> None:
        self._stats.slow_consumers[session.user.name if session.user is not None else ""] += 1
        session.hit(limit, bytes=session.outbox.waiting)
        session.close("slow consumer", abort=True)
