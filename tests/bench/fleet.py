"""Scenario ``fleet``: clients at the edges of a fleet, beside the same clients at a single process."""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from amiproxy.config.schema import FanOut
from tests.asterisk.lab.cache import Unavailable
from tests.bench import chart
from tests.bench.accounts import pairs
from tests.bench.members import Fleet, engines, with_fleet
from tests.bench.peers import Ours, Peer
from tests.bench.rig import Failed, Figures, Tool, rig
from tests.bench.rounds import Plan, Section
from tests.bench.tables import Column, Rounds, comparison, markdown, median, medians, ratio, written
from tests.fleet.lab.cluster import Cluster

_INTERVAL_MS = 1000 * FanOut().flush_interval
#: More clients than this are not decrypted; see swarm.c.
_CHECKED = 100
_CROWD_RATE = 5.0
_CROWD_P99 = 100.0
_LOGIN_SECONDS = 300.0
_FAILOVER_RATE = 500.0
_FAILOVER_CLIENTS = 20
#: The most that a failover may take, and how long no event has to come until it counts as begun.
_FAILOVER_SECONDS, _SILENT_MS = 30, 200
_COST = Column("CPU-s/M deliveries", "cost", ".2f")
_BESIDE = (
    Column("agent µs/event", "agents_cost", ".0f"),
    Column("engines µs/event", "engines_cost", ".0f"),
)
_LATENCY = (Column("p50 ms", "p50", ".2f"), Column("p99 ms", "p99", ".1f"), Column("max ms", "max", ".0f"))
_FAULTS = (
    Column("lost %", "lost", ".2f"),
    Column("gaps, disorder, leaks", "faults", ".0f"),
    Column("dropped", "dropped", ".0f"),
)
_OTHERS = Column("others' cores", "others", ".2f")


class Wanted(NamedTuple):
    """A row of the summary: what was measured, and what it is to be at most."""

    what: str
    value: float | None
    most: float | None = None
    form: str = ".1f"

    @property
    def cells(self) -> list[str]:
        """The row.  What could not be measured is not met."""
        value = written(self.value, self.form)
        if self.most is None:
            return [self.what, value, "", ""]
        is_met = self.value is not None and self.value <= self.most
        return [self.what, value, f"≤ {self.most:{self.form}}", "yes" if is_met else "no"]


def summary(rows: Sequence[Wanted]) -> str:
    """The table that can be put on a page."""
    return markdown(["", "measured", "wanted", "met"], [row.cells for row in rows])


def fleet(plan: Plan) -> list[Section]:
    """Every table, and a summary of them that can be put on a page."""
    kinds = plan.kinds("ami-proxy-compiled") or plan.kinds("ami-proxy")
    sections: list[Section] = []
    for kind in kinds:
        assert issubclass(kind, Ours)
        with tempfile.TemporaryDirectory(prefix="engines-", dir=plan.place.directory) as folder:
            try:
                with engines(Path(folder)) as cluster:
                    sections += _measured(plan, kind, cluster)
            except Unavailable as reason:
                plan.remarks[f"fleet: skipped, {reason}"] = None
    return sections


def _measured(plan: Plan, kind: type[Ours], cluster: Cluster) -> Iterator[Section]:
    edge = with_fleet(kind, cluster)
    rows: list[Wanted] = []
    cases = [(100, 500, 1.2)] if plan.small else [(100, 500, 1.2), (1000, 50, 1.05)]
    for clients, rate, most in cases:
        section, found = _fan_out(plan, kind, edge, clients, rate)
        yield section
        rows += _costs(kind, edge, found, f"{clients:,} clients x {rate} events/s", most)
    section, found = _latency(plan, kind, edge)
    yield section
    rows += _delays(kind, edge, found)
    section, rows_of_crowd = _crowd(plan, with_fleet(kind, cluster, edges=2))
    yield section
    rows += rows_of_crowd
    section, seconds = _failover(plan, with_fleet(kind, cluster, agents=2))
    yield section
    rows.append(Wanted("from kill -9 of an agent until clients get events again, s", seconds))
    yield Section("fleet", f"Fleet: summary, {kind.name}", summary(rows))


