"""Debian's own Asterisk in a chroot, built once per suite and kept between runs.

Standard library only: ``python3 -m tests.asterisk.lab`` builds before anything is installed.
"""

import os
import shutil
import subprocess
from functools import partial
from pathlib import Path

from tests.asterisk.lab.cache import Unavailable, cache_home, kept

#: Debian suite -> major version of the Asterisk in it.
SUITES = {"sid": "22", "bullseye": "16"}

# Proc is mounted in a mount namespace of its own: nothing stays mounted, whatever happens.
_ENTER = 'mount -t proc proc "$0/proc" 2>/dev/null; exec chroot "$0" "$@"'


def ready(suite: str) -> Path:
    """The root directory of this suite's chroot, built now if it does not exist.

    Raises Unavailable without root, debootstrap or a mirror.
    """
    if os.geteuid() != 0:
        raise Unavailable("a real Asterisk needs root (chroot): run as root")
    root = cache_home() / f"asterisk-{suite}"
    kept(root, partial(_build, suite))
    return root


def inside(root: Path, *command: str) -> list[str]:
    """The command line that runs ``command`` in the chroot."""
    return ["unshare", "--mount", "sh", "-c", _ENTER, str(root), *command]


def _build(suite: str, root: Path) -> None:
    if shutil.which("debootstrap") is None:
        raise Unavailable("debootstrap is not installed: apt-get install debootstrap")
    with root.with_suffix(".log").open("w") as log:
        try:
            _debootstrap(suite, root, log.fileno())
        except subprocess.CalledProcessError as error:
            raise Unavailable(f"no Asterisk from Debian {suite}: {error}; see {log.name}") from None


def _debootstrap(suite: str, root: Path, log: int) -> None:
    def run(*command: str) -> None:
        subprocess.run(
            command,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
        )

    run("unshare", "--mount", "debootstrap", "--variant=minbase", suite, str(root), mirror())
    policy = root / "usr/sbin/policy-rc.d"  # no service may start in there without a command
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    for settings in (*Path("/etc/apt/apt.conf.d").glob("*proxy*"), Path("/etc/apt/apt.conf")):
        if settings.is_file():
            shutil.copy(settings, root / "etc/apt/apt.conf.d")
    # A mirror that is a copy of some day has an old date on it.
    apt = ("apt-get", "-qq", "-o", "Acquire::Check-Valid-Until=false", "-o", "Acquire::Languages=none")
    run(*inside(root, *apt, "update"))
    run(*inside(root, *apt, "install", "-y", "--no-install-recommends", "asterisk"))
    run(*inside(root, *apt, "clean"))
    run(*inside(root, "asterisk", "-V"))


def mirror() -> str:
    """The first Debian archive from which this machine itself installs."""
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)|$(ORIGIN)|$(LABEL)", "Created-By: Packages"],
        check=False,
        capture_output=True,
        text=True,
    )
    for line in targets.stdout.splitlines():
        uri, origin, label = line.split("|")
        if origin == label == "Debian":
            return uri
    raise Unavailable("apt knows no Debian archive: run apt-get update")
