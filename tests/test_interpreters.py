"""The Pythons on which CI tests, and the virtual environment for the chosen one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interpreters import at_hand, newest, version_of

ROOT = Path(__file__).parents[1]


def pretender(file: Path, version: str, status: int = 0) -> Path:
    """A program that answers as an interpreter of this version does."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\necho {version}\nexit {status}\n")
    file.chmod(0o755)
    return file


def test_the_running_interpreter_knows_its_version() -> None:
    assert version_of(Path(sys.executable)) == sys.version_info[:3]


def test_a_program_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    assert version_of(tmp_path / "python3") == ()
    assert version_of(pretender(tmp_path / "python3.12", "3 12 1", status=1)) == ()


def test_the_newest_is_found_by_number(tmp_path: Path) -> None:
    versions = {"a": "3 9 18", "b": "3 12 1", "c": "3 13 0", "d": "3 13 0"}
    pythons = [pretender(tmp_path / name / "python3", version) for name, version in versions.items()]
    assert newest(pythons, (3, 11, 2)) == tmp_path / "c" / "python3"
    assert newest(pythons, (3, 13, 0)) is None
    assert newest([], (3, 11, 2)) is None


def test_all_available_interpreters_are_found(tmp_path: Path) -> None:
    wanted = [
        pretender(tmp_path / "bin" / "python3", ""),
        pretender(tmp_path / "bin" / "python3.12", ""),
        pretender(tmp_path / ".pyenv" / "versions" / "3.13.0" / "bin" / "python3", ""),
    ]
    pretender(tmp_path / "bin" / "python3-config", "")
    pretender(tmp_path / "bin" / "python2.7", "")
    assert at_hand({"PATH": f"{tmp_path}/bin:{tmp_path}/gone", "HOME": str(tmp_path)}) == wanted


# -- make setup ------------------------------------------------------------

# Makes a virtual environment out of itself, and accepts everything that pip is asked to install.
INTERPRETER = """\
#!/bin/sh
case "$*" in
*sys.exit*) exit {old} ;;
*base_prefix*) echo "{home} {version}" ;;
*ensurepip*) ;;
*venv*)
  for last; do :; done
  rm -rf "$last" && mkdir -p "$last/bin" && cp "$0" "$last/bin/python" && echo "made {version}" ;;
esac
"""


class Tree:
    """A copy of the Makefile with fake interpreters."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (
            "Makefile",
            "requirements.txt",
            "requirements-tools.txt",
            "requirements-dev.txt",
            "pyproject.toml",
        ):
            shutil.copy(ROOT / name, folder)
        (folder / "bin").mkdir()

    def python(self, name: str, version: str, *, old: bool = False) -> None:
        file = self.folder / "bin" / name
        file.write_text(INTERPRETER.format(old=int(old), home=file, version=version))
        file.chmod(0o755)

    def setup(self, *variables: str) -> str:
        """The result of ``make setup``: the version for which a virtual environment was made, if one was."""
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        done = subprocess.run(
            ["make", "setup", *variables],
            cwd=self.folder,
            env={"PATH": path},
            check=True,
            capture_output=True,
            text=True,
        )
        return next((line for line in done.stdout.splitlines() if line.startswith("made ")), "")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path)
    tree.python("python3", "3.11.7")
    tree.python("other", "3.13.0")
    return tree


def test_setup_is_done_once(tree: Tree) -> None:
    assert tree.setup() == "made 3.11.7"
    assert tree.setup() == ""


def test_another_interpreter_recreates_the_environment_and_is_kept(tree: Tree) -> None:
    assert tree.setup() == "made 3.11.7"
    assert tree.setup("PYTHON=other") == "made 3.13.0"
    assert tree.setup("PYTHON=other") == ""
    assert tree.setup() == "", "the interpreter that made it stays in use"
    assert tree.setup("PYTHON=python3") == "made 3.11.7"


def test_an_upgraded_interpreter_recreates_the_environment(tree: Tree) -> None:
    assert tree.setup() == "made 3.11.7"
    tree.python("python3", "3.13.5")
    assert tree.setup() == "made 3.13.5"
    assert tree.setup() == ""


def test_a_second_environment_is_independent(tree: Tree) -> None:
    assert tree.setup() == "made 3.11.7"
    assert tree.setup("PYTHON=other", "VENV=.venv-newest") == "made 3.13.0"
    assert tree.setup() == ""
    assert tree.setup("PYTHON=other", "VENV=.venv-newest") == ""


def test_an_interpreter_that_is_too_old_is_skipped(tree: Tree) -> None:
    tree.python("python3", "3.9.2", old=True)
    # No interpreter of this machine may be found before it.
    makefile = tree.folder / "Makefile"
    makefile.write_text(makefile.read_text().replace(" /usr/bin/python3 python3.14 ", " other "))
    assert tree.setup() == "made 3.13.0"
