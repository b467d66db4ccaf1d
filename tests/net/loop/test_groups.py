"""Exception groups: the first exception is found, and no code raises where it would stay wrapped."""

import ast
from pathlib import Path

import pytest

from amiproxy.net.loop.groups import first_of

ROOT = Path(__file__).parents[3]
SOURCES = sorted(file for folder in ("proxy", "tests") for file in (ROOT / folder).rglob("*.py"))


def test_first_of_returns_the_first_exception_of_nested_groups() -> None:
    first, second = ValueError(1), OSError(2)
    assert first_of(ExceptionGroup("", [first, second])) is first
    assert first_of(ExceptionGroup("", [ExceptionGroup("", [ExceptionGroup("", [second])]), first])) is second
    leaving = KeyboardInterrupt()
    assert first_of(BaseExceptionGroup("", [leaving])) is leaving


def raised_inside(source: str) -> list[int]:
    """The lines that raise inside ``except*``, which CPython 3.11.0 to 3.11.3 wrap in a group."""
    return [
        inner.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.TryStar)
        for handler in node.handlers
        for inner in ast.walk(handler)
        if isinstance(inner, ast.Raise)
    ]


@pytest.mark.parametrize(
    ("handler", "found"),
    [("raise KeyError", [4]), ("raise", [4]), ("if error: raise error", [4]), ("kept = error", [])],
)
def test_a_raise_inside_except_star_is_found(handler: str, found: list[int]) -> None:
    assert raised_inside(f"try:\n    f()\nexcept* OSError as error:\n    {handler}\nraise KeyError") == found


def test_no_module_raises_inside_except_star() -> None:
    assert len(SOURCES) > 300
    places = {
        f"{file.relative_to(ROOT)}:{line}"
        for file in SOURCES
        for line in raised_inside(file.read_text("utf-8"))
    }
    assert places == set()
