"""Debian 12 as operators run it: roots built once and kept, and a machine booted from one.

The machine is a systemd-nspawn container with systemd as its first process, a
network of its own (loopback only) and a file system that is thrown away.  Another
root may be mounted in it, as a layer that is thrown away too.

``python3 -m tests.deploy.debian`` builds the roots before anything is installed.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.asterisk.lab import chroot
from tests.asterisk.lab.cache import Unavailable, cache_home, kept

_SUITE = "bookworm"
#: The root in which checks run; never booted.
_TOOLS = ("systemd", "systemd-container", "fail2ban", "prometheus")
#: The packages of a small server.
_MACHINE = ("adduser", "ca-certificates", "procps", "python3", "systemd", "systemd-sysv")
#: What an operator installs there besides, with apt as on any Debian 12.
_OPERATED = ("fail2ban", "nftables", "openssl", "python3-systemd")
_BOOT_SECONDS = 180.0
_STOP_SECONDS = 20.0

# Every layer and mount is in a mount namespace that ends with the process.
_LAYER = """
set -e
mount --bind "$1" "$1"
mount -t tmpfs tmpfs "$1/mnt"
mkdir "$1/mnt/upper" "$1/mnt/work" "$1/mnt/root"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/mnt/upper,workdir=$1/mnt/work" "$1/mnt/root"
"""
_SECOND_LAYER = """
if [ "$4" ]; then
    mkdir "$1/mnt/upper2" "$1/mnt/work2" "$1/mnt/root$5"
    mount -t overlay overlay -o "lowerdir=$4,upperdir=$1/mnt/upper2,workdir=$1/mnt/work2" "$1/mnt/root$5"
fi
"""
_RUN = _LAYER + 'mount -t proc proc "$1/mnt/root/proc"; shift 2; exec chroot "$0/mnt/root" "$@"'
_BOOT = (
    _LAYER
    + _SECOND_LAYER
    + """
mount --rbind /proc "$1/proc"
mount --rbind /sys "$1/sys"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/run"
exec chroot "$1" systemd-nspawn --quiet --register=no --keep-unit --private-network \\
  --system-call-filter="landlock_create_ruleset landlock_add_rule landlock_restrict_self" \\
  --directory=/mnt/root --machine="$3" --boot --console=pipe
"""
)


def tools() -> Path:
    """The root with systemd-analyze, systemd-nspawn, fail2ban-regex and promtool.

    Raises Unavailable where it cannot be built: without root, debootstrap or a mirror.
    """
    return _root("tools", _TOOLS)


def machine_root() -> Path:
    """The root that machines are booted from.  Raises as ``tools``."""
    return _root("machine", _MACHINE)


def operated_root() -> Path:
    """The same, with what an operator installs besides.  Raises as ``tools``."""
    return _root("operated", _OPERATED, machine_root())


def run_tool(*command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run one of the tools in a throw-away copy of its root; a shell script there may create files first."""
    root = str(tools())
    line = ["unshare", "--mount", "sh", "-c", _RUN, root, root, root, *command]
    return subprocess.run(line, check=False, input=stdin, capture_output=True)


