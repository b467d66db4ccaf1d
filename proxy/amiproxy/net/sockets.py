"""TCP sockets: options that several modules set, and what only the kernel knows about a connection."""

import contextlib
import socket
import struct
from typing import Final

from amiproxy.core.model.limits import Limits

#: Value of SO_LINGER with which close() sends RST at once.
_RESET: Final = struct.pack("ii", 1, 0)
#: Offset of ``tcpi_bytes_received`` in Linux's ``struct tcp_info`` (linux/tcp.h, since 4.1).
_BYTES_RECEIVED: Final = struct.Struct("=128xQ")
#: Linux's largest TCP_KEEPINTVL, in seconds.
_LONGEST_INTERVAL = 32_767


def reset(sock: socket.socket) -> None:
    """Close the socket with RST; the kernel drops what it still holds for a peer that does not read."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    sock.close()


def keep_alive(sock: socket.socket, limits: Limits) -> None:
    """Have the kernel end the connection once its peer no longer answers.  Raises OSError after a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, limits.keepalive_idle)
    milliseconds = int(limits.unacknowledged_timeout * 1000)
    # TCP_USER_TIMEOUT decides when probes have failed, whatever TCP_KEEPCNT says (tcp(7)).  Two probes fit
    # into it, so that the loss of one closes nothing.
    between = min(max(milliseconds // 2000, 1), _LONGEST_INTERVAL)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, between)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


def bytes_received(sock: socket.socket) -> int:
    """Bytes received from the peer so far, read or not; 0 if the system does not report it."""
    try:
        return int(_BYTES_RECEIVED.unpack(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 136))[0])
    except (OSError, struct.error):
        return 0
