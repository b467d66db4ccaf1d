"""The soak test of a fleet: one fault after another for minutes, under events and actions."""

import asyncio
import random
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.fleet.lab import accounts
from tests.fleet.lab.cluster import Cluster
from tests.fleet.lab.faults import Faults
from tests.fleet.lab.load import Load
from tests.fleet.lab.members import Fleet
from tests.fleet.lab.source import Source

_BOTH = ("berlin", "paris")


@dataclass(frozen=True)
class Plan:
    """``events`` and ``actions`` are per second and server, actions per edge too; times are in seconds."""

    minutes: float
    seed: int = 1
    events: float = 500.0
    actions: float = 10.0
    #: At each edge.
    watchers: int = 2
    #: Before each fault.
    quiet: float = 2.0
    frozen: float = 12.0
    #: Only faults whose names contain one of these; all if there are none.
    only: tuple[str, ...] = ()


@dataclass
class Outcome:
    """The result: ``wrong`` has what may not happen, and must be empty."""

    wrong: list[str] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)


async def soak(plan: Plan) -> Outcome:
    """Run it; the report is in the outcome."""
    outcome = Outcome()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        fleet, sources = await asyncio.to_thread(_started, stack, folder)
        await fleet.ready()
        faults = Faults(fleet, sources, folder / "jump", plan.frozen)
        async with Load(fleet, sources, plan.watchers, plan.actions) as load:
            await _rounds(plan, outcome, faults, load, sources)
        try:
            await asyncio.to_thread(stack.close)
        except AssertionError as error:
            text = str(error)
            outcome.wrong.append(f"the end: {text[max(0, text.find('Traceback')) :][:2000]}")
    return outcome


def _started(stack: ExitStack, folder: Path) -> tuple[Fleet, dict[str, Source]]:
    layout = accounts.Plan(
        {"berlin": ["berlin-a", "berlin-b"], "paris": ["paris-a"]}, {"edge1": _BOTH, "edge2": _BOTH}
    )
    (folder / "engines").mkdir()
    (folder / "jump").write_text("0")
    cluster = Cluster(folder / "engines", layout)
    stack.callback(cluster.stop)
    cluster.start()
    sources = {server: stack.enter_context(Source(server)) for server in layout.servers}
    fleet = Fleet(folder, cluster, {server: source.upstream for server, source in sources.items()})
    for member in fleet.members:
        member.program = ("-m", "tests.faults.failing", "clock_jumps")
        member.environment = {"CLOCK_JUMP": str(folder / "jump")}
    return stack.enter_context(fleet.running()), sources


async def _rounds(
    plan: Plan, outcome: Outcome, faults: Faults, load: Load, sources: dict[str, Source]
) -> None:
    chance = random.Random(plan.seed)
    names = [name for name in faults.all if not plan.only or any(part in name for part in plan.only)]
    done: Counter[str] = Counter()
    pauses: dict[str, float] = {}
    missed: Counter[str] = Counter()
    began = time.monotonic()
    while time.monotonic() - began < plan.minutes * 60:
        for name in chance.sample(names, len(names)):
            if time.monotonic() - began >= plan.minutes * 60:
                break
            before = sum(gap.size for ledger in load.ledgers for gap in ledger.missed)
            load.go_on()
            for source in sources.values():
                source.rate = plan.events
            await asyncio.sleep(plan.quiet)
            await faults.all[name]()
            await asyncio.sleep(plan.quiet)
            pauses[name] = max(pauses.get(name, 0.0), *(ledger.pause for ledger in load.ledgers))
            for source in sources.values():
                source.rate = 0.0
            known = len(load.faults)
            try:
                await load.settle()
            except AssertionError as error:
                outcome.wrong.append(f"after {name}: {error}")
            done[name] += 1
            missed[name] += sum(gap.size for ledger in load.ledgers for gap in ledger.missed) - before
            outcome.wrong += [f"after {name}: {fault}" for fault in load.faults[known:]]
    outcome.figures |= {
        "duration": f"{time.monotonic() - began:.0f} s, {done.total()} faults of {len(done)} kinds",
        "events": f"{sum(ledger.events for ledger in load.ledgers):,} delivered; clients were told "
        f"{sum(ledger.changes for ledger in load.ledgers)} times that they may have missed some, "
        f"and had missed {missed.total():,}",
        "connections": f"{load.breaks} of watchers broke off and were resumed",
        "actions": ", ".join(f"{number:,} {verdict}" for verdict, number in load.deeds.counts.items()),
        "answers": ", ".join(f"{number:,} times {text!r}" for text, number in load.texts.most_common()),
    }
    for name in sorted(pauses):
        figure = f"{done[name]} times, longest pause {pauses[name]:.1f} s, {missed[name]} missed"
        outcome.figures[name] = figure
