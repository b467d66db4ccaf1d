"""Asterisk's port in the kernel's socket table: open on loopback only, or to other machines."""

import ipaddress
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from amiproxy.config import UpstreamSettings
from amiproxy.config.address import is_loopback
from amiproxy.core.model.networks import canonical
from amiproxy.tools.doctor.finding import DoctorFinding, fail, ok

_LISTEN: Final = "0A"


def open_ports(upstream: UpstreamSettings, tables: Path = Path("/proc/self/net")) -> Iterator[DoctorFinding]:
    """Whether Asterisk's port can be reached from other machines; no finding if Asterisk is on another one.

    ``tables`` is the directory with the kernel's files ``tcp`` and ``tcp6``.
    """
    try:
        host = ipaddress.ip_address(upstream.host)
    except ValueError:
        host = ipaddress.ip_address("127.0.0.1" if upstream.host == "localhost" else "0.0.0.0")  # noqa: S104
    if not host.is_loopback:
        return
    addresses = [
        address
        for table in ("tcp", "tcp6")
        if (tables / table).exists()
        for address, port in _listening(tables / table)
        if port == upstream.port
    ]
    wide = [address for address in addresses if not is_loopback(canonical(str(address)))]
    for address in wide:
        text = f"port {upstream.port} is open on {address}: other machines can bypass the proxy"
        yield fail("asterisk", text, "set bindaddr = 127.0.0.1 in manager.conf, and restart Asterisk")
    if addresses and not wide:
        yield ok("asterisk", f"port {upstream.port} is open on loopback only")


def _listening(table: Path) -> Iterator[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]]:
    for line in table.read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == _LISTEN:
            words, _, port = fields[1].partition(":")
            # The kernel prints each 32-bit word of the address as a number in native byte order.
            packed = b"".join(
                struct.pack("=I", int(words[at : at + 8], 16)) for at in range(0, len(words), 8)
            )
            yield ipaddress.ip_address(packed), int(port, 16)
