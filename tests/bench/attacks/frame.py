"""The frame of every row: a good client, measured before, during and after an attack."""

import asyncio
import contextlib
import math
import ssl
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, NamedTuple

from tests.bench import measure
from tests.bench.attacks.target import Target, target
from tests.bench.peers import Peer
from tests.bench.rig import Figures

PHASES: Final = ("before", "during", "after")
#: The factor by which a time must exceed its quiet value for an attack to count as noticed.
_NOTICED: Final = 3.0
#: Seconds between the end of an attack and the phase called after.
_COOL: Final = 1.0
#: Exceptions that end a try without success.
_FAILURES: Final = (OSError, TimeoutError, AssertionError, ssl.SSLError, EOFError)

#: Does once what a good client does; raises if it fails.
Try = Callable[[], Awaitable[None]]


class Probe(NamedTuple):
    """One operation that a good client repeats; its time is measured."""

    name: str
    #: Given the target, returns the operation to try; kept open through all phases.
    open: Callable[[Target], AbstractAsyncContextManager[Try]]
    #: Seconds between the end of a try and the next one.
    pause: float = 0.05
    #: Seconds after which a try has failed.
    patience: float = 10.0
    #: Tries that are in progress at the same time.
    at_once: int = 1


class Row(NamedTuple):
    """One attack.  ``attack`` begins it and ends it; the figures that it puts into the dictionary are kept.

    ``attack_rate`` among them is the rate that the attackers really reached, a second.
    """

    name: str
    probes: Sequence[Probe]
    attack: Callable[[Target, dict[str, float]], AbstractAsyncContextManager[None]]
    users: Mapping[str, Mapping[str, Any]]
    limits: Mapping[str, Any] = {}
    settings: Mapping[str, Any] = {}
    #: Seconds that each phase lasts at least, however short a storm is.
    seconds: float = 5.0
    #: Seconds between the beginning of the attack and the beginning of the measurement.
    warm: float = 1.0
    #: Whether it is measured by bench-quick.
    quick: bool = False


class Tries:
    """Seconds of the successful tries, and the number of failed ones."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.failed = 0

    @property
    def all(self) -> int:
        """The number of all tries."""
        return len(self.seconds) + self.failed

    def share_within(self, seconds: float) -> float:
        """Percent of all that succeeded within this time."""
        return 100 * sum(one <= seconds for one in self.seconds) / self.all

    def figures(self, prefix: str) -> Figures:
        """Percentiles in milliseconds and percent of failures; empty if nothing was tried."""
        if not self.all:
            return {}
        found = {f"{prefix} failed": 100 * self.failed / self.all, f"{prefix} tries": float(self.all)}
        for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
            if self.seconds:
                found[f"{prefix} {name}"] = 1000 * quantile(self.seconds, share)
        return found


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


async def measured(row: Row, kind: type[Peer], seconds: float) -> Figures:
    """One round of a row."""
    lasting = max(seconds, row.seconds)
    figures: dict[str, float] = {}
    async with (
        target(kind, row.users, row.limits, row.settings) as attacked,
        contextlib.AsyncExitStack() as stack,
    ):
        tries = [await stack.enter_async_context(probe.open(attacked)) for probe in row.probes]
        found: dict[str, list[Tries]] = {}

        async def phase(name: str) -> None:
            found[name] = await _all(row.probes, tries, lasting)

        await phase("before")
        async with row.attack(attacked, figures):
            await asyncio.sleep(row.warm)
            began = time.monotonic(), measure.cpu_seconds(attacked.pids)
            await phase("during")
            elapsed = time.monotonic() - began[0]
            figures["cores"] = (measure.cpu_seconds(attacked.pids) - began[1]) / elapsed
        await asyncio.sleep(_COOL)
        await phase("after")
    for number, probe in enumerate(row.probes):
        before, during = found["before"][number], found["during"][number]
        for name in PHASES:
            figures |= found[name][number].figures(f"{probe.name}: {name}")
        if before.seconds and during.all:
            quiet = statistics.median(before.seconds)
            figures[f"{probe.name}: within"] = during.share_within(_NOTICED * quiet)
        if before.seconds and during.seconds:
            worse = quantile(during.seconds, 0.99) / quantile(before.seconds, 0.99)
            figures[f"{probe.name}: worse"] = worse
    return figures


async def _all(probes: Sequence[Probe], tries: Sequence[Try], seconds: float) -> list[Tries]:
    """All probes at the same time, for this long."""
    found = [Tries() for _ in probes]
    end = time.monotonic() + seconds
    async with asyncio.TaskGroup() as tasks:
        for probe, once, into in zip(probes, tries, found, strict=True):
            for _ in range(probe.at_once):
                tasks.create_task(_repeat(probe, once, into, end))
    return found


async def _repeat(probe: Probe, once: Try, into: Tries, end: float) -> None:
    while time.monotonic() < end:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(probe.patience):
                await once()
        except _FAILURES:
            into.failed += 1
        else:
            into.seconds.append(time.perf_counter() - began)
        await asyncio.sleep(probe.pause)
