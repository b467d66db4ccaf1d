"""The section ``fleet`` of proxy.yaml, for each process of a fleet."""

from collections.abc import Iterator
from typing import Any

from amiproxy.config.reading.document import dump
from amiproxy.tools.fleet.plan import FleetPlan, PlannedEdge


def section(plan: FleetPlan, name: str) -> str:
    """The section for this process, as text for its proxy.yaml."""
    return "\n".join((*_head(plan, name), dump({"fleet": _values(plan, name)})))


def _head(plan: FleetPlan, name: str) -> Iterator[str]:
    is_edge = name in plan.edges
    yield f"# The section for proxy.yaml of {name}, made by: ami-proxy fleet config"
    yield f"# Files to copy there: {name}.seed and token.key (secret), and ca.pem of the nats-servers."
    if is_edge:
        yield "# An edge has no upstream: in its proxy.yaml.  Its users name these servers in users.yaml."
    elif len(plan.agents[name]) == 1:
        yield "# server: is for a proxy.yaml with upstream:.  With servers:, remove it, and use its name."
    else:
        yield f"# Its proxy.yaml has under servers: {', '.join(plan.agents[name])}."
    if not is_edge and any(not plan.edges[edge].users for edge in plan.edges_at(name)):
        yield "# An edge that is not under edges: follows events only.  To let it act, add for example:"
        yield "#   edge1: {users: [wallboard], read: [call, agent, system], write: [originate]}"


def _values(plan: FleetPlan, name: str) -> dict[str, Any]:
    values: dict[str, Any] = {
        "role": "edge" if name in plan.edges else "agent",
        "name": name,
        "engines": [str(engine) for engine in plan.engines],
        "ca": f"{plan.folder}/ca.pem",
        "seed_file": f"{plan.folder}/{name}.seed",
        "token_key_file": f"{plan.folder}/token.key",
        "prefix": plan.prefix,
    }
    if name in plan.edges:
        values["servers"] = {one: {"agents": list(plan.servers[one].agents)} for one in plan.servers_of(name)}
        return values
    if len(plan.agents[name]) == 1:
        values["server"] = plan.agents[name][0]
    edges = {edge: _ceiling(plan.edges[edge]) for edge in plan.edges_at(name) if plan.edges[edge].users}
    return {**values, "edges": edges} if edges else values


def _ceiling(edge: PlannedEdge) -> dict[str, Any]:
    given = {"users": edge.users, "read": edge.read, "write": edge.write}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in given.items() if value}
