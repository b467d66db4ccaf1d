"""Who owns the other end of a loopback connection.

While Asterisk is down any local user may bind its port and wait for our login
(security.md L2).  The kernel's table of TCP sockets says whose it is.
"""

import ipaddress
import struct
from pathlib import Path


def owner_of(host: str, port: int, peer_host: str, peer_port: int) -> int | None:
    """The uid that owns the socket from ``host:port`` to ``peer_host:peer_port``.

    None if it is not there, or not accepted yet: until then nobody owns it.
    """
    ends = ipaddress.ip_address(host), ipaddress.ip_address(peer_host)
    if ends[0].version == 6:
        return _owner("tcp6", *(_entry(end, at) for end, at in zip(ends, (port, peer_port), strict=True)))
    plain = [_entry(end, at) for end, at in zip(ends, (port, peer_port), strict=True)]
    # Who listens on :: has IPv4 connections in the other table.
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
    # The kernel prints each 32-bit word of the address as a number of this machine.
    return "".join(f"{word:08X}" for word in struct.unpack(f"={len(packed) // 4}I", packed))


_MAPPED = _words(ipaddress.IPv6Address("::ffff:0:0").packed[:12])
