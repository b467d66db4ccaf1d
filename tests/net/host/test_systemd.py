import fcntl
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from amiproxy.net.host.systemd import NoListener, Notifier, take_sockets


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """The service manager's socket, and the value of NOTIFY_SOCKET for it."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@amiproxy-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name[1:] if name.startswith("@") else name)
        sock.settimeout(10)
        yield sock, name


def heard(sock: socket.socket) -> list[str]:
    return sock.recv(65536).decode().split("\n")


def test_each_notification_is_one_datagram(manager: tuple[socket.socket, str]) -> None:
    sock, name = manager
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready("0 sessions")
    assert heard(sock) == ["READY=1", "STATUS=0 sessions"]
    notifier.status("1 sessions")
    assert heard(sock) == ["STATUS=1 sessions"]
    notifier.alive()
    assert heard(sock) == ["WATCHDOG=1"]
    notifier.stopping("draining", 27.0)
    assert heard(sock) == ["STOPPING=1", "EXTEND_TIMEOUT_USEC=27000000", "STATUS=draining"]
    notifier.extend(1.5)
    assert heard(sock) == ["EXTEND_TIMEOUT_USEC=1500000"]


def test_a_reload_notification_has_the_monotonic_time(manager: tuple[socket.socket, str]) -> None:
    sock, name = manager
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    Notifier({"NOTIFY_SOCKET": name}).reloading()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    first, second = heard(sock)
    assert first == "RELOADING=1"
    found = re.fullmatch(r"MONOTONIC_USEC=(\d+)", second)
    assert found is not None
    assert before <= int(found[1]) <= after


def test_a_status_is_sent_once_until_it_changes(manager: tuple[socket.socket, str]) -> None:
    sock, name = manager
    notifier = Notifier({"NOTIFY_SOCKET": name})
    for status in ("a", "a", "b", "b", "a"):
        notifier.status(status)
    assert [heard(sock) for _ in range(3)] == [["STATUS=a"], ["STATUS=b"], ["STATUS=a"]]
    notifier.ready("a")
    assert heard(sock) == ["READY=1", "STATUS=a"]


def test_a_status_cannot_inject_another_notification(manager: tuple[socket.socket, str]) -> None:
    sock, name = manager
    Notifier({"NOTIFY_SOCKET": name}).status("link down (closed\nMAINPID=1\n)")
    assert heard(sock) == [r"STATUS=link down (closed\x0aMAINPID=1\x0a)"]


def test_without_a_service_manager_nothing_is_sent() -> None:
    notifier = Notifier({})
    notifier.ready("x")
    notifier.alive()
    assert notifier.watchdog is None


def test_a_missing_or_busy_service_manager_does_not_disturb(tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready("x")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "busy"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "busy")})
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
            filler.setblocking(False)
            filler.connect(str(tmp_path / "busy"))
            with suppress(BlockingIOError):
                while True:
                    filler.send(b"x")
        began = time.monotonic()
        notifier.alive()
        assert time.monotonic() - began < 5, "it must not wait for a manager that does not read"


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "20000000"}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": str(os.getpid())}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_a_watchdog_for_another_process_is_ignored(
    environment: dict[str, str], seconds: float | None
) -> None:
    assert Notifier(environment).watchdog == seconds


def test_no_child_inherits_the_variables() -> None:
    environment = {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "HOME": "/"}
    Notifier(environment)
    assert environment == {"HOME": "/"}


# -- inherited sockets -----------------------------------------------------


def listening(*kinds: str) -> list[socket.socket]:
    return [socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET) for kind in kinds]


@pytest.mark.parametrize(
    ("kinds", "unix"), [(("unix",), True), (("tcp", "tcp"), False), (("tcp", "unix"), None)]
)
def test_sockets_are_taken_by_their_name(kinds: tuple[str, ...], unix: bool | None) -> None:
    sockets, other = listening(*kinds), listening("tcp")
    inherited = {"ami": sockets, "other": other}
    assert take_sockets(inherited, "ami", unix=unix) is sockets
    assert inherited == {"other": other}
    for sock in (*sockets, *other):
        sock.close()


@pytest.mark.parametrize(
    ("kinds", "unix", "says"),
    [
        ((), None, "no socket named 'ami' was passed by the service manager; set FileDescriptorName=ami"),
        (("unix", "tcp"), True, "the socket 'ami' is not a Unix socket, so clients cannot be identified; "),
        (("tcp", "unix"), False, "the socket 'ami' is a Unix socket; give ListenStream= a port"),
    ],
)
def test_a_missing_socket_or_one_of_the_other_kind_is_refused(
    kinds: tuple[str, ...], unix: bool | None, says: str
) -> None:
    sockets = listening(*kinds)
    with pytest.raises(NoListener) as refused:
        take_sockets({"ami": sockets} if kinds else {}, "ami", unix=unix)
    assert str(refused.value).startswith(says)
    assert all(sock.fileno() == -1 for sock in sockets)


_CHILD = """
import os, sys
from amiproxy.net.host.systemd import NoListener, inherited_sockets
os.environ["LISTEN_PID"] = sys.argv[1] if len(sys.argv) > 1 else str(os.getpid())
try:
    found = inherited_sockets()
except NoListener as error:
    sys.exit(str(error))
for name, sockets in found.items():
    for sock in sockets:
        print(name, sock.getsockname()[1], sock.get_inheritable(), sock.getblocking())
print(sorted(name for name in os.environ if name.startswith("LISTEN_")))
"""


def child(
    names: str, *passed: int, count: int | None = None, pid: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run a child that gets these descriptors from 3 on, as the service manager passes them."""
    # Numbers that are free here, above those at which the child gets them.
    copies = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 100) for descriptor in passed]
    moves = "\n".join(f"os.dup2({copy}, {3 + n})" for n, copy in enumerate(copies))
    try:
        return subprocess.run(
            [sys.executable, "-c", f"import os\n{moves}\n{_CHILD}", *([pid] if pid else [])],
            pass_fds=copies,
            env={
                **os.environ,
                "LISTEN_FDS": str(len(passed) if count is None else count),
                "LISTEN_FDNAMES": names,
            },
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    finally:
        for copy in copies:
            os.close(copy)


def test_sockets_are_found_by_name() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
        socket.create_server(("127.0.0.1", 0)) as three,
    ):
        ports = [sock.getsockname()[1] for sock in (one, two, three)]
        done = child("ami:other:ami", one.fileno(), two.fileno(), three.fileno())
    assert done.stdout.splitlines() == [
        f"ami {ports[0]} False False",
        f"ami {ports[2]} False False",
        f"other {ports[1]} False False",
        "[]",
    ], done.stderr


def test_sockets_without_a_name_are_called_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        assert child("", sock.fileno()).stdout.startswith("unknown ")


def test_sockets_for_another_process_are_left_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        assert child("ami", sock.fileno(), pid="1").stdout == "[]\n"


def test_a_socket_that_is_not_listening_is_named(tmp_path: Path) -> None:
    unfit = "is not a listening stream socket"
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix,
        socket.socket() as quiet,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
    ):
        unix.bind(str(tmp_path / "x"))
        for sock in (unix, quiet, udp):
            done = child("ami", sock.fileno())
            assert done.stderr.strip() == f"'ami' (descriptor 3) {unfit}"
    with (tmp_path / "file").open("w") as file:
        done = child("ami", file.fileno())
    assert done.stderr.strip() == "'ami' (descriptor 3) is not a socket: Socket operation on non-socket"
