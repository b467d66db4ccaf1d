"""Node and the one package it needs, installed with the machine's own npm from the lock file in clients/."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from tests.asterisk.lab.cache import Unavailable, cache_home, kept

CLIENTS = Path(__file__).parents[1] / "clients"
_LOCK = CLIENTS / "package-lock.json"


def node_path() -> Path:
    """The directory to name in NODE_PATH.

    Raises Unavailable without node, npm or a registry that npm can reach.
    """
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise Unavailable(f"{tool} is not installed: apt-get install nodejs npm")
    home = cache_home() / f"node-{hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:12]}"
    kept(home, _install)
    return home / "node_modules"


def _install(home: Path) -> None:
    home.mkdir()
    for name in ("package.json", _LOCK.name):
        shutil.copy(CLIENTS / name, home)
    npm = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=home,
        check=False,
        capture_output=True,
        text=True,
    )
    if npm.returncode:
        raise Unavailable(f"npm ci failed: {npm.stderr[-500:]}")
