import os
import pwd
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from amiproxy.net.upstream.socketowner import owner_of
from tests.support.ipv6 import needs_ipv6

_LISTEN = """
import os, socket, sys
host, uid = sys.argv[1], int(sys.argv[2])
if uid != os.getuid():
    os.setuid(uid)
sock = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET,
                            dualstack_ipv6=host == "::")
print(sock.getsockname()[1], flush=True)
sys.stdin.readline()
taken, _ = sock.accept()
print("accepted", flush=True)
sys.stdin.readline()
"""


@contextmanager
def listening(host: str, uid: int) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    """A listening process of that user; it accepts when it is sent a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", _LISTEN, host, str(uid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process
    finally:
        process.kill()
        process.communicate()


def accept(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "accepted\n"


@pytest.mark.parametrize(
    ("listen", "connect"),
    [
        ("127.0.0.1", "127.0.0.1"),
        pytest.param("::1", "::1", marks=needs_ipv6),
        pytest.param("::", "127.0.0.1", marks=needs_ipv6),
        pytest.param("::", "::1", marks=needs_ipv6),
    ],
)
def test_the_owner_of_the_other_end_is_found(listen: str, connect: str) -> None:
    # Another user's process where we may become one: our own could be read from the wrong row.
    uid = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else os.getuid()
    with listening(listen, uid) as (port, process), socket.create_connection((connect, port)) as sock:
        accept(process)
        host, our_port = sock.getsockname()[:2]
        assert owner_of(connect, port, host, our_port) == uid
        assert owner_of(host, our_port, connect, port) == os.getuid()


def test_a_connection_has_no_owner_until_it_is_accepted() -> None:
    # The kernel shows root for it: a squatter could delay its accept until the check is over.
    with (
        listening("127.0.0.1", os.getuid()) as (port, _),
        socket.create_connection(("127.0.0.1", port)) as sock,
    ):
        assert owner_of("127.0.0.1", port, *sock.getsockname()) is None


def test_a_connection_that_does_not_exist_has_no_owner() -> None:
    assert owner_of("127.0.0.1", 1, "127.0.0.1", 2) is None
    assert owner_of("::1", 1, "::1", 2) is None
