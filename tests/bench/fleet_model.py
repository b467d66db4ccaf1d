"""What a fleet takes: processors, memory, bandwidth and time to recover, computed from measured costs.

    python -m tests.bench.fleet_model          # writes its tables into deploy/fleet.md

Nothing is run here.  Every input is a figure that was measured, with its source beside it; the rest is
arithmetic, so that anybody can put in figures of their own.  ``test_fleet_model`` compares it with
measurements that are not among its inputs.
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from amiproxy.core.fleet.agentview import GONE_AFTER
from amiproxy.core.fleet.following import TICK
from tests.bench.tables import markdown

PAGE: Final = Path(__file__).parents[2] / "deploy/fleet.md"
_MARKS: Final = ("<!-- begin of {} -->\n", "<!-- end of {} -->\n")

_MICRO: Final = 1e-6


class Curve(NamedTuple):
    """A cost that depends on a rate: measured at some rates, straight between them on logarithmic scales.

    Above the highest rate it is the cost of that rate, although it probably becomes lower.
    """

    points: tuple[tuple[float, float], ...]

    def at(self, rate: float) -> float:
        """The cost at this rate."""
        below = [point for point in self.points if point[0] <= rate]
        above = [point for point in self.points if point[0] > rate]
        if not below:
            return self.points[0][1]
        if not above:
            return self.points[-1][1]
        (x1, y1), (x2, y2) = below[-1], above[0]
        share = math.log(rate / x1) / math.log(x2 / x1)
        return y1 * (y2 / y1) ** share


class Row(NamedTuple):
    """A measurement of one process: clients, events a second, seconds between its writes, µs a delivery."""

    clients: int
    rate: float
    interval: float
    cost: float


#: From ``make bench SCENARIOS="fanout crowd"`` in deploy/sizing.md.
THIN: Final = Row(1000, 50, 0.005, 11.2)
CROWD: Final = Row(2000, 500, 0.05, 1.02)
#: The proxy's own work for an event, by events a second: 10 times (ami-proxy less broadcaster) of the second
#: table of ``make bench SCENARIOS=growth`` in deploy/sizing.md.
_OWN_WORK: Final = Curve(((100, 284.0), (300, 293.0), (1000, 81.0), (3000, 35.0), (10_000, 16.0)))


def messages(rate: float, interval: float) -> float:
    """Messages or writes a second, if events at random times share one when they come within an interval."""
    return (1 - math.exp(-rate * interval)) / interval


def _fitted(one: Row, other: Row) -> tuple[float, float]:
    """The cost of a write, and of each event in it, with which both rows come out as measured."""
    # writes * x + rate * y = µs of one client a second, less its part of the own work for the events.
    (a, b, c), (d, e, f) = (
        (
            messages(row.rate, row.interval),
            row.rate,
            row.cost * row.rate - row.rate * _OWN_WORK.at(row.rate) / row.clients,
        )
        for row in (one, other)
    )
    return (c * e - b * f) / (a * e - b * d), (a * f - c * d) / (a * e - b * d)


_WRITE, _DELIVERY = _fitted(THIN, CROWD)


class Costs(NamedTuple):
    """Measured costs: µs of a processor unless said otherwise.

    What is marked NATS was measured with nats-py 2.16.0, uvloop 0.23 and nats-server 2.15.1 on two shared
    cores, with events of 500 bytes in batches of 5 ms, 500 a second.
    """

    event: Curve = _OWN_WORK
    #: A write to a client, and each event in it.
    write: float = _WRITE
    delivery: float = _DELIVERY
    #: NATS: publishing an event, by TLS, to one node of three.
    publish: float = 31.0
    #: NATS: receiving a message, by messages a second; plain.
    receive: Curve = Curve(((500, 27.0), (5000, 6.7), (20_000, 4.3)))
    #: NATS: what an engine takes to pass a message to one more subscriber or engine.  Nine more took 60 µs an
    #: event, and there were 2.5 events in a message; TLS took 44 µs where plain text took 36.  The rate
    #: was low; where messages share reads and writes the cost is lower.
    engine: float = 60 / 9 * 2.5 * 44 / 36
    #: NATS: memory of an engine, of which 15 to 65 MiB were seen.
    engine_mib: float = 65.0
    #: Memory of a client, KiB: ``make bench SCENARIOS=idle`` in deploy/sizing.md.
    client_kib: float = 20.0
    #: The whole process before its first client: VmRSS of the ``ami-proxy run`` that ``make demo`` starts.
    process_mib: float = 80.0
    #: The journal of a server (``history.bytes``), and as much again for the state of what exists there.
    server_mib: float = 16.0
    #: Seconds until all are logged in, divided by their number: 1,000 in 1.5 s, ``make bench SCENARIOS="idle
    #: logins"`` in deploy/sizing.md.
    login: float = 0.0015
    #: The same until all have their snapshots, logins included: 500 in 1.2 s with 100 channels, ``make bench
    #: SCENARIOS=history`` in deploy/sizing.md.
    snapshot: float = 0.0024


class Timing(NamedTuple):
    """Seconds, as they are set in the fleet."""

    #: After which an edge looks for another agent, and how often it looks.
    silence: float = GONE_AFTER
    look: float = TICK
    #: A ping every 2 s, two may be outstanding: a frozen engine was noticed after 6.0 s.
    frozen: float = 6.0
    #: The longest wait before the next attempt to connect.
    reconnect: float = 2.0


class Fleet(NamedTuple):
    """A fleet, and what its dashboards do."""

    name: str
    #: Asterisks, events of each a second, bytes of an event.
    servers: int = 100
    rate: float = 500.0
    size: float = 500.0
    dashboards: int = 100_000
    #: The share of its server's events that a dashboard is sent, by its classes, scope and filters.
    seen: float = 1.0
    #: Agents beside each Asterisk, whose messages every edge of the group receives.
    agents: int = 2
    engines: int = 3
    #: How many servers an edge follows: the edges are divided into groups, and each group has these servers.
    group: int = 10
    #: Seconds: ``fan_out.flush_interval`` of edges and of agents.
    edge_interval: float = 0.05
    agent_interval: float = 0.005
    #: Bytes around each message: its head, the subject, and TLS.
    overhead: float = 130.0


#: The share of a processor that an edge may take, even while one edge of its group is missing.
FULL: Final = 0.8

FLEETS: Final = (
    Fleet("every event, 500/s"),
    Fleet("a tenth of 500/s", seen=0.1),
    Fleet("every event, 50/s", rate=50.0),
)


class Needs(NamedTuple):
    """What a fleet takes."""

    edges: int
    edges_a_group: int
    #: Dashboards of an edge; what it takes of its processor, and what while one edge of its group is missing.
    dashboards: float
    edge_load: float
    edge_load_without_one: float
    #: The share of an edge's processor that reading and judging events takes, however many clients it has.
    edge_base: float
    #: Processors of all: edges, agents, engines.
    edge_cores: float
    agent_cores: float
    engine_cores: float
    edge_mib: float
    memory_gib: float
    #: Bytes a second: from one agent, into one edge, to the clients of one edge, to all clients.
    from_agent: float
    into_edge: float
    from_edge: float
    to_clients: float


def base(fleet: Fleet, costs: Costs) -> float:
    """The share of a processor that an edge takes for its servers' events, before any is delivered."""
    events = fleet.group * fleet.rate
    received = fleet.group * fleet.agents * messages(fleet.rate, fleet.agent_interval)
    return (events * costs.event.at(events) + received * costs.receive.at(received)) * _MICRO


