"""When certificates are reloaded: all triggers run the same code, one at a time, latest wins.

SIGHUP, the control socket, the file watch and a timer as safety net all call
``request``.  Requests made while a reload runs share one more reload after it.  A set
of files that may be half-written is retried before any result is reported.  The slow
part of a reload runs in a thread, in slices, so that events do not wait for disks and
signatures.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from amiproxy.net.certs.certstore import CertStore
from amiproxy.net.certs.certwatch import CertWatch
from amiproxy.net.certs.halfwritten import Retry
from amiproxy.net.certs.result import TIMER, WATCH, ReloadResult
from amiproxy.net.loop import gently
from amiproxy.net.loop.coalescer import Coalescer, Request
from amiproxy.x509.ending import Ending
from amiproxy.x509.expiry import Expiry
from amiproxy.x509.validating.findings import errors_of

# Seconds to wait after the last change: certbot takes some milliseconds for its four links, scp on a slow
# line a second.
SETTLE = 1.0
# Seconds for which a set that looks half-written is retried after it was first seen.
PATIENCE = 10.0
# Seconds between reloads by the timer, the safety net for the watch; also the delay until an expired or
# revoked client is noticed.
INTERVAL = 60.0
#: Expiry notices sent before the loop continues: a thousand certificates may near their end on one day.
_NOTICES = 32


class ExpiryNotice(NamedTuple):
    """A served certificate, a client CA or a revocation list has reached the next state of ``Expiry``."""

    ending: Ending
    state: Expiry
    waiting: tuple[Path, ...]
    """Files on disk that differ from what is served: perhaps a renewal that was refused."""
    text: str


class Rotation:
    """Reloads ``stores`` on request, when their files change, and every ``interval`` seconds.

    ``reloaded`` is called in the loop after each reload that changed something, failed
    with new errors, or was awaited by a caller of ``reload``; ``expiring`` when a
    certificate, client CA or revocation list enters the next state of ``Expiry``.  ``reload_lock``
    is held from reading the files to the swap; other code that commits to the same stores
    must hold it, too.
    """

    def __init__(
        self,
        stores: Sequence[CertStore],
        *,
        reloaded: Callable[[CertStore, ReloadResult], None],
        expiring: Callable[[CertStore, ExpiryNotice], None],
        wall: Callable[[], float],
        settle: float = SETTLE,
        patience: float = PATIENCE,
        interval: float = INTERVAL,
        reload_lock: asyncio.Lock | None = None,
    ) -> None:
        self._stores = tuple(stores)
        self._reloaded = reloaded
        self._expiring = expiring
        self._wall = wall
        self._settle = settle
        self._patience = patience
        self._interval = interval
        self._reload_lock = reload_lock or asyncio.Lock()
        self._coalescer: Coalescer[list[ReloadResult]] = Coalescer()
        self._changed = asyncio.Event()
        self._told: dict[tuple[int, Ending], Expiry] = {}
        self._complained: dict[int, tuple[object, ...]] = {}
        self.watch = CertWatch(self._paths, self._changed.set)

    async def run(self) -> None:
        """Watch, wait and reload until cancelled; then a reload in progress is abandoned without a swap."""
        await self._look_at_expiry()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.watch.run())
            group.create_task(self._settle_changes())
            group.create_task(self._tick())
            await self._coalescer.run(self._serve)

    async def reload(self, trigger: str) -> list[ReloadResult]:
        """Reload all stores now; returns one result for each.

        Joins a request that has not started yet.  Because the caller waits, a half-written
        set of files is retried only for the settle time.
        """
        return await self._coalescer.request(trigger).wait()

    def request(self, trigger: str) -> None:
        """Request a reload without waiting; safe to call repeatedly, and from the loop's signal handlers."""
        self._coalescer.request(trigger)

    def note_external_commit(self, store: CertStore, result: ReloadResult) -> None:
        """Record a commit made and logged elsewhere, so that it is not logged again."""
        self._is_news(store, result, asked=True)

    def _paths(self) -> Iterator[Path]:
        return (path for store in self._stores for path in store.paths)

    async def _serve(self, request: Request[list[ReloadResult]]) -> list[ReloadResult]:
        return [await self._reload(store, request) for store in self._stores]

    async def _reload(self, store: CertStore, request: Request[list[ReloadResult]]) -> ReloadResult:
        # Only the watch reports files that may still be being written.
        patience = self._patience if request.triggers == {WATCH} else self._settle
        retry = Retry(patience, self._settle)
        result = None
        while result is None:
            async with self._reload_lock:
                candidate = await gently.in_thread(partial(store.preparing, request.triggers))
                if retry.is_over(candidate.result.findings):
                    result = store.commit(candidate)
                elif self._coalescer.is_pending and not request.is_awaited:
                    # A newer request is pending: its reload will be committed and reported instead.
                    return candidate.result
            if result is None:
                await retry.pause()
        if self._is_news(store, result, asked=request.is_awaited):
            self._reloaded(store, result)
        await self._look_at_expiry()
        return result

    async def _settle_changes(self) -> None:
        while True:
            await self._changed.wait()
            while self._changed.is_set():
                self._changed.clear()
                await asyncio.sleep(self._settle)
            self.request(WATCH)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            self.request(TIMER)

    def _is_news(self, store: CertStore, result: ReloadResult, *, asked: bool) -> bool:
        """Whether to report the result: the timer must not repeat the same errors each minute."""
        before = self._complained.pop(id(store), None)
        errors = tuple(errors_of(result.findings))
        if errors:
            self._complained[id(store)] = errors
        if result.outcome == "unchanged":
            return asked or before is not None
        return asked or result.outcome != "failed" or errors != before

    async def _look_at_expiry(self) -> None:
        now = datetime.fromtimestamp(self._wall(), UTC)
        told: dict[tuple[int, Ending], Expiry] = {}
        for store in self._stores:
            waiting: tuple[Path, ...] | None = None
            notices = 0
            for ending in store.current.endings:
                key, state = (id(store), ending), ending.state(now)
                told[key] = state
                if state > self._told.get(key, Expiry.FINE):
                    if waiting is None:
                        waiting = await gently.in_thread(store.waiting)
                    text = _describe(ending, now, waiting)
                    self._expiring(store, ExpiryNotice(ending, state, waiting, text))
                    notices += 1
                    if notices % _NOTICES == 0:
                        await asyncio.sleep(0)
        self._told = told


def _describe(ending: Ending, now: datetime, waiting: Sequence[Path]) -> str:
    """One sentence: what expires when, and which newer files on disk are not served."""
    text = ending.describe(now)
    if waiting:
        text += f"; on disk but not served: {', '.join(map(str, waiting))}: reload, and see its result"
    return text
