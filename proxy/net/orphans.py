"""Answers that nobody asked for: somebody writes them into what Asterisk passes on.

They reach nobody, so the link is kept: who forges them could else cut it for
everybody.  But it is no accident when they are many, and is told.
"""

from typing import Final

from proxy import log
from proxy.core.stats import Stats

#: So many in so many seconds can be an accident.
TOLERATED: Final = 3
SECONDS: Final = 60.0


class OrphanWatch:
    """Looks at the count, and tells of it once a minute."""

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self._counted = 0
        self._since = 0.0

    def tick(self, now: float) -> None:
        """Once a second, with monotonic time."""
        if now - self._since < SECONDS:
            return
        total = self._stats.orphans
        new = total - self._counted
        if new > TOLERATED:
            log.say(log.WARNING, "upstream-orphans", responses=new, total=total)
        self._counted, self._since = total, now
