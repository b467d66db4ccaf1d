"""PROXY protocol, versions 1 and 2: the header in which a proxy names the client of a connection.

The format is HAProxy's (doc/proxy-protocol.txt of its sources).  The parser does not
guess: anything that is not exactly a header is malformed.  Of a version 2 header only
the addresses are used; its TLVs are ignored.
"""

import ipaddress
import re
import struct
from enum import Enum
from typing import Final, Literal, NamedTuple

#: Maximum size of a header in bytes: version 2 with its addresses and TLVs.
LONGEST: Final = 536

_V1: Final = b"PROXY "
#: Maximum size of a version 1 header including CRLF, by the specification.
_V1_LONGEST: Final = 107
_V1_LINE: Final = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r\n]*)?"
    rb"|(TCP[46]) ([0-9a-fA-F.:]+) ([0-9a-fA-F.:]+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4}))"
)
_V2: Final = b"\r\n\r\n\0\r\nQUIT\n"
#: Signature, version and command, family and transport, length of the rest.
_V2_START: Final = struct.Struct("!12sBBH")
_LOCAL_COMMAND: Final = 0x20
_PROXY_COMMAND: Final = 0x21
_UNSPECIFIED: Final = 0x00
#: Layout of two addresses and two ports, by family and transport.
_V2_ADDRESSES: Final = {0x11: struct.Struct("!4s4sHH"), 0x21: struct.Struct("!16s16sHH")}


class Header(NamedTuple):
    """The client's address and port, and those that it connected to; ``size`` is the header's in bytes."""

    address: str
    port: int
    local_address: str
    local_port: int
    size: int


class Local(NamedTuple):
    """A header of ``size`` bytes without a client: the proxy's own connection, or one of unknown origin."""

    size: int


class Unread(Enum):
    """Why no header could be read."""

    #: The bytes are the beginning of a header, and more are needed.
    INCOMPLETE = "incomplete"
    #: The bytes are not a header, and no further bytes can make them one.
    MALFORMED = "malformed"


Parsed = Header | Local | Literal[Unread.INCOMPLETE, Unread.MALFORMED]


def parse(data: bytes) -> Parsed:
    """Parse the header at the beginning of ``data``; bytes after it are ignored.

    More data never changes a result other than INCOMPLETE, and ``LONGEST`` bytes are never INCOMPLETE.  It
    never raises: a header that is not valid is MALFORMED.
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
    return Header(str(address), port, str(local_address), local_port, size)


def _parse_v2(data: bytes) -> Parsed:
    if len(data) < _V2_START.size:
        return Unread.INCOMPLETE
    _, command, family, length = _V2_START.unpack_from(data)
    size = _V2_START.size + length
    if command not in (_LOCAL_COMMAND, _PROXY_COMMAND) or size > LONGEST:
        return Unread.MALFORMED
    # The family of a local connection has no meaning, and an unspecified family has no addresses.
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
    return Header(str(address), port, str(local_address), local_port, size)
