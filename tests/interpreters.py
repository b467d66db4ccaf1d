"""The other Python on which CI tests: ``python -m tests.interpreters`` prints it, or nothing.

All tests run on one Python, the system's own.  Those that need no socket and no
process also run on the newest one available, if it is newer than the one that runs this.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

_NAME = re.compile(r"python3(?:\.\d+)?")
# A virtual environment takes ensurepip, which Debian has in another package.
_ASK = """
import ensurepip, ssl, sys
if sys.version_info.releaselevel == "final":
    print(*sys.version_info[:3])
"""

Version = tuple[int, ...]


def version_of(python: Path) -> Version:
    """The version of an interpreter that can make a virtual environment; empty if it cannot."""
    try:
        done = subprocess.run([python, "-c", _ASK], check=False, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(map(int, done.stdout.split())) if done.returncode == 0 else ()


def newest(candidates: Iterable[Path], than: Version) -> Path | None:
    """The newest of these that is newer; of several equally new ones, the first."""
    known = {python: version_of(python) for python in candidates}
    found = max(known, key=known.__getitem__, default=None)
    return found if found is not None and known[found] > than else None


def at_hand(environment: Mapping[str, str]) -> list[Path]:
    """Every Python of the search path, and of pyenv, whose own commands may lead to none."""
    folders = [Path(folder) for folder in environment.get("PATH", "").split(os.pathsep) if folder]
    pyenv = Path(environment.get("PYENV_ROOT") or Path(environment.get("HOME", "/"), ".pyenv"))
    folders += sorted(pyenv.glob("versions/*/bin"))
    return [
        file for folder in folders for file in sorted(folder.glob("python3*")) if _NAME.fullmatch(file.name)
    ]


if __name__ == "__main__":
    sys.stdout.write(f"{newest(at_hand(os.environ), sys.version_info[:3]) or ''}\n")
