"""Port numbers for programs that need a fixed one."""

import os
import random
import re
import socket
from collections.abc import Iterator
from itertools import cycle

_FIRST, _LAST = 20000, 30000
#: Workers of one run that have ports of their own, numbered by pytest-xdist; it says gw0, gw1, ...
_WORKERS = 8


def _mine() -> Iterator[int]:
    """This process's ports, each again only after all others: an earlier user of one may still be running."""
    worker = re.fullmatch(r"gw(\d+)", os.environ.get("PYTEST_XDIST_WORKER", ""))
    size = (_LAST - _FIRST) // _WORKERS
    first = _FIRST + (int(worker[1]) % _WORKERS if worker else 0) * size
    # Not from the seed of the tests, which all processes of a run share.
    begin = random.SystemRandom().randrange(size)
    return cycle(first + (begin + number) % size for number in range(size))


_PORTS = _mine()


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens now, and that no other test of this run is given.

    It is below the range from which ``connect`` takes its own ports: a client that
    keeps trying a port where nothing listens would otherwise connect to itself one day.
    """
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("there is always another port")
