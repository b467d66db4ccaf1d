"""deploy/clients.md names everything that the proxy adds to AMI, and its examples are sound."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.deploy.pages import TOP, blocks
from tests.support.requirements import give_up

PAGE = "deploy/clients.md"
TEXT = (TOP / PAGE).read_text()
#: The module with AstManProxy's actions, which its clients know.
_ASTMANPROXY = "proxyactions.py"
_NAME = re.compile(r"Proxy(?:[A-Z][a-z]+)+")
_WRITTEN = re.compile(rb"Proxy(?:[A-Z][a-z]+)+")


def sent() -> set[str]:
    """The names of actions, events and headers in the bytes that the proxy writes or reads."""
    found: set[str] = set()
    for folder in ("ami", "core"):
        for file in (TOP / "proxy/amiproxy" / folder).rglob("*.py"):
            if file.name == _ASTMANPROXY:
                continue
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
                    found |= {name.decode() for name in _WRITTEN.findall(node.value)}
    return found


def test_the_page_names_all_actions_events_and_headers_of_the_proxy_and_no_others() -> None:
    named = set(_NAME.findall(TEXT))
    assert len(sent()) > 10, "the search finds nothing any more"
    assert sent() - named == set()
    assert named - sent() == set()


def test_the_examples_are_of_a_size_that_people_read() -> None:
    examples = [block for block in blocks(PAGE) if block.place == "client"]
    assert [block.language for block in examples] == ["python", "js"]
    examples += [block for block in blocks(PAGE) if block.info == "js browser"]
    assert len(examples) == 3
    assert all(len(block.text.splitlines()) <= 40 for block in examples)


def test_the_example_in_python_imports_only_the_standard_library_and_passes_the_linter(
    tmp_path: Path,
) -> None:
    [example] = [block.text for block in blocks(PAGE) if block.info == "python client"]
    names = {
        alias.name
        for node in ast.walk(ast.parse(example))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert names <= {"json", "random", "socket", "ssl", "sys", "time"}
    file = tmp_path / "board.py"
    file.write_text(example)
    checks = ["--isolated", "--select", "E9,F,B", "--line-length", "110"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *checks, str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_example_in_javascript_needs_no_package() -> None:
    [example] = [block.text for block in blocks(PAGE) if block.info == "js client"]
    assert set(re.findall(r'require\("([^"]+)"\)', example)) == {"node:fs", "node:tls"}
    node = shutil.which("node")
    if node is None:
        give_up("NODE", "node is not installed")
    done = subprocess.run([node, "--check", "-"], input=example, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
