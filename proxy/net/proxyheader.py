"""PROXY protocol, versions 1 and 2: what a proxy says of a connection before the first byte of its client.

The format is HAProxy's (doc/proxy-protocol.txt of its sources).  Nothing is
guessed: what is not exactly a header is malformed, and of a version 2 header
only the addresses are used, whatever else it carries.
"""

import ipaddress
import re
import struct
from enum import Enum
from typing import Final, Literal, NamedTuple

#: The longest header that is taken, in bytes: addresses of version 2 and what else it may carry.
LONGEST: Final = 536

_V1: Final = b"PROXY "
#: With its end of line; the specification's bound.
_V1_LONGEST: Final = 107
_V1_LINE: Final = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r\n]*)?"
    rb"|(TCP[46]) ([0-9a-fA-F.:]+) ([0-9a-fA-F.:]+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4}))"
)
_V2: Final = b"\r\n\r\n\0\r\nQUIT\n"
#: The signature, version and command, family and transport, the length of what follows.
_V2_START: Final = struct.Struct("!12sBBH")
_LOCAL_COMMAND: Final = 0x20
_PROXY_COMMAND: Final = 0x21
_UNSPECIFIED: Final = 0x00
#: By family and transport: two addresses, two ports.
_V2_ADDRESSES: Final = {0x11: struct.Struct("!4s4sHH"), 0x21: struct.Struct("!16s16sHH")}


class Header(NamedTuple):
    """A client's address and port, and those it connected to; the header had ``size`` bytes."""

    address: str
    port: int
    local_address: str
    local_port: int
    size: int


class Local(NamedTuple):
    """A header of ``size`` bytes that names no client: the proxy's own connection, or of unknown origin."""

    size: int


class Unread(Enum):
    """Why there is no header."""

    #: All bytes so far belong to it, and more are needed.
    INCOMPLETE = "incomplete"
    #: No byte that may follow makes it one.
    MALFORMED = "malformed"


Parsed = Header | Local | Literal[Unread.INCOMPLETE, Unread.MALFORMED]


def parse(data: bytes) -> Parsed:
    """The header that ``data`` begins with.  What stands behind it is not looked at.

    Once an answer other than INCOMPLETE is given, more data does not change it;
    ``LONGEST`` bytes are never INCOMPLETE.
    """
    if _begins(data, _V1):
        return _parse_v1(data)
    if _begins(data, _V2):
        return _parse_v2(data)
    return Unread.MALFORMED


def _begins(data: bytes, signature: bytes) -> bool:
    return data[: len(signature)] == signature[: len(data)]


def _parse_v1(data: bytes) -> Parsed:
    line, end, _ = data[:_V1_LONGEST].partition(b"\r\n")
    if not end:
        return Unread.INCOMPLETE if len(data) < _V1_LONGEST else Unread.MALFORMED
    match = _V1_LINE.fullmatch(line)
    if match is None:
        return Unread.MALFORMED
    size = len(line) + len(end)
    if match[1] is None:
        return Local(size)
    kind = ipaddress.IPv4Address if match[1] == b"TCP4" else ipaddress.IPv6Address
    port, local_port = int(match[4]), int(match[5])
    try:
        address, local_address = kind(match[2].decode()), kind(match[3].decode())
    except ValueError:
        return Unread.MALFORMED
    if max(port, local_port) > 0xFFFF:
        return Unread.MALFORMED
    return Header(_spell(address), port, _spell(local_address), local_port, size)


def _parse_v2(data: bytes) -> Parsed:
    if len(data) < _V2_START.size:
        return Unread.INCOMPLETE
    _, command, family, length = _V2_START.unpack_from(data)
    size = _V2_START.size + length
    if command not in (_LOCAL_COMMAND, _PROXY_COMMAND) or size > LONGEST:
        return Unread.MALFORMED
    # A local connection's family says nothing; an unspecified one has no address.
    nameless = command == _LOCAL_COMMAND or family == _UNSPECIFIED
    addresses = _V2_ADDRESSES.get(family)
    if not nameless and (addresses is None or length < addresses.size):
        return Unread.MALFORMED
    if len(data) < size:
        return Unread.INCOMPLETE
    if nameless or addresses is None:
        return Local(size)
    source, target, port, local_port = addresses.unpack_from(data, _V2_START.size)
    address, local_address = ipaddress.ip_address(source), ipaddress.ip_address(target)
    return Header(_spell(address), port, _spell(local_address), local_port, size)


def _spell(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """As the kernel would, and IPv4 in IPv6 dress as IPv4: limits and acl compare texts and networks."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
