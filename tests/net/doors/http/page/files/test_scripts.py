"""The tests of the page's scripts, which are scripts themselves, and the types of all of the page's files."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.asterisk.lab.cache import Unavailable
from tests.asterisk.lab.node import packages
from tests.support.page_scripts import FILES, TESTS, run
from tests.support.requirements import give_up

SCRIPTS = sorted(TESTS.rglob("*.test.js"))
#: Lines of a file, and files of a folder.
LINES, PER_FOLDER = 400, 13
TYPES = (
    *("--noEmit", "--checkJs", "--strict", "--allowJs", "--moduleResolution", "node"),
    *("--target", "es2022", "--module", "es2022", "--lib", "es2022,dom,dom.iterable"),
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(TESTS)))
def test_the_tests_of_a_script_pass(script: Path) -> None:
    done = run(script, "--test")
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_scripts_have_right_types() -> None:
    try:
        home = packages(TESTS / "types")
    except Unavailable as missing:
        give_up("NODE", missing)
    scripts = [str(path) for path in sorted(FILES.rglob("*.js"))]
    done = subprocess.run([home / ".bin/tsc", *TYPES, *scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_script_and_no_folder_is_too_large() -> None:
    sizes = {
        path.name: len(path.read_text().splitlines()) for path in FILES.rglob("*") if path.suffix == ".js"
    }
    assert {name: size for name, size in sizes.items() if size > LINES} == {}
    folders = [path for path in (FILES, *FILES.rglob("*")) if path.is_dir()]
    counts = {path.name: sum(one.is_file() for one in path.iterdir()) for path in folders}
    assert {name: count for name, count in counts.items() if count > PER_FOLDER} == {}
