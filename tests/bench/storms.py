"""Scenarios in which events are cast: fan-out, a lone event's latency, saturation, slow readers, growth."""

from collections.abc import Sequence

from tests.bench import chart, measure
from tests.bench.accounts import Account, filtering, pairs
from tests.bench.peers import Ours, Peer, with_servers
from tests.bench.rig import Failed, Figures, rig
from tests.bench.rounds import Plan, Section
from tests.bench.tables import Column, comparison, markdown, median, medians, written

#: More clients than this are not all decrypted: that would cost more than the measured work.
_CHECKED = 100
_REFERENCES = ("broadcast-5ms", "broadcast-at-once", "haproxy")
_COST = Column("CPU-s/M deliveries", "cost", ".2f")
_OTHERS = Column("others' cores", "others", ".2f")
_FAULTS = (
    Column("lost %", "lost", ".2f"),
    Column("gaps, disorder, leaks", "faults", ".0f"),
    Column("dropped", "dropped", ".0f"),
)
_SATURATION_P99 = 250.0  # ms


def cast(
    plan: Plan, kind: type[Peer], clients: int, rate: float, accounts: Sequence[Account] | None = None
) -> Figures:
    """One storm through one peer."""
    with rig(kind, plan.place, accounts or pairs(2)) as made:
        base = made.storm_without_clients(rate, plan.seconds) if kind.is_asterisk else 0.0
        checked = min(clients, _CHECKED)
        swarm = made.swarm(clients, "--checked", checked, "--window", 64)
        swarm.hear("in")
        figures = made.storm(swarm, clients, checked, rate, plan.seconds)
        if base:
            # Asterisk makes the events as well: the cost of that without clients is subtracted.
            figures["cost"] = (figures["cpu"] - base) / max(1.0, figures["delivered"]) * 1e6
        return figures


def fan_out(plan: Plan) -> list[Section]:
    """Many clients, many events."""
    cases = [(100, 500)] if plan.small else [(100, 500), (10, 1000), (1000, 50)]
    columns = [
        _COST,
        Column("delivered/s", "per_second", ",.0f"),
        Column("p50 ms", "p50", ".2f"),
        Column("p99 ms", "p99", ".1f"),
        Column("max ms", "max", ".0f"),
        Column("source CPU-s/M", "source_cost", ".2f"),
        Column("PSS MiB", "pss", ".0f"),
        *_FAULTS,
        _OTHERS,
    ]
    sections = []
    for clients, rate in cases:
        title = f"Fan-out: {clients} clients x {rate} events/s"
        found = plan.compare(title, plan.kinds(), lambda kind, c=clients, r=rate: cast(plan, kind, c, r))
        sections.append(
            Section(
                f"fanout-{clients}x{rate}",
                title,
                comparison(columns, found, _REFERENCES, "cost"),
                chart.bars(f"{title}: CPU seconds per million deliveries", medians(found, "cost")),
            )
        )
    return sections


def latency(plan: Plan) -> list[Section]:
    """Events far apart: how long one of them takes."""
    title = "Latency: 100 clients x 100 events/s"
    found = plan.compare(title, plan.kinds(), lambda kind: cast(plan, kind, 100, 100))
    columns = [
        Column("p50 ms", "p50", ".2f"),
        Column("p90 ms", "p90", ".2f"),
        Column("p99 ms", "p99", ".2f"),
        Column("max ms", "max", ".1f"),
        _COST,
        *_FAULTS,
        _OTHERS,
    ]
    svg = chart.bars(f"{title}: median, ms", medians(found, "p50"), ".2f")
    return [Section("latency", title, comparison(columns, found, _REFERENCES, "p50"), svg)]


def saturation(plan: Plan) -> list[Section]:
    """The most events a second that one processor carries."""
    title = f"Saturation: 100 clients, one processor, p99 below {_SATURATION_P99:.0f} ms, nothing lost"
    kinds = plan.kinds(wanted=lambda kind: not kind.is_asterisk)
    found = plan.compare(title, kinds, lambda kind: _saturate(plan, kind))
    columns = [
        Column("deliveries/s", "per_second", ",.0f"),
        Column("events/s", "rate", ",.0f"),
        Column("p99 ms", "p99", ".1f"),
        _COST,
        Column("cores", "cores", ".2f"),
        Column("cores of the tools", "tool_cores", ".2f"),
        _OTHERS,
    ]
    table = comparison(columns, found, _REFERENCES, "per_second")
    svg = chart.bars(f"{title}: deliveries/s", medians(found, "per_second"), ",.0f")
    return [Section("saturation", title, table, svg, "The peer has processor 0, everything else the others.")]


