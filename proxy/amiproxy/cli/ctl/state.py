"""``ctl state``: what is kept of the past and the present of each server."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType

from amiproxy.cli.ctl.cells import cells, facts, moment, plain_table, size, span
from amiproxy.counted import count
from amiproxy.tools.terminal import Column, Paragraph, Table

View = Mapping[str, Any]

_NOTHING = "nothing: no user of users.yaml has history: true or upstream_lost: repair"


def history(result: View) -> RenderableType:
    """The only server, or a row for each."""
    if "servers" not in result:
        return server(result)
    table = Table(
        (
            Column("server"),
            Column("events", right=True),
            Column("bytes", right=True, rank=5),
            Column("oldest", right=True, rank=4),
            Column("kinds", rank=1),
            Column("snapshots", right=True, rank=2),
            Column("resumes", right=True),
            Column("gaps", right=True, rank=3),
        )
    )
    for row in result["servers"]:
        journal = row["journal"]
        past = ("-", "-", "-") if journal is None else _past(journal)
        table.add_row(
            *cells(
                row["server"],
                *past,
                _known(row["kinds"]),
                sum(number for name, number in row["snapshots"].items() if name != "shared"),
                row["resumes"]["resumed"],
                row["resumes"]["gap"],
            )
        )
    return Group(table, "", Paragraph(count(len(result["servers"]), "server")))


def server(result: View) -> RenderableType:
    """One server, with its kinds."""
    rows = [
        *((("server", result["server"]),) if "server" in result else ()),
        ("keeps", "\n".join(_kept(result)) or _NOTHING),
        *_gave(result),
    ]
    if result["kinds"] is None:
        return facts(rows)
    table = plain_table("kind", "state", ">items", ">last lists", ">lists", ">failed", ">drift")
    for kind in result["kinds"]:
        seeded = kind["seeded"]
        table.add_row(
            *cells(
                kind["kind"],
                kind["state"] + (f" ({kind['reason']})" if kind["reason"] else ""),
                kind["items"] if _is_known(kind) else "-",
                "-" if seeded is None else f"{span(seeded)} ago",
                kind["seeds"],
                kind["failures"],
                kind["drift"],
            )
        )
    return Group(facts(rows), "", table)


def _past(journal: View) -> tuple[str, str, str]:
    return str(journal["events"]), size(journal["bytes"]), span(journal["age"])


def _known(kinds: Any) -> str:
    if kinds is None:
        return "-"
    return f"{sum(map(_is_known, kinds))} of {len(kinds)} known"


def _is_known(kind: View) -> bool:
    return kind["state"] in ("ready", "settling")


def _kept(result: View) -> Iterator[str]:
    journal = result["journal"]
    if journal is not None:
        events, held, age = _past(journal)
        most = f"{size(journal['most_bytes'])} and {span(journal['most_seconds'])}"
        yield f"{events} events, {held}, the oldest {age} old; at most {most}"
        yield f"since {moment(journal['began'])}, without a gap"
    if result["kinds"] is not None:
        yield f"what exists now: {_known(result['kinds'])}"


def _gave(result: View) -> Iterator[tuple[str, str]]:
    snapshots, resumes = result["snapshots"], result["resumes"]
    outcomes = ", ".join(f"{snapshots[name]} {name}" for name in ("complete", "partial", "failed"))
    yield "snapshots", f"{outcomes}; {snapshots['shared']} of them shared"
    yield (
        "resumes",
        f"{resumes['resumed']} resumed, {resumes['gap']} with a gap, {resumes['overtaken']} overtaken",
    )
    replayed = count(result["replayed"], "event")
    yield "replayed", f"{replayed}, {count(result['catching_up'], 'session')} catching up now"
    repairs = result["repairs"]
    if any(repairs.values()):
        sessions = count(repairs["repaired"], "session")
        yield (
            "repairs",
            f"{sessions} brought up to date after lost links, {repairs['given up']} closed instead",
        )
