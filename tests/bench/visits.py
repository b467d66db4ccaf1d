"""Scenarios in which clients are active: actions, a flood of them, idling, logging in again."""

from tests.bench import chart, measure
from tests.bench.accounts import everything, pairs
from tests.bench.peers import AsteriskBehindOurs, AsteriskTls, Peer
from tests.bench.rig import Figures, Rig, Tool, of_histogram, rig
from tests.bench.rounds import Plan, Section
from tests.bench.tables import Column, comparison, markdown, median, medians, written

_REFERENCES = ("haproxy", "broadcast-5ms")
_OTHERS = Column("others' cores", "others", ".2f")


def actions(plan: Plan) -> list[Section]:
    """100 clients that send the next action as soon as they are answered."""
    sections = []
    for kind_of, what in (("ping", "Ping"), ("list", "a list of 20 items")):
        title = f"Actions: {what}, 100 clients, closed loop"
        found = plan.compare(
            title,
            # A real Asterisk here has no calls to list.
            plan.kinds(
                wanted=lambda k, what=kind_of: k.relays_actions and not (k.is_asterisk and what == "list")
            ),
            lambda kind, k=kind_of: _act(plan, kind, k),
        )
        columns = [
            Column("CPU µs/action", "cost", ".1f"),
            Column("actions/s", "per_second", ",.0f"),
            Column("p50 ms", "p50", ".2f"),
            Column("p99 ms", "p99", ".2f"),
            Column("max ms", "max", ".0f"),
            Column("wrong answers", "faults", ".0f"),
            Column("dropped", "dropped", ".0f"),
            _OTHERS,
        ]
        svg = chart.bars(f"{title}: CPU µs each", medians(found, "cost"))
        table = comparison(columns, found, _REFERENCES, "cost")
        sections.append(Section(f"actions-{kind_of}", title, table, svg))
    return sections


def _act(plan: Plan, kind: type[Peer], what: str) -> Figures:
    with rig(kind, plan.place, pairs(2)) as made:
        swarm = made.swarm(100, "--events", "off", "--window", 64)
        swarm.hear("in")
        figures: Figures = {}
        with made.using(figures):
            acted = swarm.ask(f"act {what} {plan.seconds} 0 1", "acted")
        return figures | {
            "cost": figures["cpu"] / max(1, acted["answers"]) * 1e6,
            "per_second": acted["answers"] / acted["seconds"],
            "faults": acted["wrong_answers"] + acted["bad_lists"],
            "dropped": acted["dropped"],
            **of_histogram(acted["round_trip"]),
        }


def flood(plan: Plan) -> list[Section]:
    """One client sends actions as fast as it can: the effect on others' actions."""
    title = "Flood: 10 clients x 20 Pings/s while one more keeps 32 lists under way"
    found = plan.compare(
        title,
        plan.kinds("ami-proxy", "ami-proxy-compiled", "haproxy", "stunnel"),
        lambda kind: _flood(plan, kind),
    )
    columns = [
        Column("p99 ms quiet", "quiet_p99", ".2f"),
        Column("p99 ms meanwhile", "p99", ".2f"),
        Column("x quiet", "worse", ".1f"),
        Column("the flood's actions/s", "flood", ",.0f"),
        Column("wrong answers", "faults", ".0f"),
        _OTHERS,
    ]
    svg = chart.bars(f"{title}: p99, ms", medians(found, "p99"))
    return [Section("flood", title, comparison(columns, found, (), "p99"), svg)]


def _flood(plan: Plan, kind: type[Peer]) -> Figures:
    with rig(kind, plan.place, pairs(2)) as made:
        calm = made.swarm(10, "--events", "off")
        calm.hear("in")
        wild = made.swarm(1, "--events", "off")
        wild.hear("in")
        quiet = calm.ask(f"act ping {plan.seconds} 20 1", "acted")
        figures: Figures = {}
        with made.using(figures):
            wild.say(f"act list {plan.seconds + 1} 0 32")
            calm.say(f"act ping {plan.seconds} 20 1")
            meanwhile = calm.hear("acted")
            flooded = wild.hear("acted")
        return figures | {
            "quiet_p99": quiet["round_trip"]["p99"],
            "worse": meanwhile["round_trip"]["p99"] / quiet["round_trip"]["p99"],
            "flood": flooded["answers"] / flooded["seconds"],
            "faults": meanwhile["wrong_answers"] + flooded["wrong_answers"] + flooded["bad_lists"],
            **of_histogram(meanwhile["round_trip"]),
        }