def client(fleet: Fleet, costs: Costs) -> float:
    """The share of a processor that one dashboard takes."""
    seen = fleet.rate * fleet.seen
    return (messages(seen, fleet.edge_interval) * costs.write + seen * costs.delivery) * _MICRO


def needs(fleet: Fleet, costs: Costs) -> Needs:
    """The smallest fleet whose edges are at most ``FULL`` busy while one of each group is missing."""
    fixed, each = base(fleet, costs), client(fleet, costs)
    groups = math.ceil(fleet.servers / fleet.group)
    crowd = fleet.dashboards / groups
    room = (FULL - fixed) / each
    if room < 1:
        raise ValueError(f"{fleet.name}: an edge cannot even read the events of {fleet.group} servers")
    edges_a_group = math.ceil(crowd / room) + 1
    edges = edges_a_group * groups
    dashboards = crowd / edges_a_group
    from_agent = fleet.rate * fleet.size + messages(fleet.rate, fleet.agent_interval) * fleet.overhead
    from_edge = dashboards * fleet.rate * fleet.seen * fleet.size
    published = fleet.servers * fleet.agents * messages(fleet.rate, fleet.agent_interval)
    # Each message goes to each edge of its group, and at most once to each other engine.
    sent = published * (edges_a_group + fleet.engines - 1)
    edge_mib = costs.process_mib + fleet.group * costs.server_mib + dashboards * costs.client_kib / 1024
    agents = fleet.servers * fleet.agents
    return Needs(
        edges=edges,
        edges_a_group=edges_a_group,
        dashboards=dashboards,
        edge_load=fixed + dashboards * each,
        edge_load_without_one=fixed + crowd / (edges_a_group - 1) * each,
        edge_base=fixed,
        edge_cores=edges * (fixed + dashboards * each),
        agent_cores=agents * fleet.rate * costs.publish * _MICRO,
        engine_cores=sent * costs.engine * _MICRO,
        edge_mib=edge_mib,
        memory_gib=(edges * edge_mib + fleet.engines * costs.engine_mib) / 1024,
        from_agent=from_agent,
        into_edge=fleet.group * fleet.agents * from_agent,
        from_edge=from_edge,
        to_clients=from_edge * edges,
    )


