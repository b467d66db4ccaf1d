"""The pages for contributors: what they name exists, and the diagram of states is that of the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = {
    name: (ROOT / name).read_text()
    for name in ("CONTRIBUTING.md", "proxy/ARCHITECTURE.md", "proxy/ami-facts.md")
}
SOURCE = ROOT / "proxy/amiproxy"

_TOP_LEVEL = r"proxy|tests|deploy|certs|\.ci|\.github"
#: ``proxy/amiproxy/core/fanout/hub.py``, ``deploy/``, ``tests/x.py::test_y`` or ``Makefile``, in backticks.
_PATH = re.compile(rf"`((?:{_TOP_LEVEL})/[\w./-]*|[A-Z]+\.md|pyproject\.toml|setup\.py|\.ci/run)(?:::\w+)?`")
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
#: ``Class.method``, and ``module.function()``.
_METHOD = re.compile(r"`([A-Z]+[a-z]\w*)\.(\w+)(?:\(\))?`")
_FUNCTION = re.compile(r"`([a-z_]+)\.(\w+)\(\)`")
#: In the diagram: ``FROM --> TO: function()``.
_ARROW = re.compile(r"^ +(\w+|\[\*\]) --> (\w+): ([\w.]+)\(\)$", re.MULTILINE)

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def place_of(path: str) -> Path:
    """Where a path of the pages is."""
    inside = path.removeprefix("proxy/amiproxy/")
    return SOURCE / inside if inside != path else ROOT / path


def module_of(file: Path) -> str:
    return file.parent.name if file.name == "__init__.py" else file.stem


def _functions() -> Iterator[tuple[str, _Function]]:
    for file in SOURCE.rglob("*.py"):
        tree = ast.parse(file.read_text())
        for owner, nodes in [
            (module_of(file), tree.body),
            *((node.name, node.body) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)),
        ]:
            yield from ((f"{owner}.{node.name}", node) for node in nodes if isinstance(node, _Function))


@pytest.fixture(scope="module")
def functions() -> list[tuple[str, _Function]]:
    """Every function of the source by ``module.function``, every method by ``Class.method``."""
    return list(_functions())


def states_assigned(function: ast.AST) -> set[str]:
    """The states of a session that the function assigns: ``….state = State.NAME``."""
    return {
        node.value.attr
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Attribute)
        and getattr(node.value.value, "id", "") == "State"
        and getattr(node.targets[0], "attr", "") == "state"
    }


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    named = {path: place_of(path) for path in _PATH.findall(PAGES[page])}
    named |= {link: (ROOT / page).parent / link for link in _LINK.findall(PAGES[page])}
    assert named
    assert [path for path, place in named.items() if not place.exists()] == []


def test_every_function_that_a_page_names_exists(functions: list[tuple[str, _Function]]) -> None:
    known = {name for name, _ in functions}
    named = {
        f"{owner}.{name}"
        for page in PAGES.values()
        for owner, name in (*_METHOD.findall(page), *_FUNCTION.findall(page))
    }
    assert len(named) > 30
    assert named - known == set()


def test_the_diagram_has_each_state_and_each_function_that_assigns_it(
    functions: list[tuple[str, _Function]],
) -> None:
    tree = ast.parse((SOURCE / "core/model/state.py").read_text())
    [state] = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "State"]
    members = {
        target.id
        for node in state.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    arrows = _ARROW.findall(PAGES["proxy/ARCHITECTURE.md"])
    assert {name for before, after, _ in arrows for name in (before, after)} - {"[*]"} == members
    assigned = {(name, after) for name, node in functions for after in states_assigned(node)}
    assert {(name, after) for _, after, name in arrows} == assigned


def test_references_in_the_source_are_to_sections_that_exist() -> None:
    sections = set(re.findall(r"^##+ (\d+(?:\.\d+)?)\.? ", PAGES["proxy/ami-facts.md"], re.MULTILINE))
    for file in (*SOURCE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")):
        for reference in re.findall(r"ami-facts\.md((?:[\s,#:]+(?:and )?§\d+(?:\.\d+)?)+)", file.read_text()):
            cited = set(re.findall(r"§(\d+(?:\.\d+)?)", reference))
            assert cited <= sections, f"{file}: {cited - sections}"
