"""Packages for node, installed with the machine's own npm from a lock file."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from tests.asterisk.lab.cache import Unavailable, cache_home, kept

CLIENTS = Path(__file__).parents[1] / "clients"
_LOCK = "package-lock.json"


def node_path() -> Path:
    """The directory to name in NODE_PATH, with the packages that the clients need; see ``packages``."""
    return packages(CLIENTS)


def packages(folder: Path) -> Path:
    """The ``node_modules`` with what the package.json and the lock file in a folder name.

    Raises Unavailable without node, npm or a registry that npm can reach.
    """
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise Unavailable(f"{tool} is not installed: apt-get install nodejs npm")
    locked = (folder / _LOCK).read_bytes()
    home = cache_home() / f"node-{hashlib.sha256(locked).hexdigest()[:12]}"
    kept(home, lambda growing: _install(folder, growing))
    return home / "node_modules"


def _install(folder: Path, home: Path) -> None:
    home.mkdir()
    for name in ("package.json", _LOCK):
        shutil.copy(folder / name, home)
    npm = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=home,
        check=False,
        capture_output=True,
        text=True,
    )
    if npm.returncode:
        raise Unavailable(f"npm ci failed: {npm.stderr[-500:]}")
