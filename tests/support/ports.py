"""Port numbers for programs that must be told theirs."""

import random
import socket


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now.

    It is below the range that ``connect`` takes its own ports from: a client that
    keeps trying a port where nothing listens would otherwise meet itself there one day.
    """
    while True:
        port = random.randrange(20000, 30000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
