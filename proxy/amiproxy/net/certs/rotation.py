"""When certificates are reloaded: all triggers run the same code, one at a time, latest wins.

SIGHUP, the control socket, the file watch and a timer as safety net all call
``request``.  Requests made while a reload runs share one more reload after it.  A set
of files that may be half-written is retried before any result is reported.  The slow
part of a reload runs in a thread, in slices, so that events do not wait for disks and
signatures.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

from amiproxy.net.certs.certstore import Candidate, Generation, ReloadResult
from amiproxy.net.certs.certwatch import CertWatch
from amiproxy.net.loop import gently
from amiproxy.steps import Steps
from amiproxy.x509.ending import Ending
from amiproxy.x509.expiry import Expiry

# Seconds to wait after the last change: certbot takes some milliseconds for its four links, scp on a slow
# line a second.
SETTLE = 1.0
# Seconds for which a set that looks half-written is retried after it was first seen.
PATIENCE = 10.0
# Seconds between reloads by the timer, the safety net for the watch; also the delay until an expired or
# revoked client is noticed.
INTERVAL = 60.0
_RETRY = 0.25
#: Expiry notices sent before the loop continues: a thousand certificates may near their end on one day.
_NOTICES = 32


class Store(Protocol):
    """The part of ``CertStore`` that is used here."""

    @property
    def paths(self) -> Sequence[Path]:
        """The files to watch."""

    @property
    def current(self) -> Generation:
        """The generation that serves."""

    def preparing(self, trigger: str) -> Steps[Candidate]:
        """The slow part of a reload; runs in a thread, in slices."""

    def commit(self, candidate: Candidate) -> ReloadResult:
        """The swap; called in the loop."""

    def waiting(self) -> Steps[tuple[Path, ...]]:
        """Files on disk that are not what is served; runs in a thread, in slices."""


class ExpiryNotice(NamedTuple):
    """A served certificate, a client CA or a revocation list has reached the next state of ``Expiry``."""

    ending: Ending
    state: Expiry
    waiting: tuple[Path, ...]
    """Files on disk that differ from what is served: perhaps a renewal that was refused."""
    text: str


@dataclass
class _Request:
    trigger: str
    patience: float
    done: list[asyncio.Future[list[ReloadResult]]] = field(default_factory=list)


class Rotation:
    """Reloads ``stores`` on request, when their files change, and every ``interval`` seconds.

    ``reloaded`` is called in the loop after each reload that changed something, failed
    with new errors, or was awaited by a caller of ``reload``; ``expiring`` when a
    certificate, client CA or revocation list enters the next state of ``Expiry``.  ``turn``
    is held from reading the files to the swap; other code that commits to the same stores
    must hold it, too.
    """

    def __init__(
        self,
        stores: Sequence[Store],
        *,
        reloaded: Callable[[Store, ReloadResult], None],
        expiring: Callable[[Store, ExpiryNotice], None],
        wall: Callable[[], float],
        settle: float = SETTLE,
        patience: float = PATIENCE,
        interval: float = INTERVAL,
        turn: asyncio.Lock | None = None,
    ) -> None:
        self._stores = tuple(stores)
        self._reloaded = reloaded
        self._expiring = expiring
        self._wall = wall
        self._settle = settle
        self._patience = patience
        self._interval = interval
        self._turn = turn or asyncio.Lock()
        self._pending: _Request | None = None
        self._asked = asyncio.Event()
        self._changed = asyncio.Event()
        self._told: dict[tuple[int, Ending], Expiry] = {}
        self._complained: dict[int, tuple[object, ...]] = {}
        self.watch = CertWatch(self._paths, self._changed.set)

    async def run(self) -> None:
        """Watch, wait and reload until cancelled; then a reload in progress is abandoned without a swap."""
        await self._look_at_expiry()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.watch.run())
                group.create_task(self._settle_changes())
                group.create_task(self._tick())
                await self._serve_requests()
        finally:
            if self._pending is not None:
                self._cancel(self._pending)

    async def reload(self, trigger: str) -> list[ReloadResult]:
        """Reload all stores now; returns one result for each.

        Joins a request that has not started yet.  Because the caller waits, a half-written
        set of files is retried only for the settle time.
        """
        future: asyncio.Future[list[ReloadResult]] = asyncio.get_running_loop().create_future()
        self.request(trigger, self._settle).done.append(future)
        return await future

    def request(self, trigger: str, patience: float | None = None) -> _Request:
        """Request a reload without waiting; safe to call repeatedly, and from the loop's signal handlers."""
        wait = self._settle if patience is None else patience
        if self._pending is None:
            self._pending = _Request(trigger, wait)
        elif trigger not in self._pending.trigger.split("+"):
            self._pending.trigger += f"+{trigger}"
            self._pending.patience = min(self._pending.patience, wait)
        self._asked.set()
        return self._pending

    def heard(self, store: Store, result: ReloadResult) -> None:
        """Record a commit made and logged elsewhere, so that it is not logged again."""
        self._is_news(store, result, asked=True)

    def _paths(self) -> Iterator[Path]:
        return (path for store in self._stores for path in store.paths)

    async def _serve_requests(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            request, self._pending = self._pending, None
            if request is None:
                continue
            try:
                results = [await self._reload(store, request) for store in self._stores]
            except BaseException:
                self._cancel(request)
                raise
            for future in request.done:
                if not future.done():
                    future.set_result(results)

    async def _reload(self, store: Store, request: _Request) -> ReloadResult:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + request.patience
        result = None
        while result is None:
            async with self._turn:
                candidate = await gently.aside(partial(store.preparing, request.trigger))
                if not candidate.result.may_pass or loop.time() >= deadline:
                    result = store.commit(candidate)
                elif self._asked.is_set() and not request.done:
                    # A newer request is pending: its reload will be committed and reported instead.
                    return candidate.result
            if result is None:
                await asyncio.sleep(min(_RETRY, self._settle))
        if self._is_news(store, result, asked=bool(request.done)):
            self._reloaded(store, result)
        await self._look_at_expiry()
        return result

    async def _settle_changes(self) -> None:
        while True:
            await self._changed.wait()
            while self._changed.is_set():
                self._changed.clear()
                await asyncio.sleep(self._settle)
            self.request("watch", self._patience)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            self.request("timer")

    def _is_news(self, store: Store, result: ReloadResult, *, asked: bool) -> bool:
        """Whether to report the result: the timer must not repeat the same errors each minute."""
        before = self._complained.pop(id(store), None)
        errors = tuple(finding for finding in result.findings if finding.level == "error")
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
                        waiting = await gently.aside(store.waiting)
                    text = _describe(ending, now, waiting)
                    self._expiring(store, ExpiryNotice(ending, state, waiting, text))
                    notices += 1
                    if notices % _NOTICES == 0:
                        await asyncio.sleep(0)
        self._told = told

    def _cancel(self, request: _Request) -> None:
        for future in request.done:
            future.cancel()


def _describe(ending: Ending, now: datetime, waiting: Sequence[Path]) -> str:
    """One sentence: what expires when, and which newer files on disk are not served."""
    text = ending.describe(now)
    if waiting:
        text += f"; on disk but not served: {', '.join(map(str, waiting))}: reload, and see its result"
    return text