def _differs(kind: type[Peer]) -> bool:
    """Whether it is a case of its own in which events hardly matter."""
    return not kind.is_asterisk and not kind.name.endswith("-at-once")


def idle(plan: Plan) -> list[Section]:
    """The cost of a client that is logged in and silent, and what remains when all have gone."""
    clients = 200 if plan.small else 1000
    title = f"Idle: {clients} clients"
    kinds = plan.kinds(wanted=_differs)
    found = plan.compare(title, kinds, lambda kind: _idle(plan, kind, clients))
    columns = [
        Column("KiB PSS a client", "each", ".1f"),
        Column("after a storm", "each_after", ".1f"),
        Column("logins CPU-s/1000", "login_cost", ".2f"),
        Column("s until all were in", "in", ".1f"),
        Column("CPU % while idle", "idle_cpu", ".2f"),
        Column("MiB PSS with no client", "base", ".0f"),
        Column("+ MiB when all have gone", "gone", ".1f"),
        Column("further logins", "logins", ",.0f"),
        Column("+ MiB after these", "left", ".1f"),
        _OTHERS,
    ]
    svg = chart.bars(f"{title}: KiB a client", medians(found, "each"))
    return [Section("idle", title, comparison(columns, found, _REFERENCES, "each"), svg)]


def _idle(plan: Plan, kind: type[Peer], clients: int) -> Figures:
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
        after = measure.pss_kib(made.peer.pids())
        crowd.stop()
        gone = _settled(plan, made, warm)
        visitors = made.swarm(64, "--window", 64)
        visitors.hear("in")
        churned = visitors.ask(f"churn {1.0 if plan.small else 4 * plan.seconds}", "churned")
        visitors.stop()
        return figures | {
            "each": (full - base) / clients,
            "each_after": (after - base) / clients,
            "login_cost": entering["cpu"] / clients * 1000,
            "in": ready["seconds"],
            "idle_cpu": 100 * figures["cores"],
            "base": base / 1024,
            "gone": (gone - base) / 1024,
            "logins": float(churned["logins"]),
            "left": (_settled(plan, made, warm) - gone) / 1024,
        }


def _settled(plan: Plan, made: Rig, swarm: Tool) -> int:
    """Memory a while after others of its clients have gone, in KiB."""
    swarm.ask(f"wait 1000000000 {300 if plan.small else 1500}", "waited")
    return measure.pss_kib(made.peer.pids())


def logins(plan: Plan) -> list[Section]:
    """All reconnect at once, as after a restart of the network, while others measure their latency."""
    clients, users = (200, 10) if plan.small else (1000, 20)
    title = f"Logins: {clients} clients of {users} users come back at once, 20 watch"
    kinds = plan.kinds(wanted=_differs)
    found = plan.compare(title, kinds, lambda kind: _come_back(plan, kind, clients, users))
    columns = [
        Column("s until all were in", "in", ".2f"),
        Column("turned away meanwhile", "away", ".0f"),
        Column("login p99 ms", "login_p99", ".0f"),
        Column("CPU-s/1000", "cost", ".2f"),
        Column("watchers' p99 ms quiet", "quiet_p99", ".1f"),
        Column("meanwhile", "p99", ".1f"),
        Column("x quiet", "worse", ".1f"),
        Column("watchers dropped", "dropped", ".0f"),
        _OTHERS,
    ]
    svg = chart.bars(f"{title}: seconds until all were in", medians(found, "in"), ".2f")
    return [Section("logins", title, comparison(columns, found, _REFERENCES, "in"), svg)]


