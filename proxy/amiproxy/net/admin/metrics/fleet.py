"""The part of the service in a fleet: of an edge what it receives and sends, of an agent what it publishes.

Names of servers, agents and edges are from the configuration; reasons from the table of the agent.  A proxy
that is not part of a fleet has none of these metrics, and an agent has none of an edge.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from amiproxy.core.fleet.agentview import GONE_AFTER
from amiproxy.net.admin.metrics.families import counters, parts
from amiproxy.net.admin.service import Service

View = Mapping[str, Any]

_STATES = ("up", "booting", "down", "behind", "waiting")
_OUTCOMES = ("answered", "refused", "not_connected", "unknown")
#: Name of the metric, text, and the key in the row of a server: counters of an edge.
_RECEIVED = (
    ("amiproxy_fleet_events_received", "Events of agents that were passed on to clients", "events"),
    (
        "amiproxy_fleet_messages_received",
        "Messages received from all agents of the server, their beats included",
        "messages",
    ),
    ("amiproxy_fleet_bytes_received", "Bytes of these messages", "bytes"),
    ("amiproxy_fleet_gaps", "Times that events were missing between two messages", "gaps"),
    ("amiproxy_fleet_gaps_repaired", "Gaps that were filled from the agent's ring", "repaired"),
    ("amiproxy_fleet_duplicates", "Events that came twice and were dropped", "duplicates"),
    (
        "amiproxy_fleet_snapshots",
        "Times that the edge went on at an agent's present position, without the events before it",
        "snapshots",
    ),
    ("amiproxy_fleet_agent_changes", "Times that the edge followed another agent than before", "changes"),
    ("amiproxy_fleet_malformed", "Messages that could not be read and were dropped", "malformed"),
)
#: The same of an agent.
_PUBLISHED = (
    ("amiproxy_fleet_events_published", "Events published to edges", "events"),
    ("amiproxy_fleet_messages_published", "Messages with events published to edges", "messages"),
    ("amiproxy_fleet_bytes_published", "Bytes of these messages", "bytes"),
    ("amiproxy_fleet_replays", "Times that an edge was sent events once more", "replays"),
    ("amiproxy_fleet_replays_not_held", "Times that an edge asked for events no longer held", "gone"),
)


def collect(service: Service) -> Iterator[Metric]:
    """What ``Fleet.status`` says, as metrics."""
    if service.fleet is None:
        return
    found = service.fleet.status()
    yield from _engines(found["engines"])
    if found["role"] == "edge":
        yield from _edge(found)
    else:
        yield from _agent(found)


def _engines(engines: Mapping[str, View]) -> Iterator[Metric]:
    yield _gauge(
        "amiproxy_fleet_engine_up",
        "1 while this connection to an engine is open",
        ["connection"],
        [((name,), float(engine["state"] == "connected")) for name, engine in engines.items()],
    )
    yield _gauge(
        "amiproxy_fleet_engine_rtt_seconds",
        "Time that the engine took for the last answer to a ping",
        ["connection"],
        [
            ((name,), engine["rtt_ms"] / 1000)
            for name, engine in engines.items()
            if engine["rtt_ms"] is not None
        ],
    )
    yield from counters(
        "amiproxy_fleet_engine_connects",
        "Number of times this connection was opened",
        ["connection"],
        {name: engine["connects"] for name, engine in engines.items()},
    )
    yield from counters(
        "amiproxy_fleet_engine_failures",
        "What failed on this connection, by kind",
        ["connection", "kind"],
        {
            (name, kind): number
            for name, engine in engines.items()
            for kind, number in engine["failures"].items()
        },
    )


def _edge(found: View) -> Iterator[Metric]:
    servers = found["servers"]
    yield from parts(
        lambda: GaugeMetricFamily(
            "amiproxy_fleet_server_state", "1 for the current state", labels=["server", "state"]
        ),
        (((row["server"], state), float(row["state"] == state)) for row in servers for state in _STATES),
    )
    yield _gauge(
        "amiproxy_fleet_lag_seconds",
        "How much later than usual the events of the agent arrive",
        ["server"],
        [((row["server"],), row["lag_ms"] / 1000) for row in servers if row["lag_ms"] is not None],
    )
    yield _gauge(
        "amiproxy_fleet_agents",
        "Agents that the configuration names for this server",
        ["server"],
        [((row["server"],), len(row["agents"])) for row in servers],
    )
    yield _gauge(
        "amiproxy_fleet_agents_up",
        "Agents of this server that have said lately that they are connected to it",
        ["server"],
        [((row["server"],), sum(map(_is_up, row["agents"]))) for row in servers],
    )
    yield from parts(
        lambda: GaugeMetricFamily(
            "amiproxy_fleet_rights_differ",
            "1 while this agent has other users or rights than this edge",
            labels=["server", "agent"],
        ),
        (
            ((row["server"], one["agent"]), float(one["rights"] == "differs"))
            for row in servers
            for one in row["agents"]
        ),
    )
    yield from _counted(_RECEIVED, servers)
    actions = found["actions"]
    yield CounterMetricFamily("amiproxy_fleet_actions_sent", "Actions sent to agents", actions["sent"])
    yield from counters(
        "amiproxy_fleet_actions",
        "Actions for agents that have ended, by outcome",
        ["outcome"],
        {outcome: actions[outcome] for outcome in _OUTCOMES},
    )
    yield GaugeMetricFamily(
        "amiproxy_fleet_actions_pending", "Actions that agents have not answered yet", actions["pending"]
    )


def _is_up(agent: View) -> bool:
    # Its state is what it has said last, however long ago.
    age = agent["beat_age"]
    return agent["state"] == "up" and age is not None and age <= GONE_AFTER


def _agent(found: View) -> Iterator[Metric]:
    edges = found["edges"]
    yield from _counted(_PUBLISHED, found["servers"])
    yield from counters(
        "amiproxy_fleet_edge_actions",
        "Actions of users that this edge has sent and this agent has accepted",
        ["edge"],
        {row["edge"]: row["actions"] for row in edges},
    )
    yield from counters(
        "amiproxy_fleet_edge_queries",
        "Lists that this edge has asked for itself, and that all its clients share",
        ["edge"],
        {row["edge"]: row["own"] for row in edges},
    )
    yield from counters(
        "amiproxy_fleet_edge_refusals",
        "Requests of this edge that the agent has refused, and not executed",
        ["edge", "reason"],
        {(row["edge"], reason): number for row in edges for reason, number in row["refused"].items()},
    )
    yield _gauge(
        "amiproxy_fleet_edge_last_action_seconds",
        "When the last action of this edge was accepted",
        ["edge"],
        [((row["edge"],), row["last"]) for row in edges if row["last"] is not None],
    )


def _counted(table: Sequence[tuple[str, str, str]], servers: Sequence[View]) -> Iterator[Metric]:
    for name, text, key in table:
        yield from counters(name, text, ["server"], {row["server"]: row[key] for row in servers})


def _gauge(
    name: str, text: str, labels: Sequence[str], rows: Sequence[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(list(values), value)
    return family
