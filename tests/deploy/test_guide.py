"""The guide explains every event in the log and every exit status."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
GUIDE = (TOP / "deploy/README.md").read_text()
#: Functions that take the name of an event, and which of their arguments it is.
#: Calls that log, and the position of the event; ``__init__`` is that of a subclass of SideServer.
_SAYING = {"say": 1, "say_of": 1, "exception": 0, "_tell_finding": 1, "SideServer": 0, "__init__": 0}


def said() -> Iterator[tuple[str, str]]:
    """Every event that the program logs, and in which file."""
    for file in sorted((TOP / "proxy").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            place = _SAYING.get(name)
            if place is None or len(node.args) <= place:
                continue
            for event in _texts(node.args[place]):
                yield event, f"{file.relative_to(TOP)}:{node.lineno}"


def _texts(node: ast.expr) -> list[str]:
    return [
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant)
        and isinstance(part.value, str)
        and re.fullmatch(r"[a-z]+(-[a-z]+)*", part.value)
    ]


def test_the_guide_lists_exactly_the_logged_events() -> None:
    table = GUIDE.partition("| event | level | means |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    explained = {name for row in rows for name in re.findall(r"`([a-z-]+)`", row)}
    logged: dict[str, str] = {}
    for event, where in said():
        logged.setdefault(event, where)
    assert len(logged) > 30, "the search finds nothing any more"
    missing = {event: where for event, where in logged.items() if event not in explained}
    assert not missing
    assert not explained - set(logged)


def test_the_guide_explains_every_reason_for_closing_a_session() -> None:
    reasons = {
        reason
        for file in (TOP / "proxy/amiproxy/core").rglob("*.py")
        for reason in re.findall(r'(?<!side)\.close\("([^"]+)"', file.read_text())
    }
    assert len(reasons) > 8
    listed = GUIDE.partition("Reasons of `session-close`")[2].partition("\n\n")[0]
    assert {reason for reason in reasons if f"`{reason}`" not in listed.replace("\n", " ")} == set()


@pytest.mark.parametrize("status", ["0", "1", "2", "3", "70"])
def test_the_guide_explains_every_exit_status(status: str) -> None:
    table = GUIDE.partition("## Exit status")[2].partition("\n## ")[0]
    assert re.search(rf"^\| {status} \|", table, re.MULTILINE)
