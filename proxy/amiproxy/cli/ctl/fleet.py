"""``ctl fleet``: the engines, servers, agents and edges of a fleet, as this process sees them."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType

from amiproxy.cli.ctl.cells import cells, facts, moment, plain_table, size, span
from amiproxy.counted import count
from amiproxy.tools.terminal import Column, Paragraph, Table

View = Mapping[str, Any]

#: Seconds without a beat after which an agent is not heard any more; as in ``amiproxy.core.fleet.agentview``,
#: which is not imported here because of all that it loads.
_SILENT = 3.5
#: How many users of an edge are named.
_FEW = 4
_NONE = "This proxy is not part of a fleet, because its proxy.yaml has no section fleet."


def fleet(result: View) -> RenderableType:
    """An edge, an agent, or a sentence if the proxy is neither."""
    if result["role"] is None:
        return Paragraph(_NONE)
    rows = [
        (result["role"], f"{result['name']}, subjects {result['prefix']}.v1"),
        *((name, _engine(engine)) for name, engine in result["engines"].items()),
    ]
    if result["role"] == "edge":
        return Group(facts([*rows, ("requests", _sent(result["actions"]))]), _edge(result))
    return Group(facts(rows), _agent(result))


def standing(result: View | None) -> Iterator[tuple[str, str]]:
    """The row of ``ctl status``; none for a proxy that is not part of a fleet."""
    if result is not None:
        engines = "; ".join(f"{name} {_state(engine)}" for name, engine in result["engines"].items())
        yield "fleet", f"{result['role']} {result['name']}; {engines}"


def _state(row: View) -> str:
    return f"{row['state']} ({row['reason']})" if row["reason"] else f"{row['state']}"


def _engine(engine: View) -> str:
    known = [
        engine["server"],
        f"version {engine['version']}" if engine["version"] else "",
        "" if engine["rtt_ms"] is None else f"{engine['rtt_ms']:.1f} ms",
        engine["reason"],
    ]
    told = ", ".join(filter(None, known))
    # In brackets, so that the state before them has its colour.
    state = f"{engine['state']} ({told})" if told else f"{engine['state']}"
    return f"{state}\nsince {moment(engine['since'])}, connected {count(engine['connects'], 'time')}"


def _sent(actions: View) -> str:
    return (
        f"{actions['sent']} sent: {actions['answered']} answered, {actions['refused']} refused, "
        f"{actions['unknown']} with unknown outcome, {actions['pending']} pending; "
        f"{actions['not_connected']} reached no agent"
    )


def _edge(result: View) -> RenderableType:
    table = Table(
        (
            Column("server"),
            Column("follows"),
            Column("state"),
            Column("lag", right=True),
            Column("events", right=True, rank=5),
            Column("size", right=True, rank=6),
            Column("gaps", right=True, rank=4),
            Column("repaired", right=True, rank=3),
            Column("snapshots", right=True, rank=1),
            Column("changes", right=True, rank=2),
        )
    )
    agents = Table(
        (
            Column("server"),
            Column("agent"),
            Column("state"),
            Column("last beat", right=True),
            Column("rights"),
            Column("software", rank=1),
        )
    )
    for row in result["servers"]:
        table.add_row(
            *cells(
                row["server"],
                row["agent"] or "-",
                "repairing" if row["repairing"] and not row["reason"] else _state(row),
                "-" if row["lag_ms"] is None else f"{row['lag_ms']:.0f} ms",
                row["events"],
                size(row["bytes"]),
                row["gaps"],
                row["repaired"],
                row["snapshots"],
                row["changes"],
            )
        )
        for agent in row["agents"]:
            age = agent["beat_age"]
            agents.add_row(
                *cells(
                    row["server"],
                    agent["agent"],
                    "silent" if age is not None and age > _SILENT else agent["state"],
                    "-" if age is None else f"{span(age)} ago" if age >= 10 else f"{age:.1f} s ago",
                    agent["rights"],
                    agent["software"] or "-",
                )
            )
    return Group("", table, "", agents, "", Paragraph(count(len(result["servers"]), "server")))


def _agent(result: View) -> RenderableType:
    servers = plain_table("server", ">events", ">messages", ">size", ">replays", ">not held", ">position")
    for row in result["servers"]:
        counts = (row["events"], row["messages"], size(row["bytes"]), row["replays"], row["gone"])
        servers.add_row(*cells(row["server"], *counts, row["position"]))
    edges = Table(
        (
            Column("edge"),
            Column("users"),
            Column("actions", right=True),
            Column("own", right=True, rank=2),
            Column("refused", right=True),
            Column("last action", rank=1),
        )
    )
    notes = []
    for row in result["edges"]:
        refused = {reason: number for reason, number in row["refused"].items() if number}
        edges.add_row(
            *cells(
                row["edge"],
                _users(row["users"]),
                row["actions"],
                row["own"],
                sum(refused.values()),
                "-" if row["last"] is None else moment(row["last"]),
            )
        )
        if refused:
            told = ", ".join(f"{number} {reason}" for reason, number in refused.items())
            notes.append(Paragraph(f"refused to {row['edge']}: {told}", indent=4))
    return Group("", servers, "", edges, "", Paragraph(count(len(result["edges"]), "edge")), *notes)


def _users(names: list[str] | None) -> str:
    if names is None:
        return "all"
    return ", ".join(names) if len(names) <= _FEW else count(len(names), "user")
