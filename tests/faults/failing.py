"""``python -m tests.faults.failing FAULT run --config …``: the proxy with a fault built in.

The faults are those that no input can cause, or it would be fixed: the test is
that the rest survives them.
"""

import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amiproxy.cli import main
from amiproxy.core.clients.session import Session
from amiproxy.net.doors.pool import ConnectionPool
from amiproxy.net.upstream.link import Link

#: Seconds for which the loop is stuck.
STUCK = 3.0
#: The domain of names that hang.
HANGING = ".hangs.example.org"


def _fails(kind: type, name: str, when: Callable[..., bool]) -> None:
    """Let a method raise at the calls for which ``when`` is true."""
    right = getattr(kind, name)

    def wrong(self: Any, *arguments: Any) -> Any:
        if when(*arguments):
            raise ZeroDivisionError("the fault that was built in")
        return right(self, *arguments)

    setattr(kind, name, wrong)


def _at(*numbers: int) -> Callable[..., bool]:
    """At these calls, counted from 1."""
    calls = 0

    def now(*_: Any) -> bool:
        nonlocal calls
        calls += 1
        return calls in numbers

    return now


def link_crashes() -> None:
    """The link's task fails when it is to connect for the second and third time."""
    _fails(Link, "_connect", _at(2, 3))


def tick_crashes() -> None:
    _fails(ConnectionPool, "tick", _at(1))


def session_crashes() -> None:
    _fails(Session, "receive", lambda data: b"X-Crash" in data)


def loop_sticks() -> None:
    def stick(data: bytes) -> bool:
        if b"X-Stick" in data:
            time.sleep(STUCK)
        return False

    _fails(Session, "receive", stick)


def clock_jumps() -> None:
    """The wall clock is off by as many seconds as the file CLOCK_JUMP says."""
    right, file = time.time, Path(os.environ["CLOCK_JUMP"])
    time.time = lambda: right() + float(file.read_text())


def dns_hangs() -> None:
    """Names below HANGING are never answered."""
    right = socket.getaddrinfo

    def look_up(host: Any, *arguments: Any, **more: Any) -> Any:
        while str(host).endswith(HANGING):
            time.sleep(1)
        return right(host, *arguments, **more)

    socket.getaddrinfo = look_up


_FAULTS = (link_crashes, tick_crashes, session_crashes, loop_sticks, clock_jumps, dns_hangs)

if __name__ == "__main__":
    {fault.__name__: fault for fault in _FAULTS}[sys.argv[1]]()
    sys.exit(main(sys.argv[2:]))
