"""The user that owns the other end of a loopback connection.

While Asterisk is down, any local user can bind its port and wait for our login.
The kernel's table of TCP sockets (``/proc/self/net/tcp``) says who owns a socket.
"""

import asyncio
import ipaddress
import struct
from pathlib import Path

from amiproxy.config.accounts import uid_of
from amiproxy.net.upstream.errors import LinkError


def owner_of(host: str, port: int, peer_host: str, peer_port: int) -> int | None:
    """The uid that owns the socket from ``host:port`` to ``peer_host:peer_port``.

    None if it does not exist or is not accepted yet: until then it has no owner.  Raises ValueError if a host
    is not an IP address, OSError if the kernel's table of sockets cannot be read.
    """
    ends = ipaddress.ip_address(host), ipaddress.ip_address(peer_host)
    if ends[0].version == 6:
        return _owner("tcp6", *(_entry(end, at) for end, at in zip(ends, (port, peer_port), strict=True)))
    plain = [_entry(end, at) for end, at in zip(ends, (port, peer_port), strict=True)]
    # A server that listens on :: has its IPv4 connections in the tcp6 table.
    mapped = [_MAPPED + entry for entry in plain]
    uid = _owner("tcp", *plain)
    return _owner("tcp6", *mapped) if uid is None else uid


def _owner(table: str, local: str, remote: str) -> int | None:
    for line in Path("/proc/self/net", table).read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == local and fields[2] == remote:
            uid, inode = int(fields[7]), fields[9]
            return uid if inode != "0" else None
    return None


def _entry(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> str:
    return _words(address.packed) + f":{port:04X}"


def _words(packed: bytes) -> str:
    # The kernel prints each 32-bit word of the address as a number in native byte order.
    return "".join(f"{word:08X}" for word in struct.unpack(f"={len(packed) // 4}I", packed))


_MAPPED = _words(ipaddress.IPv6Address("::ffff:0:0").packed[:12])


def owner_beyond(transport: asyncio.BaseTransport | None) -> int | None:
    """The uid that owns the other end of a loopback connection; None if it cannot be determined."""
    if transport is None or transport.is_closing():
        return None
    host, port = transport.get_extra_info("peername")[:2]
    our_host, our_port = transport.get_extra_info("sockname")[:2]
    return owner_of(host, port, our_host, our_port)


def check_owner(transport: asyncio.BaseTransport, user: str) -> None:
    """Raise LinkError unless ``user`` (login name or uid) owns the other end."""
    port = transport.get_extra_info("peername")[1]
    uid = owner_beyond(transport)
    try:
        expected = uid_of(user)
    except KeyError:
        raise LinkError(f"expect_user: user {user!r} does not exist on this host") from None
    if uid != expected:
        raise LinkError(f"port {port} belongs to uid {uid}, not to {user!r}: no login was sent")