class Recovery(NamedTuple):
    """A failure, and seconds: until dashboards are served again, and until the last of them is up to date."""

    failure: str
    noticed: float
    current: float


def recoveries(fleet: Fleet, costs: Costs, timing: Timing) -> Sequence[Recovery]:
    """How long each failure lasts at most for the dashboards of one edge."""
    found = needs(fleet, costs)
    snapshots = found.dashboards * costs.snapshot
    # The dashboards of the lost edge are shared by the others of its group.
    arriving = found.dashboards / (found.edges_a_group - 1)
    silent = timing.silence + timing.look
    return (
        Recovery("an agent stops in good order", 0.0, snapshots),
        Recovery("an agent is killed, or its machine is lost", silent, silent + snapshots),
        Recovery("an engine is killed", timing.reconnect, timing.reconnect),
        Recovery(
            "an engine freezes",
            timing.frozen + timing.reconnect,
            timing.frozen + timing.reconnect + snapshots,
        ),
        Recovery("an edge is killed", arriving * costs.login, arriving * costs.snapshot),
    )


def _bits(each_second: float) -> str:
    bits = each_second * 8
    return f"{bits / 1e9:.1f} Gbit/s" if bits >= 1e9 else f"{bits / 1e6:.1f} Mbit/s"


def sizes() -> str:
    """The table of what the fleets take."""
    found = [needs(fleet, Costs()) for fleet in FLEETS]
    rows: list[tuple[str, list[str]]] = [
        ("edges", [f"{one.edges}" for one in found]),
        ("dashboards at an edge", [f"{one.dashboards:,.0f}" for one in found]),
        ("processor of an edge", [f"{one.edge_load:.2f}" for one in found]),
        ("… while one edge of its group is missing", [f"{one.edge_load_without_one:.2f}" for one in found]),
        ("… of that, for events before any is delivered", [f"{one.edge_base:.2f}" for one in found]),
        ("processors of all edges", [f"{one.edge_cores:.0f}" for one in found]),
        ("processors of all agents", [f"{one.agent_cores:.1f}" for one in found]),
        ("processors of all engines, at most", [f"{one.engine_cores:.1f}" for one in found]),
        ("memory of an edge", [f"{one.edge_mib:.0f} MiB" for one in found]),
        ("memory of all edges and engines", [f"{one.memory_gib:.0f} GiB" for one in found]),
        ("from an agent", [_bits(one.from_agent) for one in found]),
        ("into an edge", [_bits(one.into_edge) for one in found]),
        ("from an edge to its clients", [_bits(one.from_edge) for one in found]),
        ("to all clients", [_bits(one.to_clients) for one in found]),
    ]
    return markdown(["", *(fleet.name for fleet in FLEETS)], [[name, *cells] for name, cells in rows])


def times() -> str:
    """The table of how long failures last in the first fleet."""
    return markdown(
        ["failure", "served again after", "all up to date after"],
        [
            [one.failure, f"{one.noticed:.1f} s", f"{one.current:.1f} s"]
            for one in recoveries(FLEETS[0], Costs(), Timing())
        ],
    )


def page(text: str) -> str:
    """The page, with its tables of this model written again."""
    for name, table in (("sizes", sizes()), ("times", times())):
        begin, end = (mark.format(name) for mark in _MARKS)
        text, number = re.subn(
            f"(?<={re.escape(begin)}).*?(?={re.escape(end)})", f"\n{table}\n", text, flags=re.DOTALL
        )
        if number != 1:
            raise ValueError(f"deploy/fleet.md must have one place for the table of {name}")
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