# -- the cost of a delivery, and its delay -----------------------------------


def _fan_out(
    plan: Plan, kind: type[Ours], edge: type[Fleet], clients: int, rate: int
) -> tuple[Section, Mapping[str, Rounds]]:
    title = f"Fleet: {clients} clients x {rate} events/s"
    found = plan.compare(title, [kind, edge], lambda peer: _cast(plan, peer, clients, rate))
    columns = [_COST, *_BESIDE, *_LATENCY, Column("PSS MiB", "pss", ".0f"), *_FAULTS, _OTHERS]
    svg = chart.bars(f"{title}: CPU seconds per million deliveries", medians(found, "cost"))
    table = comparison(columns, found, (kind.name,), "cost")
    return Section(f"fleet-{clients}x{rate}", title, table, svg), found


def _latency(plan: Plan, kind: type[Ours], edge: type[Fleet]) -> tuple[Section, Mapping[str, Rounds]]:
    title = "Fleet: latency, 100 clients x 100 events/s"
    found = plan.compare(title, [kind, edge], lambda peer: _cast(plan, peer, 100, 100))
    columns = [*_LATENCY, _COST, *_BESIDE, *_FAULTS, _OTHERS]
    svg = chart.bars(f"{title}: median, ms", medians(found, "p50"), ".2f")
    return Section("fleet-latency", title, comparison(columns, found, (kind.name,), "p50"), svg), found


def _cast(plan: Plan, kind: type[Peer], clients: int, rate: float) -> Figures:
    with rig(kind, plan.place, pairs(2)) as made:
        checked = min(clients, _CHECKED)
        swarm = made.swarm(clients, "--checked", checked, "--spread", "on", "--window", 64)
        swarm.hear("in")
        return _each_event(made.storm(swarm, clients, checked, rate, plan.seconds))


def _each_event(figures: Figures) -> Figures:
    """With what the parts of the fleet behind the edge take for an event."""
    costs = {
        f"{part}_cost": figures[f"{part}_cpu"] / figures["events"] * 1e6
        for part in ("agents", "engines")
        if f"{part}_cpu" in figures
    }
    return figures | costs


def _costs(
    kind: type[Peer], edge: type[Peer], found: Mapping[str, Rounds], case: str, most: float
) -> list[Wanted]:
    ours, single = found[edge.name], found[kind.name]
    return [
        Wanted(f"{case}: CPU of a delivery, edge ÷ single process", ratio(ours, single, "cost"), most, ".2f"),
        Wanted(f"{case}: CPU of the agent for an event, µs", median(ours, "agents_cost"), form=".0f"),
        Wanted(f"{case}: CPU of three engines for an event, µs", median(ours, "engines_cost"), form=".0f"),
    ]


def _delays(kind: type[Peer], edge: type[Peer], found: Mapping[str, Rounds]) -> list[Wanted]:
    case = "100 clients x 100 events/s"
    return [
        Wanted(f"{case}: p50 at the single process, ms", median(found[kind.name], "p50")),
        Wanted(f"{case}: p50 at the edge, ms", median(found[edge.name], "p50")),
        Wanted(f"{case}: p99 at the single process, ms", median(found[kind.name], "p99")),
        Wanted(f"{case}: p99 at the edge, ms", median(found[edge.name], "p99"), _INTERVAL_MS + 10.0),
    ]


# -- many clients ------------------------------------------------------------


