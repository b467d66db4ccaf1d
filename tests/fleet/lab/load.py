"""Watchers and callers at all edges of a fleet, which begin again wherever they break off."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping
from itertools import cycle
from types import TracebackType
from typing import Self

from tests.fleet.counting.deeds import Deeds
from tests.fleet.counting.ledger import Ledger
from tests.fleet.lab.clients import Caller, Watcher
from tests.fleet.lab.members import Fleet, Member, served
from tests.fleet.lab.source import CLASSES, Source
from tests.support.waiting import until

#: Seconds between two attempts to connect.
_AGAIN = 0.1
#: Of every stage of a connection: an edge that is frozen accepts it and says nothing.
_PATIENCE = 5.0


class Load:
    """Within ``async with``, clients follow all sources, and act at them, through all edges.

    A watcher that breaks off goes on at the next edge, by its positions.
    """

    def __init__(
        self, fleet: Fleet, sources: Mapping[str, Source], watchers: int = 1, actions: float = 10.0
    ) -> None:
        """``watchers`` begin at each edge; ``actions`` go to each of its servers in a second."""
        self._fleet = fleet
        self._sources = sources
        #: By source, how many actions it had got before.
        self._before = {source: len(source.done) for source in sources.values()}
        self._number = watchers
        self._rate = actions
        self.deeds = Deeds()
        self.texts: Counter[str] = Counter()
        #: By the number of the watcher.
        self._ledgers: dict[int, Ledger] = {}
        self._watchers: dict[int, Watcher] = {}
        self._callers: set[Caller] = set()
        #: Watchers that are not at the edge at which they began.
        self._abroad: set[int] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._acting = asyncio.Event()
        self._acting.set()
        #: How often watchers broke off.
        self.breaks = 0

    async def __aenter__(self) -> Self:
        tasks = asyncio.get_running_loop()
        edges = list(self._fleet.edges.values())
        for number in range(self._number * len(edges)):
            first = number % len(edges)
            order = edges[first:] + edges[:first]
            self._tasks.append(tasks.create_task(self._watch(number, order)))
        self._tasks += [
            tasks.create_task(self._call(edge, server))
            for edge in edges
            for server in self._fleet.plan.edges[edge.name]
        ]
        await until(lambda: len(self._watchers) == self._number * len(edges), "all watchers", within=30)
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in (*self._watchers.values(), *self._callers):
            client.break_off()
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def settle(self, within: float = 40.0) -> None:
        """Stop acting and wait for all answers; then wait until every watcher has the newest events.

        The rates of the sources must be 0.  ``go_on`` has the callers act again.
        """
        self._acting.clear()
        await until(lambda: not self.deeds.open, lambda: f"no answer to {self.deeds.open[:5]}", within)
        for edge in self._fleet.edges.values():
            await served(edge, within)
        await until(lambda: all(w.is_open for w in self._watchers.values()), "all watchers", within)
        for source in self._sources.values():
            source.count(1)
        await until(self._all_reached, self._unreached, within)
        for source, before in self._before.items():
            done = source.done[before:]
            self._before[source] = before + len(done)
            for name, now in done:
                self.deeds.done(name, now)

    def go_on(self) -> None:
        """Act again, and measure pauses from now on.  Watchers return to the edges at which they began."""
        self._acting.set()
        for number, watcher in self._watchers.items():
            if number in self._abroad:
                watcher.break_off()
        for ledger in self.ledgers:
            ledger.measure()

    @property
    def ledgers(self) -> list[Ledger]:
        """Those of all watchers, which begin at the edges in turn."""
        return [ledger for _, ledger in sorted(self._ledgers.items())]

    @property
    def faults(self) -> list[str]:
        """What must not have happened until ``settle`` was called; empty if all is well."""
        found = [
            f"watcher {number} {fault}" for number, one in enumerate(self.ledgers) for fault in one.faults
        ]
        return [*found, *self.deeds.faults]

    def _all_reached(self) -> bool:
        return not self._unreached()

    def _unreached(self) -> list[str]:
        return [
            f"watcher {number} is not at {server}.{name} {source.reached(name)}"
            for number, ledger in enumerate(self.ledgers)
            for server, source in self._sources.items()
            for name in CLASSES
            if not ledger.reached(f"{server}.{name}", source.reached(name))
        ]

    async def _watch(self, number: int, edges: list[Member]) -> None:
        streams = [f"{server}.{name}" for server in self._sources for name in CLASSES]
        # The events of a session with one server do not name it.
        bound = next(iter(self._sources)) if len(self._sources) == 1 else ""
        before: Watcher | None = None
        for edge in cycle(edges):
            try:
                async with asyncio.timeout(_PATIENCE):
                    watcher = await Watcher.open(edge, "board", streams, before, bound)
            except (OSError, TimeoutError):
                await asyncio.sleep(_AGAIN)
                continue
            if before is None:
                self._ledgers[number] = watcher.ledger
            else:
                self.breaks += 1
            self._watchers[number] = before = watcher
            (self._abroad.discard if edge is edges[0] else self._abroad.add)(number)
            await watcher.ended(within=1e9)

    async def _call(self, edge: Member, server: str) -> None:
        while True:
            await self._acting.wait()
            try:
                async with asyncio.timeout(_PATIENCE):
                    caller = await Caller.open(edge, self.deeds, self.texts)
            except (OSError, TimeoutError):
                await asyncio.sleep(_AGAIN)
                continue
            self._callers.add(caller)
            while caller.is_open:
                await self._acting.wait()
                with contextlib.suppress(ConnectionError):
                    caller.act(server)
                await asyncio.sleep(1 / self._rate)
            self._callers.discard(caller)
