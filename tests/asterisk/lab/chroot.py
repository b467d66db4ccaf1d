"""Debian's own Asterisk in a chroot, built once per suite and kept between runs.

Standard library only: ``python3 -m tests.asterisk.lab`` builds before anything is installed.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Debian suite -> major version of the Asterisk in it.
SUITES = {"sid": "22", "bullseye": "16"}

# Proc is mounted in a mount namespace of its own: nothing stays mounted, whatever happens.
_ENTER = 'mount -t proc proc "$0/proc" 2>/dev/null; exec chroot "$0" "$@"'


class Unavailable(Exception):
    """No real Asterisk can be had on this machine; the text says why and what would help."""


def cache_home() -> Path:
    """Where what takes long to make is kept between runs: ``AMIPROXY_ASTERISK_CACHE`` or the user's cache."""
    configured = os.environ.get("AMIPROXY_ASTERISK_CACHE")
    return Path(configured) if configured else Path.home() / ".cache" / "amiproxy-tests"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of what is, or will be, at ``path``; wait for whoever has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ready(suite: str) -> Path:
    """The root directory of this suite's chroot, built now if there is none.

    Raises Unavailable without root, debootstrap or a mirror.
    """
    if os.geteuid() != 0:
        raise Unavailable("a real Asterisk needs root (chroot): run as root")
    root = cache_home() / f"asterisk-{suite}"
    with locked(root):
        if not root.exists():
            _build(suite, root)
    return root


def inside(root: Path, *command: str) -> list[str]:
    """The command line that runs ``command`` in the chroot."""
    return ["unshare", "--mount", "sh", "-c", _ENTER, str(root), *command]


def _build(suite: str, root: Path) -> None:
    if shutil.which("debootstrap") is None:
        raise Unavailable("debootstrap is not installed: apt-get install debootstrap")
    growing = root.with_name(f"{root.name}.building")
    shutil.rmtree(growing, ignore_errors=True)
    with root.with_name(f"{root.name}.log").open("w") as log:
        try:
            _debootstrap(suite, growing, log.fileno())
        except subprocess.CalledProcessError as error:
            raise Unavailable(f"no Asterisk from Debian {suite}: {error}; see {log.name}") from None
    # Only what is whole gets the name that others look for.
    growing.rename(root)


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

    run("unshare", "--mount", "debootstrap", "--variant=minbase", suite, str(root), _mirror())
    policy = root / "usr/sbin/policy-rc.d"  # no service may start by itself in there
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


def _mirror() -> str:
    """The first Debian archive that this machine itself installs from."""
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
