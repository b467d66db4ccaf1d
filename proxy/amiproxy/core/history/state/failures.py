"""Failures: lists of the state that have failed, in one line of the log for those that failed for one reason.

If a server cannot be reached, all of its lists fail one after another within moments.
"""

# mypyc: compiled

from typing import Final

from amiproxy import log
from amiproxy.core.ports import Scheduler

#: Seconds for which a failure waits for others of the same reason; less than those before the next attempt.
GATHER_SECONDS: Final = 0.5


class Failures:
    """The failures of one server that have not been logged yet."""

    __slots__ = ("_kinds", "_scheduler")

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        #: The reason, and the seconds until the next attempt -> the kinds whose lists failed.
        self._kinds: dict[tuple[str, float], list[str]] = {}

    def add(self, server: str | None, kind: str, reason: str, retry_in: float) -> None:
        """Log soon that the lists of this kind could not be read, and when they are asked again."""
        if not self._kinds:
            self._scheduler.later(GATHER_SECONDS, lambda: self._log(server))
        self._kinds.setdefault((reason, retry_in), []).append(kind)

    def _log(self, server: str | None) -> None:
        found, self._kinds = self._kinds, {}
        for (reason, retry_in), kinds in found.items():
            log.say(
                log.WARNING,
                "state-not-seeded",
                server=server,
                kind=",".join(kinds),
                kinds=len(kinds),
                reason=reason,
                retry_in=retry_in,
            )
