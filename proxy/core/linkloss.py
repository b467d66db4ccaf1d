"""Link loss: whose picture of Asterisk is no longer true, and what becomes of their sessions.

What happened while there was no link nobody can tell: Asterisk numbers no
events, so it is never known that none was missed.  A client that was connected
to Asterisk itself would see the end of its connection, connect again and read
its lists again.  Those who were told by ``ProxyUpstream`` can do the same and
stay; the others are closed, spread over a while, so that not all come back in
the same moment.
"""

import math
from collections.abc import Iterable, Set
from typing import TYPE_CHECKING, Final

from proxy import log
from proxy.config.limits import UpstreamLost
from proxy.core.dismissal import dismiss
from proxy.core.state import OVER

if TYPE_CHECKING:
    from proxy.core.ports import Scheduler
    from proxy.core.session import Session
    from proxy.core.stats import Stats

#: Why those sessions end.
REASON: Final = "upstream lost"
#: What becomes of a session: it is closed; it stays because it was told, because its user or the
#: operator says so, or because it wants no events and so has no picture that they keep true.
CLOSED: Final = "closed"
TOLD: Final = "told"
KEPT: Final = "kept"
NO_EVENTS: Final = "no events"
OUTCOMES: Final = (CLOSED, TOLD, KEPT, NO_EVENTS)
#: Seconds between two that are closed, or between two groups where they are many.
_STEP: Final = 0.05


def outcome(choice: UpstreamLost, *, wants_events: bool, told: bool) -> str:
    """What becomes of one session, by ``upstream_lost`` as it holds for its user."""
    if choice == "close":
        return CLOSED
    if told:
        return TOLD
    if choice == "stay":
        return KEPT
    return CLOSED if wants_events else NO_EVENTS


class LinkLoss:
    """Closes sessions after a loss.  ``by_default`` is the operator's choice for users that have none."""

    def __init__(self, scheduler: "Scheduler", stats: "Stats") -> None:
        self._scheduler = scheduler
        self._stats = stats
        self.by_default: UpstreamLost = "auto"
        #: Of the last loss: seconds since the epoch, why, and how many sessions had which outcome.
        self.last: tuple[float, str, dict[str, int]] | None = None
        #: To be closed, in this order; and when the last of them is.
        self._due: dict[Session, None] = {}
        self._until = 0.0
        self._is_timed = False

    def happened(self, sessions: "Iterable[Session]", told: Set[object], reason: str, spread: float) -> None:
        """The link is lost, and what was open is answered.

        ``sessions`` are those that are logged in, ``told`` those of them that are sent a
        ProxyUpstream; ``spread`` the seconds until the last is closed.
        """
        counts = dict.fromkeys(OUTCOMES, 0)
        for session in sorted(sessions, key=lambda one: one.opened):
            user = session.user
            assert user is not None
            found = outcome(
                user.upstream_lost or self.by_default,
                wants_events=session.subscription is not None,
                told=session in told,
            )
            counts[found] += 1
            if found == CLOSED:
                self._due[session] = None
        self._stats.link_losses.update(counts)
        self.last = self._scheduler.wall(), reason, counts
        if any(counts.values()):
            told_counts = {name.replace(" ", "_"): count for name, count in counts.items()}
            log.say(log.WARNING, "sessions-lost-upstream", reason=reason, **told_counts)
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
                dismiss(session, REASON)
        if self._due:
            self._wait(max(_STEP, left / len(self._due)))
