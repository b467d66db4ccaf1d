"""NATS' keys: Ed25519 in base32, with a type and a checksum.

These are the tests' own, so that a mistake of the product's cannot hide here.
"""

import base64
import binascii
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

_SEED, _USER = 18 << 3, 20 << 3


class UserKey(NamedTuple):
    """The key of one user: ``seed`` is secret, ``public`` stands in the server's configuration."""

    seed: str
    public: str
    key: Ed25519PrivateKey

    def signature(self, nonce: str) -> str:
        """What ``CONNECT`` has as ``sig``."""
        return base64.urlsafe_b64encode(self.key.sign(nonce.encode())).decode().rstrip("=")


def user_key(seed: str = "") -> UserKey:
    """A new key, or the one of a seed."""
    key = Ed25519PrivateKey.from_private_bytes(_decoded(seed)[2:]) if seed else Ed25519PrivateKey.generate()
    secret = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    # Each of the two types has five bits, and they stand in the first bits of two bytes.
    types = bytes((_SEED | _USER >> 5, (_USER & 31) << 3))
    return UserKey(_encoded(types + secret), _encoded(bytes((_USER,)) + public), key)


def _encoded(data: bytes) -> str:
    checked = data + binascii.crc_hqx(data, 0).to_bytes(2, "little")
    return base64.b32encode(checked).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    data = base64.b32decode(text + "=" * (-len(text) % 8))
    assert binascii.crc_hqx(data[:-2], 0).to_bytes(2, "little") == data[-2:]
    return data[:-2]
