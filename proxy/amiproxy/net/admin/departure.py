"""Departures: detect that the client of a loopback connection has closed it or died.

On the wire, a client that closed its connection or died looks like one that only
shut down its sending side: both send a FIN.  But on one machine the kernel knows
the other end, too: a socket that no process holds any more has inode 0.  The end
is noticed even while no task reads from the connection.
"""

import asyncio
import contextlib
import errno
import ipaddress
import select
import socket
import struct
from typing import Final

#: Seconds between two checks of a client that has shut down its sending side.
_LOOK_AGAIN = 0.5

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
_NLMSG_ERROR: Final = 2
_NLM_F_REQUEST: Final = 1
_ALL: Final = 0xFFFFFFFF
_HEADER: Final = struct.Struct("=IHHII")  # struct nlmsghdr
_REQUEST: Final = struct.Struct("=BBBxI")  # struct inet_diag_req_v2 without its last member
_PORTS: Final = struct.Struct("!HH")  # struct inet_diag_sockid
_ADDRESSES: Final = struct.Struct("16s16s")
_ANY_SOCKET: Final = struct.pack("=III", 0, _ALL, _ALL)
_ERROR: Final = struct.Struct("=i")
#: Offset of the sockid in struct inet_diag_msg: after 4 bytes.
_PORTS_AT: Final = _HEADER.size + 4
#: Offset of ``idiag_inode`` in struct inet_diag_msg: after 4 bytes, the sockid of 48 and 16 more.
_INODE: Final = struct.Struct("=I")
_INODE_AT: Final = _HEADER.size + 4 + 48 + 16

Ends = tuple[tuple[str, int], tuple[str, int]]


def is_orphaned(near: tuple[str, int], far: tuple[str, int]) -> bool | None:
    """Whether the socket from ``near`` to ``far`` does not exist, or no process holds it any more.

    Both are IP address and port.  None if the kernel does not answer.  Raises ValueError for another kind of
    host.
    """
    ends = ipaddress.ip_address(near[0].partition("%")[0]), ipaddress.ip_address(far[0].partition("%")[0])
    family = socket.AF_INET6 if ends[0].version == 6 else socket.AF_INET
    request = (
        _REQUEST.pack(family, socket.IPPROTO_TCP, 0, _ALL)
        + _PORTS.pack(near[1], far[1])
        + _ADDRESSES.pack(ends[0].packed, ends[1].packed)
        + _ANY_SOCKET
    )
    head = _HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
            kernel.setblocking(False)  # the kernel answers during the send
            kernel.send(head + request)
            answer = kernel.recv(4096)
        if _HEADER.unpack_from(answer)[1] == _NLMSG_ERROR:
            return True if _ERROR.unpack_from(answer, _HEADER.size)[0] == -errno.ENOENT else None
        if _PORTS.unpack_from(answer, _PORTS_AT) != (near[1], far[1]):
            return True  # the socket is gone, and the answer is about another one that listens on its port
        return bool(_INODE.unpack_from(answer, _INODE_AT)[0] == 0)
    except (OSError, struct.error):
        return None


class Departure:
    """Tracks the end of the client of one connection."""

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        #: The client has shut down its sending side.
        self.said_last = asyncio.Event()
        #: The connection was reset.
        self.reset = asyncio.Event()

    async def wait(self) -> bool:
        """Wait until the client is gone for good.

        Returns True after a reset: then it is useless to process what the client sent.
        """
        await self.said_last.wait()
        while not self.reset.is_set() and not is_orphaned(*self._ends):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN):
                    await self.reset.wait()
        return self.reset.is_set()


class Departures:
    """Watches connections that other code reads and writes.

    Call ``forget`` for a descriptor before closing it.
    """

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._watched: dict[int, Departure] = {}

    def watch(self, fd: int, ends: Ends) -> Departure:
        """Watch a connected socket; ``ends`` are the client's address and port, and ours.  Raises OSError."""
        if not self._watched:
            asyncio.get_running_loop().add_reader(self._poll.fileno(), self._look)
        departure = self._watched[fd] = Departure(ends)
        self._poll.register(fd, select.EPOLLRDHUP)
        return departure

    def forget(self, fd: int) -> None:
        """Stop watching a descriptor; does nothing for an unknown one."""
        if self._watched.pop(fd, None) is None:
            return
        with contextlib.suppress(OSError):
            self._poll.unregister(fd)
        if not self._watched:
            asyncio.get_running_loop().remove_reader(self._poll.fileno())

    def _look(self) -> None:
        for fd, what in self._poll.poll(0):
            departure = self._watched[fd]
            departure.said_last.set()
            if what & (select.EPOLLHUP | select.EPOLLERR):
                departure.reset.set()
                self._poll.unregister(fd)
            else:
                self._poll.modify(fd, 0)
