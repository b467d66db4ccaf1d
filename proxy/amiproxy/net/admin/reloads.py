"""Reloads of the whole configuration: one at a time; requests made meanwhile share the next one.

SIGHUP and the control socket both use this.  The reload itself is defined in the
composition root; this module schedules it and returns the result to the callers.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from amiproxy import log
from amiproxy.config.differences import Differences


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


class _Request:
    __slots__ = ("done", "triggers")

    def __init__(self) -> None:
        self.triggers: list[str] = []
        self.done: list[asyncio.Future[ReloadReport]] = []


class Reloads:
    """Runs ``transaction`` with the trigger's name; an exception in it is a bug, and a failed reload."""

    def __init__(
        self,
        transaction: Callable[[str], Awaitable[ReloadReport]],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._transaction = transaction
        self._wall = wall
        self._pending: _Request | None = None
        self._asked = asyncio.Event()
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
        self._join(trigger)

    async def reload(self, trigger: str) -> ReloadReport:
        """Request a reload, and wait for the one that starts after the request."""
        request = self._join(trigger)
        if request is None:
            return ReloadReport(False, trigger, self._wall(), (self._closed,))
        done: asyncio.Future[ReloadReport] = asyncio.get_running_loop().create_future()
        request.done.append(done)
        return await done

    def close(self, reason: str) -> None:
        """Start no more reloads; pending and later requests fail with ``reason``."""
        self._closed = reason
        if self._pending is not None:
            self._tell(self._pending, ReloadReport(False, "", self._wall(), (reason,)))
            self._pending = None

    async def run(self) -> None:
        """Serve requests until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            request, self._pending = self._pending, None
            if request is None:
                continue
            try:
                report = await self._transaction("+".join(request.triggers))
            except asyncio.CancelledError:
                self._tell(request, ReloadReport(False, "", self._wall(), (self._closed or "stopped",)))
                raise
            except Exception as fault:
                log.exception("fault", fault, where="reload")
                text = f"internal error of the proxy ({type(fault).__name__}); see the log"
                report = ReloadReport(False, request.triggers[0], self._wall(), (text,))
            self.last = report
            trigger = "+".join(sorted(request.triggers))
            self.results["succeeded" if report.succeeded else "failed", trigger] += 1
            if report.succeeded:
                self.last_success = report.at
            self._tell(request, report)

    def _join(self, trigger: str) -> _Request | None:
        if self._closed:
            return None
        if self._pending is None:
            self._pending = _Request()
        if trigger not in self._pending.triggers:
            self._pending.triggers.append(trigger)
        self._asked.set()
        return self._pending

    @staticmethod
    def _tell(request: _Request, report: ReloadReport) -> None:
        for done in request.done:
            if not done.done():
                done.set_result(report)
