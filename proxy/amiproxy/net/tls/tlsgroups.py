"""The key exchange groups that this process offers: OpenSSL's defaults, or as set by OPENSSL_CONF.

Before Python 3.15 the ``ssl`` module can neither query nor set them.  But a ClientHello
lists them in clear text, and can be created without a connection.
"""

import ssl
import struct

#: The post-quantum hybrid; numbers are IANA's (TLS Supported Groups).
X25519MLKEM768 = 0x11EC
_SUPPORTED_GROUPS = 10
# Bytes before the session id: record header, handshake header, version, random.
_FIXED = 5 + 4 + 2 + 32


def offered_groups() -> tuple[int, ...]:
    """IANA's numbers of the offered groups, in order of preference."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    to_us, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_us, to_server, server_hostname="localhost")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return _groups_of(to_server.read())
    raise AssertionError("a handshake without a peer cannot finish")


def _groups_of(hello: bytes) -> tuple[int, ...]:
    """The groups in the ``supported_groups`` extension of a ClientHello (RFC 8446, 4.1.2 and 4.2.7)."""
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
