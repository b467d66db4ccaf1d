"""Ansible for Debian 12's Python, and what its module for apt needs there; fetched once.

``python3 -m tests.support.ansible`` fetches it ahead of the tests.
"""

import hashlib
import subprocess
import sys
from functools import partial
from pathlib import Path

from tests.asterisk.lab.cache import Unavailable, cache_home, kept
from tests.deploy import debian

_PINS = Path(__file__).parents[2] / "requirements-ansible.txt"
_FETCH = """
apt-get -qq -o Acquire::Check-Valid-Until=false update
cd /mnt && apt-get -qq download python3-apt python-apt-common distro-info-data
tar -c *.deb
"""


def folder() -> Path:
    """``ansible``, a folder for PYTHONPATH, and ``packages``, Debian's packages to install.

    Raises Unavailable without a package index, a mirror, or root.
    """
    pins = hashlib.sha256(_PINS.read_bytes() + _FETCH.encode()).hexdigest()[:12]
    made = cache_home() / f"ansible-{pins}"
    kept(made, partial(_fetch, debian.tools()))
    return made


def _fetch(_: Path, growing: Path) -> None:
    (growing / "packages").mkdir(parents=True)
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps"]
    # For the Python of the machine, which need not be this one.
    machine = ["--python-version", "3.11", "--only-binary", ":all:"]
    for glibc in (17, 28, 34, 36):
        machine += ["--platform", f"manylinux_2_{glibc}_x86_64"]
    machine += ["--platform", "manylinux2014_x86_64", "--target", str(growing / "ansible")]
    try:
        subprocess.run([*pip, *machine, "-r", str(_PINS)], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"ansible-core cannot be fetched: {error.stderr}") from error
    fetched = debian.run_tool("sh", "-e", "-c", _FETCH)
    if fetched.returncode:
        raise Unavailable(f"python3-apt cannot be fetched: {fetched.stderr.decode(errors='replace')}")
    subprocess.run(["tar", "-x", "-C", str(growing / "packages")], check=True, input=fetched.stdout)


if __name__ == "__main__":
    try:
        folder()
    except Unavailable as reason:
        sys.exit(f"ansible: {reason}")