def _saturate(plan: Plan, kind: type[Peer], clients: int = 100, checked: int = 10) -> Figures:
    """Double the rate until it is too much, then halve the distance until it is known to a tenth."""
    good, best, bad, rate = 0.0, Figures(), 0.0, 1000.0
    while not bad or bad / max(good, 1.0) > 1.1:
        with rig(kind, plan.place, pairs(2), pinned=True) as made:
            swarm = made.swarm(clients, "--checked", checked, "--window", 64)
            swarm.hear("in")
            figures = made.storm(swarm, clients, checked, rate, plan.seconds)
        kept_up = figures.get("p99", _SATURATION_P99) < _SATURATION_P99
        if kept_up and figures["lost"] < 0.01 and not figures["faults"] and not figures["dropped"]:
            good, best = rate, figures
        else:
            bad = rate
        rate = (good * bad) ** 0.5 if good and bad else rate * 2 if good else rate / 2
        if rate < 10:
            raise Failed("not even 10 events/s")
    return {**best, "rate": good}


def servers(plan: Plan) -> list[Section]:
    """The same events, from more and more servers, to clients that see all of them."""
    counts = (1, 5) if plan.small else (1, 5, 20)
    clients, rate = 100, 500
    ours = [kind for kind in plan.kinds("ami-proxy", "ami-proxy-compiled") if issubclass(kind, Ours)]
    sections = []
    for kind in ours:
        title = f"Servers: {kind.name}, {clients} clients x {rate} events/s in all"
        kinds = [with_servers(kind, count) for count in counts]
        found = plan.compare(title, kinds, lambda peer: cast(plan, peer, clients, rate))
        columns = [
            _COST,
            Column("p50 ms", "p50", ".2f"),
            Column("p99 ms", "p99", ".1f"),
            Column("PSS MiB", "pss", ".0f"),
            *_FAULTS,
            _OTHERS,
        ]
        sections.append(
            Section(
                f"servers-{kind.name}",
                title,
                comparison(columns, found, (kinds[0].name,), "cost"),
                chart.bars(f"{title}: CPU seconds per million deliveries", medians(found, "cost")),
            )
        )
    return sections


def crowd(plan: Plan) -> list[Section]:
    """The load of the largest sites on one processor: is one process enough?"""
    clients, rate = (200, 500.0) if plan.small else (2000, 500.0)
    title = f"Crowd: {clients} clients x {rate:.0f} events/s, one processor"
    kinds = plan.kinds("ami-proxy", "ami-proxy-compiled", "broadcast-5ms", "broadcast-at-once")
    found = plan.compare(title, kinds, lambda kind: _crowd(plan, kind, clients, rate))
    columns = [
        _COST,
        Column("cores", "cores", ".2f"),
        Column("delivered/s", "per_second", ",.0f"),
        Column("p50 ms", "p50", ".1f"),
        Column("p99 ms", "p99", ".1f"),
        Column("max ms", "max", ".0f"),
        Column("PSS MiB", "pss", ".0f"),
        *_FAULTS,
        Column("cores of the tools", "tool_cores", ".2f"),
        _OTHERS,
    ]
    svg = chart.bars(f"{title}: CPU seconds per million deliveries", medians(found, "cost"))
    note = "The peer has processor 0, everything else the others."
    return [Section("crowd", title, comparison(columns, found, _REFERENCES, "cost"), svg, note)]


def _crowd(plan: Plan, kind: type[Peer], clients: int, rate: float, checked: int = 10) -> Figures:
    with rig(kind, plan.place, pairs(2), pinned=True) as made:
        swarm = made.swarm(clients, "--checked", checked, "--window", 64)
        swarm.hear("in")
        return made.storm(swarm, clients, checked, rate, plan.seconds)


