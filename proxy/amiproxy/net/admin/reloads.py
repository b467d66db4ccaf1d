"""Reloads of the whole configuration: one at a time; requests made meanwhile share the next one.

SIGHUP and the control socket both use this.  The reload itself is defined in the
composition root; this module schedules it and returns the result to the callers.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from amiproxy import log
from amiproxy.config.differences import Differences
from amiproxy.net.loop.coalescer import Coalescer, Request, joined


class ReloadReport(NamedTuple):
    """The result of a reload.  It has names and keys only, no values."""

    succeeded: bool
    trigger: str
    #: Seconds since the epoch.
    at: float
    #: One line each: file, line number, key, what is wrong, what to do.
    problems: tuple[str, ...] = ()
    differences: Differences = Differences()
    #: The result of the certificate reload, one line for each listener.
    certificates: tuple[str, ...] = ()
    #: Only certificate files were refused: configuration and users on disk are in force.
    only_certificates: bool = False

    @property
    def keeps_old(self) -> bool:
        """Whether the configuration or users on disk are not in force."""
        return not self.succeeded and not self.only_certificates


class Rehearsal(NamedTuple):
    """What a reload would do now with the files on disk.  It has names only, no values."""

    #: Why it would be refused, one line each.  Changes that take a restart are not among them.
    problems: tuple[str, ...] = ()
    #: What to correct although it would not be refused, one line each.
    warnings: tuple[str, ...] = ()
    #: How many sessions it would close, by user and reason; None if the files cannot be used.
    closes: Mapping[str, Mapping[str, int]] | None = None


class Reloads:
    """Runs ``transaction`` with the triggers' names; an exception in it is a bug, and a failed reload."""

    def __init__(
        self,
        transaction: Callable[[frozenset[str]], Awaitable[ReloadReport]],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._transaction = transaction
        self._wall = wall
        self._coalescer: Coalescer[ReloadReport] = Coalescer()
        self._closed = ""
        #: Reloads since the start, by result (``succeeded``, ``failed``) and trigger.
        self.results: Counter[tuple[str, str]] = Counter()
        self.last: ReloadReport | None = None
        self.last_success = wall()

    @property
    def failed(self) -> bool:
        """Whether the last reload left configuration or users on disk not in force.

        Refused certificate files do not count: their stores report them, and the file watch
        picks up corrected files without a reload of the configuration.
        """
        return self.last is not None and self.last.keeps_old

    def request(self, trigger: str) -> None:
        """Request a reload without waiting; safe to call repeatedly, and from the loop's signal handlers."""
        if not self._closed:
            self._coalescer.request(trigger)

    async def reload(self, trigger: str) -> ReloadReport:
        """Request a reload, and wait for the one that starts after the request.

        A failed reload is in the report; only a cancellation is raised.
        """
        if self._closed:
            return ReloadReport(False, trigger, self._wall(), (self._closed,))
        return await self._coalescer.request(trigger).wait()

    def close(self, reason: str) -> None:
        """Start no more reloads; pending and later requests fail with ``reason``."""
        self._closed = reason
        pending = self._coalescer.take()
        if pending is not None:
            pending.answer(ReloadReport(False, "", self._wall(), (reason,)))

    async def run(self) -> None:
        """Serve requests until cancelled."""
        await self._coalescer.run(self._serve)

    async def _serve(self, request: Request[ReloadReport]) -> ReloadReport:
        trigger = joined(request.triggers)
        try:
            report = await self._transaction(request.triggers)
        except asyncio.CancelledError:
            request.answer(ReloadReport(False, "", self._wall(), (self._closed or "stopped",)))
            raise
        except Exception as fault:
            log.exception("fault", fault, where="reload")
            text = f"internal error of the proxy ({type(fault).__name__}); see the log"
            report = ReloadReport(False, trigger, self._wall(), (text,))
        self.last = report
        self.results["succeeded" if report.succeeded else "failed", trigger] += 1
        if report.succeeded:
            self.last_success = report.at
        return report