def _crowd(plan: Plan, kind: type[Fleet]) -> tuple[Section, list[Wanted]]:
    sizes = (200,) if plan.small else (2500, 5000, 10_000)
    title = f"Fleet: clients on two edges x {_CROWD_RATE:.0f} events/s"
    found = {
        size: plan.compare(
            f"{title}: {size} clients", [kind], lambda peer, size=size: _gather(plan, peer, size)
        )[kind.name]
        for size in sizes
    }
    columns = [
        *_LATENCY,
        Column("s until all were in", "in", ".1f"),
        Column("cores of the edges", "cores", ".2f"),
        _COST,
        Column("PSS MiB", "pss", ".0f"),
        *_FAULTS,
        _OTHERS,
    ]
    table = markdown(
        ["clients", *(column.title for column in columns)],
        [
            [f"{size:,}", *(written(median(rounds, column.figure), column.form) for column in columns)]
            for size, rounds in found.items()
        ],
    )
    points = [(float(size), p99) for size, rounds in found.items() if (p99 := median(rounds, "p99"))]
    svg = chart.lines(f"{title}: p99, ms", "clients", {kind.name: points}, ".0f")
    return Section("fleet-crowd", title, table, svg), [
        Wanted(
            f"{size:,} clients on two edges x {_CROWD_RATE:.0f} events/s: p99, ms",
            median(rounds, "p99"),
            _CROWD_P99,
            ".0f",
        )
        for size, rounds in found.items()
    ]


def _gather(plan: Plan, kind: type[Peer], clients: int) -> Figures:
    with rig(kind, plan.place, pairs(2)) as made:
        assert isinstance(made.peer, Fleet)
        each = clients // len(made.peer.ports)
        checked = min(each, _CHECKED)
        began = time.monotonic()
        swarms = [
            made.swarm(each, "--checked", checked, "--spread", "on", "--window", 64, port=port)
            for port in made.peer.ports
        ]
        for swarm in swarms:
            swarm.hear("in", _LOGIN_SECONDS)
        seconds = time.monotonic() - began
        # Twice as long as other storms, because there are few events.
        return made.storm_at(swarms, each, checked, _CROWD_RATE, 2 * plan.seconds) | {"in": seconds}


# -- the loss of an agent ----------------------------------------------------


def _failover(plan: Plan, kind: type[Fleet]) -> tuple[Section, float | None]:
    title = f"Fleet: kill -9 of the agent that is followed, at {_FAILOVER_RATE:.0f} events/s"
    found = plan.compare(title, [kind], lambda peer: _fail_over(plan, peer))
    columns = [
        Column("s until events come again", "back", ".2f"),
        Column("events missed by a client", "missed", ".0f"),
        Column("disorder, leaks", "faults", ".0f"),
        Column("dropped", "dropped", ".0f"),
    ]
    table = comparison(columns, found, (), "back")
    return Section("fleet-failover", title, table), median(found[kind.name], "back")


def _fail_over(plan: Plan, kind: type[Peer]) -> Figures:
    with rig(kind, plan.place, pairs(2)) as made:
        assert isinstance(made.peer, Fleet)
        swarm = made.swarm(_FAILOVER_CLIENTS, "--window", 8)
        swarm.hear("in")
        swarm.say("mark")
        made.source.say(f"storm {_FAILOVER_RATE} {2 * _FAILOVER_SECONDS}")
        _events_come(swarm, 0)
        killed = made.peer.kill_agent()
        before = _silent(swarm)
        _events_come(swarm, before)
        seconds = time.monotonic() - killed
        # What is missing is known once there is another event of each type.
        seen = swarm.ask("wait 1000000000 2000", "waited")
        return {
            "back": seconds,
            "missed": seen["gaps"] / _FAILOVER_CLIENTS,
            "faults": float(seen["disorder"] + seen["leaks"]),
            "dropped": float(seen["dropped"]),
        }


def _silent(swarm: Tool) -> int:
    """Wait until no event comes any more; how many have come."""
    before = -1
    while (found := swarm.ask(f"wait 1000000000 {_SILENT_MS}", "waited"))["events"] != before:
        before = found["events"]
    return int(before)


def _events_come(swarm: Tool, before: int) -> None:
    """Wait until all clients together have had more events than before, by as many as they are."""
    wanted = before + _FAILOVER_CLIENTS
    found = swarm.ask(f"wait {wanted} {_FAILOVER_SECONDS * 1000}", "waited")
    if found["events"] < wanted:
        raise Failed(f"no events come to the clients within {_FAILOVER_SECONDS} s")
