"""Which key exchange groups this process offers: OpenSSL's own set, or what OPENSSL_CONF makes of it.

Python cannot ask, nor choose, before 3.15.  But a ClientHello says it in clear,
and one can be had without a connection.
"""

import ssl
import struct

#: The post-quantum hybrid; numbers are IANA's (TLS Supported Groups).
X25519MLKEM768 = 0x11EC
_SUPPORTED_GROUPS = 10
# Record header, handshake header, version, random: what is before the session id.
_FIXED = 5 + 4 + 2 + 32


def offered_groups() -> tuple[int, ...]:
    """By IANA's numbers, in order of preference."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    to_us, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_us, to_server, server_hostname="localhost")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return _groups_of(to_server.read())
    raise AssertionError("a handshake with nobody cannot end")


def _groups_of(hello: bytes) -> tuple[int, ...]:
    """What the extension ``supported_groups`` of a ClientHello lists (RFC 8446, 4.1.2 and 4.2.7)."""
    at = _FIXED
    at += 1 + hello[at]  # session id
    at += 2 + int.from_bytes(hello[at : at + 2], "big")  # cipher suites
    at += 1 + hello[at]  # compression methods
    at += 2  # length of all extensions
    while at < len(hello):
        kind, length = struct.unpack_from(">HH", hello, at)
        at += 4
        if kind == _SUPPORTED_GROUPS:
            return struct.unpack_from(f">{(length - 2) // 2}H", hello, at + 2)
        at += length
    return ()
