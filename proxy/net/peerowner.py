"""Who owns the other end of a loopback connection.

While Asterisk is down any local user may bind its port and wait for our login
(security.md L2).  The kernel's table of TCP sockets says whose it is.
"""

import ipaddress
import struct
from pathlib import Path


def owner_of(host: str, port: int, peer_host: str, peer_port: int) -> int | None:
    """The uid that owns the socket from ``host:port`` to ``peer_host:peer_port``; None if it is not there."""
    for table, version in (("tcp", 4), ("tcp6", 6)):
        address = ipaddress.ip_address(host)
        if address.version != version:
            continue
        local, remote = _entry(host, port), _entry(peer_host, peer_port)
        for line in Path("/proc/self/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1] == local and fields[2] == remote:
                return int(fields[7])
    return None


def _entry(host: str, port: int) -> str:
    packed = ipaddress.ip_address(host).packed
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"
