"""Unsolicited responses: someone injects them into data that Asterisk passes on.

They are not delivered to any client, and the link is kept: if they closed it, a forger
could disconnect all clients.  Larger numbers are not accidental, so they are logged.
"""

from typing import Final

from amiproxy import log
from amiproxy.core.audit.linkcounts import LinkCounts

#: This many in ``SECONDS`` may be accidental, and are not logged.
TOLERATED: Final = 3
SECONDS: Final = 60.0


class UnsolicitedWatch:
    """Checks the number of unsolicited responses once a minute, and logs it if it is too high."""

    def __init__(self, counts: LinkCounts) -> None:
        self._counts = counts
        self._counted = 0
        self._since = 0.0

    def tick(self, now: float, server: str | None = None) -> None:
        """Call once a second, with monotonic time in seconds; ``server`` is its name for the log."""
        if now - self._since < SECONDS:
            return
        total = self._counts.unsolicited_responses
        new = total - self._counted
        if new > TOLERATED:
            log.say(log.WARNING, "upstream-orphans", server=server, responses=new, total=total)
        self._counted, self._since = total, now
