"""Confinement in a process of its own, for there is no way back from it."""

import ctypes
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_CONFINED = """
import os, signal, socket, subprocess, sys, threading
from pathlib import Path
from proxy import log
from proxy.net.confinement import confine

log.configure("text", "info")
folder = Path(sys.argv[1])
parent = os.getppid()
confine([folder / "config" / "proxy.yaml", folder / "config" / "server.crt"], [folder / "run"])


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


WRITES = os.O_WRONLY | os.O_CREAT
checks = {
    "reads what a reload reads": (folder / "config" / "proxy.yaml").read_text() == "a",
    "reads a file put beside it": (folder / "config" / "new").read_text() == "n",
    "reads what a link leads to": (folder / "config" / "server.crt").read_text() == "c",
    "reads beside what a link leads to": (folder / "archive" / "server2.crt").read_text() == "c2",
    "imports late": bool(__import__("wave")),
    "reads nothing else": refused((folder / "other" / "file").read_text),
    "nor in a thread": in_a_thread(lambda: refused((folder / "other" / "file").read_text)),
    "writes nothing": refused(lambda: os.open(folder / "config" / "x", WRITES)),
    "writes nothing elsewhere": refused(lambda: os.open(folder / "other" / "x", WRITES)),
    "removes nothing": refused((folder / "config" / "proxy.yaml").unlink),
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


def landlock_version() -> int:
    libc = ctypes.CDLL(None)
    return int(libc.syscall(ctypes.c_long(444), None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("config", "archive", "other", "run"):
        (tmp_path / name).mkdir()
    (tmp_path / "config" / "proxy.yaml").write_text("a")
    (tmp_path / "config" / "new").write_text("n")
    (tmp_path / "archive" / "server1.crt").write_text("c")
    (tmp_path / "archive" / "server2.crt").write_text("c2")
    (tmp_path / "config" / "server.crt").symlink_to(tmp_path / "archive" / "server1.crt")
    (tmp_path / "other" / "file").write_text("secret")
    (tmp_path / "run" / "control.sock").write_text("")
    return tmp_path


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], check=False, capture_output=True, text=True
    )


@pytest.mark.skipif(landlock_version() < 6, reason="this kernel's Landlock has not all of it")
def test_what_is_not_needed_any_more_is_given_up(folder: Path, open_port: int) -> None:
    done = run(_CONFINED, str(folder), str(open_port))
    assert done.stdout == "failed: []\n", done.stdout + done.stderr
    assert " info confined landlock=" in done.stderr
    assert "missing" not in done.stderr


@pytest.fixture
def open_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


_OTHERS_CANNOT_LOOK = """
import os, sys
from pathlib import Path
from proxy.net.confinement import confine
print(Path("/proc/self/environ").stat().st_uid == os.getuid())
confine([])
# What belongs to root is for root alone: an own process cannot be traced or read by others of its user.
print(Path("/proc/self/environ").stat().st_uid == os.getuid())
"""


@pytest.mark.skipif(os.getuid() != 0, reason="another user can be had by root only")
def test_other_processes_of_the_user_cannot_look_into_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", _OTHERS_CANNOT_LOOK],
        check=False,
        capture_output=True,
        text=True,
    )
    if "Permission denied" in done.stderr and not done.stdout:
        pytest.skip("this interpreter is for root only")
    assert done.stdout == "True\nFalse\n", done.stderr


_WITHOUT_LANDLOCK = """
import errno, os
from proxy import log
from proxy.net import confinement

def no_such_call(self, number, *arguments):
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

confinement._Kernel.call = no_such_call
log.configure("text", "info")
confinement.confine([])
os.open("/dev/null", os.O_WRONLY)
print("served")
"""


def test_a_kernel_without_it_is_told_and_no_reason_not_to_serve() -> None:
    done = run(_WITHOUT_LANDLOCK)
    assert done.stdout == "served\n", done.stderr
    assert ' warning confined missing="landlock: this kernel has none, or it is switched off"' in done.stderr
