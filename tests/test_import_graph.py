"""The import graph of the source has no circle at any level, and no arrow upwards in the declared order.

Read from the sources, with the imports that only the type checker sees.  A level is a package and what lies
directly in it.  ``pytest -s tests/test_import_graph.py`` prints the graph of the packages that have packages.
"""

import ast
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "proxy"
#: The packages that are printed; those below them have mostly modules.
PRINTED = ("amiproxy", "amiproxy.core", "amiproxy.net", "amiproxy.tools")

Graph = dict[str, set[str]]


def _modules() -> dict[str, Path]:
    """All modules by their dotted name; a package is its ``__init__``."""
    names = {}
    for file in sorted((SOURCE / "amiproxy").rglob("*.py")):
        name = str(file.relative_to(SOURCE).with_suffix("")).replace("/", ".")
        names[name.removesuffix(".__init__")] = file
    return names


def imports_of(source: str, modules: Iterable[str]) -> set[str]:
    """The modules of ours that a source imports, wherever in it; ``from a import b`` may mean ``a.b``."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, "relative imports are not used here"
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            found.update(named & set(modules) or {node.module})
            if named - set(modules):
                found.add(node.module)
    return found & set(modules)


def graph_of(modules: Mapping[str, Path]) -> Graph:
    return {name: imports_of(file.read_text(), modules) - {name} for name, file in modules.items()}


def level_of(graph: Graph, package: str) -> Graph:
    """The graph of what lies directly in a package; an arrow stands for all imports below both ends."""
    depth = package.count(".") + 2
    found: Graph = {}
    for importer, imported in graph.items():
        if not importer.startswith(f"{package}."):
            continue
        part = ".".join(importer.split(".")[:depth])
        ends = {".".join(name.split(".")[:depth]) for name in imported if name.startswith(f"{package}.")}
        found.setdefault(part, set()).update(ends - {part})
    return found


def circle_in(graph: Graph) -> list[str]:
    """The members of one circle, in order; empty if there is none."""
    done: set[str] = set()
    path: list[str] = []

    def visit(name: str) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        if name in done:
            return []
        path.append(name)
        for after in sorted(graph.get(name, ())):
            if circle := visit(after):
                return circle
        path.pop()
        done.add(name)
        return []

    return next(filter(None, map(visit, sorted(graph))), [])


def layers() -> dict[str, list[set[str]]]:
    """The declared orders, by package: the highest first; what stands in one place must be independent."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    orders = {}
    for contract in contracts:
        if contract["type"] == "layers":
            order = [{name.strip() for name in layer.split("|")} for layer in contract["layers"]]
            [package] = {name.rpartition(".")[0] for layer in order for name in layer}
            orders[package] = order
    return orders


def upward(graph: Graph, order: list[set[str]]) -> list[str]:
    place = {name: number for number, layer in enumerate(order) for name in layer}
    return [
        f"{before} -> {after}"
        for before, ends in sorted(graph.items())
        for after in sorted(ends)
        if before in place and after in place and place[after] <= place[before]
    ]


def shown(graph: Graph) -> str:
    """One line for each end, the highest first."""
    lines, left = [], dict(graph)
    while left:
        top = sorted(left.keys() - set().union(*left.values())) or sorted(left)
        for name in top:
            ends = " ".join(sorted(end.rpartition(".")[2] for end in left.pop(name)))
            lines.append(f"  {name.rpartition('.')[2]:12} -> {ends or '-'}")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return graph_of(_modules())


@pytest.mark.parametrize("package", PRINTED)
def test_the_graph_is_printed(graph: Graph, package: str) -> None:
    level = level_of(graph, package)
    assert level
    print(f"\n{package}\n{shown(level)}")  # noqa: T201


def test_no_modules_import_each_other_in_a_circle(graph: Graph) -> None:
    assert circle_in(graph) == []


def test_no_parts_of_a_package_import_each_other_in_a_circle(graph: Graph) -> None:
    packages = {name for name, file in _modules().items() if file.name == "__init__.py"}
    circles = {package: circle_in(level_of(graph, package)) for package in packages}
    assert {package: circle for package, circle in circles.items() if circle} == {}


@pytest.mark.parametrize("package", ["amiproxy", "amiproxy.core", "amiproxy.net"])
def test_no_module_imports_from_a_higher_level(graph: Graph, package: str) -> None:
    assert upward(level_of(graph, package), layers()[package]) == []


@pytest.mark.parametrize("package", ["amiproxy.core", "amiproxy.net"])
def test_the_declared_order_lists_every_part(graph: Graph, package: str) -> None:
    assert set().union(*layers()[package]) == set(level_of(graph, package))


class TestReading:
    MODULES = ("a", "a.b", "a.b.c")

    @pytest.mark.parametrize(
        ("source", "imported"),
        [
            ("import a.b", {"a.b"}),
            ("from a import b", {"a.b"}),
            ("from a import b, x", {"a", "a.b"}),
            ("from a.b import x", {"a.b"}),
            ("def f():\n    from a.b import c", {"a.b.c"}),
            ("if TYPE_CHECKING:\n    from a.b.c import X", {"a.b.c"}),
            ("import os", set()),
        ],
    )
    def test_imports_of_the_proxys_modules_are_found(self, source: str, imported: set[str]) -> None:
        assert imports_of(source, self.MODULES) == imported

    def test_a_circle_is_detected(self) -> None:
        assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["b", "c"]
        assert circle_in({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []

    def test_an_import_from_a_higher_level_is_detected(self) -> None:
        order = [{"top"}, {"left", "right"}, {"low"}]
        assert upward({"top": {"low"}, "left": {"low"}, "low": set()}, order) == []
        assert upward({"low": {"top"}, "left": {"right"}}, order) == ["left -> right", "low -> top"]

    def test_a_level_has_an_edge_for_each_import_between_its_parts(self) -> None:
        graph = {"a.b.c": {"a.d.e", "a.b.f"}, "a.d.e": set(), "a.b.f": {"a"}}
        assert level_of(graph, "a") == {"a.b": {"a.d"}, "a.d": set()}
