"""Binding: makes the sockets that clients connect to."""

import contextlib
import socket
from typing import Final

BACKLOG: Final = 4096
#: Seconds for which the kernel holds back a connection until its first byte arrives.  A silent connection
#: costs the kernel a hundredth of what it costs us.  With a longer time, fewer silent connections per second
#: would fill the kernel's queue.
_DEFER: Final = 1


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket, not blocking; ``::`` accepts IPv4 as well.

    ``host`` is an IP address, and ``port`` 0 means any free one.  Raises OSError whose text names the
    address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot listen on {host} port {port}: {error.strerror}") from error
    return sock


def await_first_byte(sock: socket.socket) -> None:
    """Have the kernel hold back connections until their first byte has arrived (TCP_DEFER_ACCEPT).

    TLS clients speak first, and so does a proxy with its PROXY header.  A connection that stays
    silent is still accepted after a second; one that is closed in good order, as by a health
    check that only connects, is accepted at once; one that is reset never reaches us.
    """
    with contextlib.suppress(OSError):  # a kernel without this option hands over connections at once
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _DEFER)
