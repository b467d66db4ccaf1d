"""The pages for contributors: everything they name and link to exists; the diagram agrees with the code."""

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from amiproxy.core.model import state
from amiproxy.core.model.state import TRANSITIONS, Transition

ROOT = Path(__file__).parents[1]
PAGES = {
    name: (ROOT / name).read_text()
    for name in ("CONTRIBUTING.md", "proxy/ARCHITECTURE.md", "proxy/ami-facts.md")
}
#: The pages whose links to headings are checked: those of ``PAGES`` and those for operators.
LINKING = sorted(
    {
        *PAGES,
        "README.md",
        "SECURITY.md",
        *(str(file.relative_to(ROOT)) for file in (ROOT / "deploy").glob("*.md")),
    }
    | {"certs/README.md"}
)
SOURCE = ROOT / "proxy/amiproxy"

_TOP_LEVEL = r"proxy|tests|deploy|certs|\.ci|\.github"
#: ``proxy/amiproxy/core/hub.py``, ``deploy/``, ``tests/x.py::test_y`` or ``Makefile``, in backticks.
_PATH = re.compile(rf"`((?:{_TOP_LEVEL})/[\w./-]*|[A-Z]+\.md|pyproject\.toml|setup\.py|\.ci/run)(?:::\w+)?`")
#: ``](page.md#heading)`` with or without the page or the heading; links to other sites have a colon.
_LINK = re.compile(r"\]\(([^)#:]*)(?:#([^):]*))?\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
#: ``Class.method``, and ``module.function()``.
_METHOD = re.compile(r"`([A-Z]+[a-z]\w*)\.(\w+)(?:\(\))?`")
_FUNCTION = re.compile(r"`([a-z_]+)\.(\w+)\(\)`")
#: In the diagram: ``FROM --> TO: function()``.
_ARROW = re.compile(r"^ +(\w+) --> (\w+): ([\w ]+), ([\w.]+)\(\)$", re.MULTILINE)

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def place_of(path: str) -> Path:
    """The place of a path that a page names."""
    inside = path.removeprefix("proxy/amiproxy/")
    return SOURCE / inside if inside != path else ROOT / path


def anchors_of(page: str) -> set[str]:
    """The anchors that GitHub makes of the headings of a page: a repeated one gets ``-1``, ``-2`` … ."""
    anchors: set[str] = set()
    for heading in _HEADING.findall(_CODE_BLOCK.sub("", page)):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        candidates = itertools.chain([anchor], (f"{anchor}-{number}" for number in itertools.count(1)))
        anchors.add(next(candidate for candidate in candidates if candidate not in anchors))
    return anchors


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


def transitions_taken(function: ast.AST) -> set[str]:
    """The names in the table of the transitions that the function takes: ``….move(NAME)``."""
    return {
        node.args[0].id
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "move"
        if len(node.args) == 1 and isinstance(node.args[0], ast.Name)
    }


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    named = {path: place_of(path) for path in _PATH.findall(PAGES[page])}
    named |= {link: (ROOT / page).parent / link for link, _ in _LINK.findall(PAGES[page]) if link}
    assert named
    assert [path for path, place in named.items() if not place.exists()] == []


@pytest.mark.parametrize("page", LINKING)
def test_every_anchor_that_a_page_links_to_exists(page: str) -> None:
    file = ROOT / page
    targets = {
        (link, anchor): file.parent / link if link else file
        for link, anchor in _LINK.findall(_CODE_BLOCK.sub("", file.read_text()))
        if anchor
    }
    assert [
        f"{link}#{anchor}"
        for (link, anchor), target in targets.items()
        if not target.is_file() or anchor not in anchors_of(target.read_text())
    ] == []


def test_anchors_are_computed_as_by_github() -> None:
    page = (
        "# One `two_three`, four-five!\n\n```sh\n# not a heading\n```\n## A / B\n## [Same](x.md)\n## Same\n"
    )
    assert anchors_of(page) == {"one-two_three-four-five", "a--b", "same", "same-1"}


def test_every_function_that_a_page_names_exists(functions: list[tuple[str, _Function]]) -> None:
    known = {name for name, _ in functions}
    named = {
        f"{owner}.{name}"
        for page in PAGES.values()
        for owner, name in (*_METHOD.findall(page), *_FUNCTION.findall(page))
    }
    assert len(named) > 30
    assert named - known == set()


def test_the_diagram_has_each_transition_and_the_functions_that_take_it(
    functions: list[tuple[str, _Function]],
) -> None:
    arrows = _ARROW.findall(PAGES["proxy/ARCHITECTURE.md"])
    assert {(before, after, name) for before, after, name, _ in arrows} == {
        (before.name, step.after.name, step.name) for step in TRANSITIONS for before in step.before
    }
    names = {step: name for name, step in vars(state).items() if isinstance(step, Transition)}
    assert {(name, function) for _, _, name, function in arrows} == {
        (step.name, function)
        for function, node in functions
        for step in TRANSITIONS
        if names[step] in transitions_taken(node)
    }


def test_references_in_the_source_name_existing_sections() -> None:
    sections = set(re.findall(r"^##+ (\d+(?:\.\d+)?)\.? ", PAGES["proxy/ami-facts.md"], re.MULTILINE))
    for file in (*SOURCE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")):
        for reference in re.findall(r"ami-facts\.md((?:[\s,#:]+(?:and )?§\d+(?:\.\d+)?)+)", file.read_text()):
            cited = set(re.findall(r"§(\d+(?:\.\d+)?)", reference))
            assert cited <= sections, f"{file}: {cited - sections}"
