"""Confinement, in a process of its own because it cannot be undone."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.landlock import landlock_version
from tests.support.requirements import give_up

_CONFINED = """
import os, pwd, signal, socket, subprocess, sys, threading
from pathlib import Path
from amiproxy import log
from amiproxy.net.host.confinement import confine

log.configure("text", "info")
folder = Path(sys.argv[1])
parent = os.getppid()
config, archive = folder / "etc/config", folder / "pki/archive"
confine([config / "proxy.yaml", config / "server.crt"], [folder / "run"])


def refused(what):
    try:
        what()
    except PermissionError:
        return True
    return False


def in_a_thread(what):
    said = []
    thread = threading.Thread(target=lambda: said.append(what()))
    thread.start()
    thread.join()
    return said[0]


def replaced(directory):
    # By the parent: we may not.
    print("replace", flush=True)
    sys.stdin.readline()
    return (directory / "server1.crt").read_text()


WRITES = os.O_WRONLY | os.O_CREAT
checks = {
    "reads what a reload reads": (config / "proxy.yaml").read_text() == "a",
    "reads a file put beside it": (config / "new").read_text() == "n",
    "reads what a link leads to": (config / "server.crt").read_text() == "c",
    "reads beside what a link leads to": (archive / "server2.crt").read_text() == "c2",
    "reads what was put in a directory's place": replaced(archive) == "c3",
    "imports late": bool(__import__("wave")),
    "knows itself": b"Name:" in Path("/proc/self/status").read_bytes(),
    "knows who is at a port's other end": b"local_address" in Path("/proc/self/net/tcp").read_bytes(),
    "resolves": bool(socket.getaddrinfo("localhost", 5038)),
    "knows the users": pwd.getpwuid(0).pw_name == "root",
    "has random bytes": len(Path("/dev/urandom").open("rb").read(8)) == 8,
    "knows no other process": refused(Path("/proc/1/cmdline").read_bytes),
    "nor its secrets": refused(Path("/proc/1/environ").read_bytes),
    "nor which there are": refused(lambda: os.listdir("/proc")),
    "reads no password": refused(Path("/etc/shadow").read_bytes),
    "nothing of root's": refused(lambda: os.listdir("/root")),
    "nothing of other services": refused(lambda: os.listdir("/var/lib")),
    "reads nothing else": refused((folder / "other" / "file").read_text),
    "nor in a thread": in_a_thread(lambda: refused((folder / "other" / "file").read_text)),
    "writes nothing": refused(lambda: os.open(config / "x", WRITES)),
    "writes nothing elsewhere": refused(lambda: os.open(folder / "other" / "x", WRITES)),
    "removes nothing": refused((config / "proxy.yaml").unlink),
    "removes its socket": (folder / "run" / "control.sock").unlink() is None,
    "makes no plain file there": refused(lambda: os.open(folder / "run" / "x", WRITES)),
    "starts no program": refused(lambda: subprocess.run(["/bin/true"])),
    "starts no shell": refused(lambda: os.execv("/bin/sh", ["sh", "-c", "true"])),
    "signals nobody else": refused(lambda: os.kill(parent, 0)),
    "connects": socket.create_connection(("127.0.0.1", int(sys.argv[2]))).close() is None,
    "has no_new_privs": "NoNewPrivs:\\t1" in Path("/proc/self/status").read_text(),
}
failed = [name for name, held in checks.items() if not held]
print("failed:", failed)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    # Each a directory deeper than the granularity: the directory above is readable too.
    for name in ("etc/config", "pki/archive", "other", "run"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "etc/config/proxy.yaml").write_text("a")
    (tmp_path / "etc/config/new").write_text("n")
    (tmp_path / "pki/archive/server1.crt").write_text("c")
    (tmp_path / "pki/archive/server2.crt").write_text("c2")
    (tmp_path / "etc/config/server.crt").symlink_to(tmp_path / "pki/archive/server1.crt")
    (tmp_path / "other/file").write_text("secret")
    (tmp_path / "run/control.sock").write_text("")
    return tmp_path


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], check=False, capture_output=True, text=True
    )


def test_rights_that_are_no_longer_needed_are_given_up(folder: Path, open_port: int) -> None:
    if landlock_version() < 6:
        give_up("LANDLOCK", "this kernel's Landlock has not all of it")
    with subprocess.Popen(
        [sys.executable, "-c", _CONFINED, str(folder), str(open_port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        asked = process.stdout.readline()
        assert asked == "replace\n", process.communicate()
        (folder / "pki/archive").rename(folder / "pki/old")
        (folder / "pki/archive").mkdir()
        (folder / "pki/archive/server1.crt").write_text("c3")
        out, err = process.communicate("done\n", timeout=30)
    assert out == "failed: []\n", out + err
    assert " info confined landlock=" in err
    assert "missing" not in err


@pytest.fixture
def open_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


_OTHERS_CANNOT_LOOK = """
import os, sys
from pathlib import Path
from amiproxy.net.host.confinement import confine
print(Path("/proc/self/environ").stat().st_uid == os.getuid())
confine([])
# What belongs to root is for root alone: an own process cannot be traced or read by others of its user.
print(Path("/proc/self/environ").stat().st_uid == os.getuid())
"""


def test_other_processes_of_the_user_cannot_inspect_it(tmp_path: Path) -> None:
    if os.getuid() != 0:
        give_up("ROOT", "another user can be had by root only")
    tmp_path.chmod(0o755)
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", _OTHERS_CANNOT_LOOK],
        check=False,
        capture_output=True,
        text=True,
    )
    if "Permission denied" in done.stderr and not done.stdout:
        give_up("ROOT", f"{sys.executable} or {Path.cwd()} is for root only: check out where others can read")
    assert done.stdout == "True\nFalse\n", done.stderr


_WITHOUT_LANDLOCK = """
import errno, os
from amiproxy import log
from amiproxy.net.host import confinement

def no_such_call(self, number, *arguments):
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

confinement._Kernel.call = no_such_call
log.configure("text", "info")
confinement.confine([])
os.open("/dev/null", os.O_WRONLY)
print("served")
"""


def test_a_kernel_without_landlock_is_logged_and_the_service_runs() -> None:
    done = run(_WITHOUT_LANDLOCK)
    assert done.stdout == "served\n", done.stderr
    assert ' warning confined missing="landlock: not supported ' in done.stderr