def slow_readers(plan: Plan) -> list[Section]:
    """A tenth of the clients stops reading: the effect on the others, and the cost in memory."""
    title = "Slow readers: 50 clients x 2000 events/s, 5 of them stop reading"
    found = plan.compare(title, plan.kinds(wanted=lambda k: not k.is_asterisk), lambda k: _stall(plan, k))
    columns = [
        Column("p99 ms before", "quiet_p99", ".1f"),
        Column("p99 ms meanwhile", "p99", ".1f"),
        Column("max ms", "max", ".0f"),
        Column("others' lost %", "lost", ".2f"),
        Column("gaps, disorder, leaks", "faults", ".0f"),
        Column("slow ones closed", "dropped", ".0f"),
        Column("peak PSS, + MiB", "grown", ".1f"),
        Column("slow ones' untold gaps", "slow_gaps", ".0f"),
        _OTHERS,
    ]
    svg = chart.bars(f"{title}: the others' p99, ms", medians(found, "p99"))
    return [Section("slow", title, comparison(columns, found, _REFERENCES, "p99"), svg)]


def _stall(plan: Plan, kind: type[Peer], clients: int = 50, slow: int = 5, rate: float = 2000) -> Figures:
    with rig(kind, plan.place, pairs(2)) as made:
        swarm = made.swarm(clients, "--slow", slow, "--window", 64)
        swarm.hear("in")
        quick = clients - slow
        before = made.storm(swarm, quick, quick, rate, min(3.0, plan.seconds))
        settled = measure.pss_kib(made.peer.pids())
        swarm.say("stall")
        with measure.peak_pss(made.peer.pids) as found:
            # The kernel alone takes some MiB a client; the measurement begins after that.
            during = made.storm(swarm, quick, quick, rate, 12.0)
        swarm.say("resume")
        after = swarm.ask("wait 1000000000 1000", "waited")
        return during | {
            "quiet_p99": before["p99"],
            "grown": (max(found) - settled) / 1024,
            "dropped": float(after["dropped"]),
            "slow_gaps": float(after["slow_gaps"]),
        }


def growth(plan: Plan) -> list[Section]:
    """How the cost of a delivery grows with clients, events, users and filters."""
    ours = plan.kinds("ami-proxy", "ami-proxy-compiled")
    kinds = [*ours, *plan.kinds("broadcast-5ms", "haproxy")]
    steps = [10, 100] if plan.small else [10, 30, 100, 300, 1000]
    rates = [100, 1000] if plan.small else [100, 300, 1000, 3000, 10000]
    many = [2, 100] if plan.small else [2, 10, 100]

    def by_clients(kind: type[Peer], n: int) -> Figures:
        return cast(plan, kind, n, 20000 / n)

    def by_rate(kind: type[Peer], n: int) -> Figures:
        return cast(plan, kind, 10, n)

    def by_users(kind: type[Peer], n: int) -> Figures:
        return cast(plan, kind, 100, 500, pairs(n))

    def by_filters(kind: type[Peer], n: int) -> Figures:
        return cast(plan, kind, 100, 500, filtering(n))

    curves = (
        ("growth-clients", "clients, 20,000 deliveries/s in all", kinds, steps, by_clients),
        ("growth-events", "events/s, 10 clients", kinds, rates, by_rate),
        ("growth-users", "users, 100 clients x 500 events/s", ours, many, by_users),
        ("growth-filters", "different filters, 100 clients x 500 events/s", ours, many, by_filters),
    )
    sections = []
    for name, axis, compared, xs, work in curves:
        found = [
            plan.compare(f"Growth, {x} {axis}", compared, lambda kind, x=x, work=work: work(kind, x))
            for x in xs
        ]
        title = f"Growth: CPU-s/M deliveries over {axis}"
        costs = {kind.name: [median(at.get(kind.name, ()), "cost") for at in found] for kind in compared}
        rows = [[kind, *(written(cost, ".2f") for cost in line)] for kind, line in costs.items()]
        points = {
            kind: [(x, cost) for x, cost in zip(xs, line, strict=True) if cost is not None]
            for kind, line in costs.items()
        }
        table = markdown(["", *map(str, xs)], rows)
        sections.append(Section(name, title, table, chart.lines(title, axis, points)))
    return sections