class Machine:
    """One booted Debian 12; ``run`` runs a command in it as root.

    ``root`` is booted instead of ``machine_root()``.  ``mounted`` is one more root, and where in the machine
    it is.
    """

    def __init__(self, name: str, root: Path | None = None, mounted: tuple[Path, str] | None = None) -> None:
        #: Different from that of any other run at the same time.
        self.name = f"{name}-{os.getpid()}"
        self._root = root
        self._mounted = mounted
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop

    def start(self) -> None:
        """Boot, and wait until units are started.  Raises Unavailable where no container can be booted."""
        roots = str(tools()), str(self._root or machine_root())
        mounted = map(str, self._mounted or ("", ""))
        line = ["unshare", "--mount", "sh", "-c", _BOOT, "boot", *roots, self.name, *mounted]
        self._process = subprocess.Popen(
            line,
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            start_new_session=True,
        )
        if not _eventually(self._is_up, _BOOT_SECONDS):
            raise Unavailable(f"systemd cannot be booted here: {self._end()}")

    def stop(self) -> None:
        """End it with all its processes."""
        self._end()
        self._said.close()

    def _end(self) -> str:
        """End all processes; the last output."""
        process = self._process
        if process is None:
            return ""
        if self._leader:
            # systemd's own signal to stop without delay.
            os.kill(self._leader, signal.SIGRTMIN + 14)
        try:
            process.wait(_STOP_SECONDS if self._leader else 0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._leader = 0
        self._said.seek(0)
        return self._said.read().decode(errors="replace")[-500:]

    def run(self, *command: str, check: bool = True, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
        """Run a command in the machine; CalledProcessError with its output, unless ``check`` is off."""
        line = self.inside(*command)
        done = subprocess.run(line, check=False, input=stdin, capture_output=True, timeout=120)
        text = done.stdout.decode(errors="replace")
        errors = done.stderr.decode(errors="replace")
        assert not check or done.returncode == 0, f"{command} gave {done.returncode}: {text}{errors}"
        return subprocess.CompletedProcess(command, done.returncode, text, errors)

    def inside(self, *command: str) -> list[str]:
        """The command line that runs a program of the machine in it, as root."""
        return ["nsenter", "--target", str(self._leader), "--all", "--root", "--wd", *command]

    def beside(self, *command: str) -> list[str]:
        """The command line that runs a program of the host in the machine's network."""
        return ["nsenter", "--target", str(self._leader), "--net", *command]

    @property
    def leader(self) -> int:
        """The id of its first process, as seen from here."""
        return self._leader

    def write(self, path: str, content: bytes, mode: str = "0644", group: str = "root") -> None:
        """Put a file into the machine."""
        self.run("install", "-D", "-m", mode, "-g", group, "/dev/stdin", path, stdin=content)

    def show(self, unit: str, name: str) -> str:
        """One property of a unit."""
        return self.run("systemctl", "show", "--value", "-p", name, unit).stdout.strip()

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise Unavailable(f"systemd-nspawn does not run here: {self._end()}")
        if not self._leader:
            self._leader = _first_process_below(self._process.pid)
        if not self._leader:
            return False
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded")


def _first_process_below(pid: int) -> int:
    """systemd, below systemd-nspawn, once it is process 1 of its own namespace; 0 before."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue  # it ended meanwhile
        if f"\nPPid:\t{pid}\n" in text and text.startswith("Name:\tsystemd\n"):
            return int(status.parent.name)
    return 0


def _eventually(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _root(name: str, packages: tuple[str, ...], base: Path | None = None) -> Path:
    if os.geteuid() != 0:
        raise Unavailable("a Debian root needs root (chroot): run as root")
    root = cache_home() / f"{_SUITE}-{name}"
    kept(root, partial(_build, packages, base))
    return root


def _build(packages: tuple[str, ...], base: Path | None, root: Path) -> None:
    if shutil.which("debootstrap") is None:
        raise Unavailable("debootstrap is not installed: apt-get install debootstrap")
    apt = ("apt-get", "-qq", "-o", "Acquire::Check-Valid-Until=false", "-o", "Acquire::Languages=none")
    with root.with_suffix(".log").open("w") as log:

        def run(*command: str) -> None:
            subprocess.run(
                command,
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
            )

        try:
            mirror = chroot.mirror()  # the archive from which this machine itself installs
            if base is None:
                run("unshare", "--mount", "debootstrap", "--variant=minbase", _SUITE, str(root), mirror)
            else:
                run("cp", "-a", str(base), str(root))
            policy = root / "usr/sbin/policy-rc.d"  # no service may start in there without a command
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
            for settings in (*Path("/etc/apt/apt.conf.d").glob("*proxy*"), Path("/etc/apt/apt.conf")):
                if settings.is_file():
                    shutil.copy(settings, root / "etc/apt/apt.conf.d")
            run(*chroot.inside(root, *apt, "update"))
            run(*chroot.inside(root, *apt, "install", "-y", "--no-install-recommends", *packages))
            run(*chroot.inside(root, *apt, "clean"))
            policy.unlink()
        except subprocess.CalledProcessError as error:
            raise Unavailable(f"no Debian {_SUITE}: {error}; see {log.name}") from None


if __name__ == "__main__":
    for make in (tools, machine_root, operated_root):
        try:
            sys.stdout.write(f"debian: {make()} is there\n")
        except Unavailable as reason:
            sys.exit(f"debian: {reason}")
