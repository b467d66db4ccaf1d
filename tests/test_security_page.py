"""SECURITY.md and the list of failures name existing tests: a renamed test breaks this."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[^`]+)`")
PAGES = {name: ROW.findall((ROOT / name).read_text()) for name in ("SECURITY.md", "tests/faults/README.md")}


def defined(file: Path) -> set[str]:
    """Every test in it, as ``function`` or ``Class::function``."""
    tree = ast.parse(file.read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = {node.name for node in tree.body if isinstance(node, functions)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{item.name}" for item in node.body if isinstance(item, functions)}
    return {name for name in found if name.rpartition("::")[2].startswith("test")}


@pytest.mark.parametrize("rows", PAGES.values(), ids=PAGES)
def test_rows_are_numbered_consecutively(rows: list[tuple[str, str, str]]) -> None:
    assert len(rows) > 20
    assert [int(number) for number, _, _ in rows] == list(range(1, len(rows) + 1))


@pytest.mark.parametrize(
    ("what", "proofs"),
    [row[1:] for rows in PAGES.values() for row in rows],
    ids=[f"{page}-{row[0]}" for page, rows in PAGES.items() for row in rows],
)
def test_each_row_names_existing_tests(what: str, proofs: str) -> None:
    named = TEST.findall(proofs)
    assert named, what
    assert not TEST.sub("", proofs).strip(), "nothing but tests stands there"
    for node in named:
        path, _, name = node.partition("::")
        assert (ROOT / path).is_file(), node
        assert name in defined(ROOT / path), node


@pytest.mark.parametrize("page", ["deploy/high-availability.md"])
def test_other_pages_name_existing_tests(page: str) -> None:
    named = TEST.findall((ROOT / page).read_text())
    assert named
    for node in named:
        path, _, name = node.partition("::")
        assert (ROOT / path).is_file(), node
        assert not name or name in defined(ROOT / path), node
