"""NKeys: the Ed25519 keys by which processes prove to a nats-server who they are.

A seed is the private key, 58 characters that begin with SU for a user; the public key has 56 characters and
begins with U.  Both are base32 of a prefix, the key and a checksum, as github.com/nats-io/nkeys writes them.
"""

import base64
import binascii
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from amiproxy.core.model.errors import Unfit

#: The bytes of an Ed25519 private key.
KEY_BYTES: Final = 32
_SEED: Final = 18 << 3
_USER: Final = 20 << 3
#: A seed's prefix has two bytes: five bits say that it is a seed, the next eight whose.
_PREFIX: Final = bytes((_SEED | _USER >> 5, (_USER & 0b11111) << 3))
_REMEDY: Final = "make one with: ami-proxy fleet keys"


def seed_of(key: bytes) -> bytes:
    """The seed of a user whose private key is these 32 bytes."""
    return _encoded(_PREFIX + key)


def public_of(seed: bytes) -> str:
    """The public key of a user's seed.  Raises Unfit if it is not the seed of a user; never repeats it."""
    return _encoded(bytes((_USER,)) + _private(seed).public_key().public_bytes_raw()).decode()


def signature(seed: bytes, nonce: str) -> str:
    """What a client sends to prove that it has the seed; ``nonce`` is the server's.  Raises Unfit."""
    signed = _private(seed).sign(nonce.encode("utf-8", "surrogateescape"))
    return base64.urlsafe_b64encode(signed).decode().rstrip("=")


def check_seed(seed: bytes) -> None:
    """Raise Unfit unless this is the seed of a user; never repeats it."""
    _key_of(seed)


def _private(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_key_of(seed))


def _key_of(seed: bytes) -> bytes:
    try:
        raw = base64.b32decode(seed + b"=" * (-len(seed) % 8))
    except binascii.Error:
        raw = b""
    content, checksum = raw[:-2], raw[-2:]
    if len(content) != len(_PREFIX) + KEY_BYTES or content[:1] != _PREFIX[:1]:
        raise Unfit("not the seed of an nkey", _REMEDY)
    if _checksum(content) != checksum:
        raise Unfit("the checksum of the seed is wrong: a character was changed", _REMEDY)
    if content[: len(_PREFIX)] != _PREFIX:
        raise Unfit("the seed of another kind of nkey than that of a user", _REMEDY)
    return content[len(_PREFIX) :]


def _encoded(content: bytes) -> bytes:
    return base64.b32encode(content + _checksum(content)).rstrip(b"=")


def _checksum(content: bytes) -> bytes:
    return binascii.crc_hqx(content, 0).to_bytes(2, "little")