def _come_back(plan: Plan, kind: type[Peer], clients: int, users: int) -> Figures:
    watchers, rate = 20, 100.0
    with rig(kind, plan.place, pairs(users)) as made:
        watching = made.swarm(watchers, "--window", 8)
        watching.hear("in")
        crowd = made.swarm(clients, "--events", "off", "--window", 64)
        crowd.hear("in")
        # It stands for as many machines: the watchers must not wait for its handshakes.
        crowd.give_way()
        quiet = made.storm(watching, watchers, watchers, rate, plan.seconds)
        figures: Figures = {}
        with made.using(figures):
            watching.say("mark")
            made.source.say(f"storm {rate} {plan.seconds}")
            back = crowd.ask(f"reconnect {clients}", "in")
            made.source.hear("stormed")
            seen = watching.ask("wait 1000000000 500", "waited")
        return figures | {
            "in": back["seconds"],
            "away": float(back["turned_away"]),
            "cost": figures["cpu"] / clients * 1000,
            "quiet_p99": quiet["p99"],
            "worse": seen["latency"]["p99"] / quiet["p99"],
            "dropped": float(seen["dropped"]),
            **of_histogram(back["login"], "login_"),
            **of_histogram(seen["latency"]),
        }


def reconnect(plan: Plan) -> list[Section]:
    """All that read everything reconnect at once: each login is an event that all the others may see."""
    clients = 200 if plan.small else 10_000
    title = f"Reconnect: {clients} clients with read: all come back at once, one processor"
    found = plan.compare(
        title,
        plan.kinds("ami-proxy", "ami-proxy-compiled"),
        lambda kind: _all_come_back(plan, kind, clients),
    )
    columns = [
        Column("s until all were in", "in", ".1f"),
        Column("turned away meanwhile", "away", ".0f"),
        Column("login p99 ms", "login_p99", ".0f"),
        Column("CPU-s/1000", "cost", ".2f"),
        _OTHERS,
    ]
    svg = chart.bars(f"{title}: seconds until all were in", medians(found, "in"), ".1f")
    return [Section("reconnect", title, comparison(columns, found, (), "in"), svg)]


def _all_come_back(plan: Plan, kind: type[Peer], clients: int) -> Figures:
    with rig(kind, plan.place, [everything()], pinned=True) as made:
        crowd = made.swarm(clients, "--window", 64)
        crowd.hear("in", 300)
        figures: Figures = {}
        with made.using(figures):
            back = crowd.ask("reconnect 64", "in", 300)
        return figures | {
            "in": back["seconds"],
            "away": float(back["turned_away"]),
            "cost": figures["cpu"] / clients * 1000,
            **of_histogram(back["login"], "login_"),
        }


def dashboards(plan: Plan) -> list[Section]:
    """The cost for a real Asterisk of 1, 10 and 100 clients, with the proxy in front of it and without."""
    counts, rate = (1, 10, 100), 200.0
    kinds: list[type[Peer]] = [AsteriskBehindOurs, AsteriskTls]
    if "asterisk-tls" not in plan.peers:
        return []
    if reason := AsteriskTls.missing():
        plan.remarks[f"asterisk-tls: skipped, {reason}"] = None
        return []
    title = f"A real Asterisk: its own CPU-s per 1000 events, at {rate:.0f} events/s"
    found = [
        plan.compare(f"Asterisk with {n} clients", kinds, lambda kind, n=n: _dashboards(plan, kind, n, rate))
        for n in counts
    ]
    costs = {kind.name: [median(at[kind.name], "asterisk") for at in found] for kind in kinds}
    rows = [[name, *(written(cost, ".3f") for cost in line)] for name, line in costs.items()]
    points = {
        name: [(float(n), cost) for n, cost in zip(counts, line, strict=True) if cost is not None]
        for name, line in costs.items()
    }
    table = markdown(["", *(f"{n} clients" for n in counts)], rows)
    return [Section("asterisk", title, table, chart.lines(title, "clients", points, ".2f"))]


def _dashboards(plan: Plan, kind: type[Peer], clients: int, rate: float) -> Figures:
    with rig(kind, plan.place, pairs(2)) as made:
        swarm = made.swarm(clients, "--window", 8)
        swarm.hear("in")
        figures = made.storm(swarm, clients, clients, rate, plan.seconds)
        return figures | {"asterisk": figures["cpu"] / (rate * plan.seconds) * 1000}
