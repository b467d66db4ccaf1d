"""Scenario ``doors``: WebSockets and AJAM, each beside an AMI audience of the same size in the same run."""

from tests.bench import chart, measure
from tests.bench.accounts import pairs
from tests.bench.peers import Ours, Peer, numbering, with_door
from tests.bench.rig import Figures, of_histogram, rig
from tests.bench.rounds import Plan, Section
from tests.bench.storms import cast
from tests.bench.tables import Column, comparison, medians

_COST = Column("CPU-s/M deliveries", "cost", ".2f")
_OTHERS = Column("others' cores", "others", ".2f")
_LATENCY = (Column("p50 ms", "p50", ".2f"), Column("p99 ms", "p99", ".1f"), Column("max ms", "max", ".0f"))
_FAULTS = (
    Column("lost %", "lost", ".2f"),
    Column("gaps, disorder, leaks", "faults", ".0f"),
    Column("dropped", "dropped", ".0f"),
)
#: Events a second: while clients that poll are measured, and while sockets come back.
_POLLED, _MEANWHILE = 20.0, 50.0
#: Logins under way at any time, as in ``history``.
_AT_ONCE = 100


def doors(plan: Plan) -> list[Section]:
    """Every table, for each form of the proxy."""
    sections = []
    for kind in plan.kinds("ami-proxy", "ami-proxy-compiled"):
        assert issubclass(kind, Ours)
        for clients, rate in [(100, 500)] if plan.small else [(100, 500), (1000, 50)]:
            sections.append(_fan_out(plan, kind, clients, rate))
        sections += [_idle(plan, kind), _polling(plan, kind), _return(plan, kind)]
    return sections


def _fan_out(plan: Plan, kind: type[Ours], clients: int, rate: float) -> Section:
    title = f"Doors: {kind.name}, {clients} WebSockets x {rate:.0f} events/s"
    kinds = [kind, numbering(kind), with_door(kind, "ws")]
    found = plan.compare(title, kinds, lambda peer: cast(plan, peer, clients, rate))
    columns = [
        _COST,
        Column("bytes an event", "event_bytes", ".0f"),
        *_LATENCY,
        Column("PSS MiB", "pss", ".0f"),
        *_FAULTS,
        _OTHERS,
    ]
    return Section(
        f"doors-ws-{clients}x{rate:.0f}-{kind.name}",
        title,
        comparison(columns, found, (kind.name, kinds[1].name), "cost"),
        chart.bars(f"{title}: CPU seconds per million deliveries", medians(found, "cost")),
    )


def _idle(plan: Plan, kind: type[Ours]) -> Section:
    clients = 200 if plan.small else 1000
    title = f"Doors: {kind.name}, {clients} idle sockets"
    kinds = [kind, with_door(kind, "ws")]
    found = plan.compare(title, kinds, lambda peer: _held(plan, peer, clients))
    columns = [
        Column("KiB PSS a socket", "each", ".1f"),
        Column("after a storm", "each_after", ".1f"),
        Column("logins CPU-s/1000", "login_cost", ".2f"),
        Column("s until all were in", "in", ".1f"),
        Column("CPU % while idle", "idle_cpu", ".2f"),
        _OTHERS,
    ]
    svg = chart.bars(f"{title}: KiB a socket", medians(found, "each"))
    table = comparison(columns, found, (kind.name,), "each")
    return Section(f"doors-idle-{kind.name}", title, table, svg)


def _held(plan: Plan, kind: type[Peer], clients: int) -> Figures:
    with rig(kind, plan.place, pairs(2)) as made:
        warm = made.swarm(2)  # objects built only at the first login are not a client's cost
        warm.hear("in")
        base = measure.pss_kib(made.peer.pids())
        entering: Figures = {}
        crowd = made.swarm(clients, "--window", 64)
        with made.using(entering):
            ready = crowd.hear("in")
        full = measure.pss_kib(made.peer.pids())
        figures: Figures = {}
        with made.using(figures):
            crowd.ask(f"wait 1000000000 {plan.seconds * 1000:.0f}", "waited")
        made.storm(crowd, clients, clients, 20, 1.0)
        return figures | {
            "each": (full - base) / clients,
            "each_after": (measure.pss_kib(made.peer.pids()) - base) / clients,
            "login_cost": entering["cpu"] / clients * 1000,
            "in": ready["seconds"],
            "idle_cpu": 100 * figures["cores"],
        }


def _polling(plan: Plan, kind: type[Ours]) -> Section:
    title = f"Doors: {kind.name}, 100 clients wait by AJAM x {_POLLED:.0f} events/s"
    kinds = [kind, with_door(kind, "ajam")]
    found = plan.compare(title, kinds, lambda peer: _polled(plan, peer))
    columns = [
        _COST,
        Column("requests/s", "polls_per_second", ",.0f"),
        Column("CPU µs/request", "poll_cost", ".0f"),
        *_LATENCY,
        *_FAULTS,
        _OTHERS,
    ]
    svg = chart.bars(f"{title}: CPU seconds per million deliveries", medians(found, "cost"))
    table = comparison(columns, found, (kind.name,), "cost")
    return Section(f"doors-ajam-{kind.name}", title, table, svg)


def _polled(plan: Plan, kind: type[Peer]) -> Figures:
    figures = cast(plan, kind, 100, _POLLED)
    if figures["polls"]:
        figures["polls_per_second"] = figures["polls"] / plan.seconds
        figures["poll_cost"] = figures["cpu"] / figures["polls"] * 1e6
    return figures


def _return(plan: Plan, kind: type[Ours]) -> Section:
    clients = 200 if plan.small else 1000
    title = (
        f"Doors: {kind.name}, {clients} WebSockets come back at once at {_MEANWHILE:.0f} events/s and resume"
    )
    found = plan.compare(title, [with_door(kind, "ws")], lambda peer: _come_back(plan, peer, clients))
    columns = [
        Column("s until all have what they missed", "in", ".2f"),
        Column("p99 ms of one", "one_p99", ".0f"),
        Column("events missed and sent", "missed", ",.0f"),
        Column("gaps, disorder, leaks", "faults", ".0f"),
        Column("snapshots instead", "wrong", ".0f"),
        Column("turned away", "away", ".0f"),
        Column("CPU-s", "cpu", ".2f"),
        _OTHERS,
    ]
    table = comparison(columns, found, (), "in")
    return Section(f"doors-return-{kind.name}", title, table)


def _come_back(plan: Plan, kind: type[Peer], clients: int) -> Figures:
    with rig(kind, plan.place, pairs(2)) as made:
        crowd = made.swarm(clients, "--window", 64)
        crowd.hear("in")
        crowd.say("mark")
        made.source.say(f"storm {_MEANWHILE} {plan.seconds + 2:.1f}")
        # A few events, so that each has a position from which it can resume.
        crowd.ask(f"wait {clients * 10} 5000", "waited")
        figures: Figures = {}
        with made.using(figures):
            back = crowd.ask(f"return {_AT_ONCE}", "in")
        made.source.hear("stormed")
        seen = crowd.ask("wait 1000000000 500", "waited")
        return figures | {
            "in": back["seconds"],
            "missed": float(back["events"]),
            "faults": float(seen["gaps"] + seen["disorder"] + seen["leaks"]),
            "wrong": float(seen["wrong_answers"]),
            "away": float(back["turned_away"]),
            **of_histogram(back["login"], "one_"),
        }
