"""Secrets, and their hashes as PHC strings, as in users.yaml: make, check, verify.

New hashes are Argon2id; scrypt (``$scrypt$ln=17,r=8,p=1$salt$hash``) is accepted as
well.  The cost parameters of stored hashes are limited, since every login pays for
them: a bad users file must not be able to take down the host.
"""

import base64
import binascii
import os
import re
import secrets

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from amiproxy.core.model.errors import Unfit

#: The longest secret, in bytes: Asterisk reads lines of at most 1,022, with the header's name.
MAX_SECRET_BYTES = 900

#: OWASP's minimum for Argon2id: 19 MiB, two passes; about 40 ms.
MEMORY_KIB = 19_456
PASSES = 2
LANES = 1
MAX_MEMORY_KIB = 256 << 10
MAX_PASSES = 16
MAX_LANES = 16

_ARGON2ID = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,10}),t=(\d{1,10}),p=(\d{1,10})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})"
)
_SCRYPT = re.compile(
    r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})"
)


class InvalidHash(Unfit):
    """The text is not a hash that can be verified here; the message says why and never repeats the text."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "make one with: ami-proxy users hash")


def random_secret() -> str:
    """A new secret of 288 bits: 48 letters, digits, ``-`` and ``_``, the length that the doctor asks for."""
    return secrets.token_urlsafe(36)


def hash_secret(secret: bytes, memory_kib: int = MEMORY_KIB, passes: int = PASSES, lanes: int = LANES) -> str:
    """A new Argon2id hash (PHC string) with its own salt.

    Takes about 40 ms by default, so it is not for the event loop.  ``memory_kib`` is in KiB of 1024 bytes.
    """
    kdf = Argon2id(salt=os.urandom(16), length=32, iterations=passes, lanes=lanes, memory_cost=memory_kib)
    return kdf.derive_phc_encoded(secret)


def check_hash(stored: str) -> None:
    """Raise InvalidHash unless ``verify`` accepts the hash and its cost is within the limits."""
    if match := _ARGON2ID.fullmatch(stored):
        memory, passes, lanes = map(int, match.groups()[:3])
        if not (1 <= lanes <= MAX_LANES and 1 <= passes <= MAX_PASSES and memory >= 8 * lanes):
            raise InvalidHash(
                f"parameters out of range: t is 1 to {MAX_PASSES}, p is 1 to {MAX_LANES}, m is at least 8p"
            )
        if memory > MAX_MEMORY_KIB:
            raise InvalidHash(f"needs m={memory} KiB of memory; at most {MAX_MEMORY_KIB} KiB are allowed")
    elif match := _SCRYPT.fullmatch(stored):
        exponent, blocks, lanes = map(int, match.groups()[:3])
        if not (exponent >= 1 and blocks >= 1 and 1 <= lanes <= MAX_LANES):
            raise InvalidHash(f"parameters out of range: ln and r are at least 1, p is 1 to {MAX_LANES}")
        if 128 * blocks << exponent > MAX_MEMORY_KIB << 10:
            raise InvalidHash(f"needs more than the allowed {MAX_MEMORY_KIB} KiB of memory")
    elif stored.startswith("$"):
        raise InvalidHash("not a supported hash ($argon2id$v=19$… or $scrypt$…), or cut short")
    else:
        raise InvalidHash("plain text instead of a hash")
    for part in match.groups()[3:]:
        _decode(part)


def verify(stored: str, candidate: bytes) -> bool:
    """Whether the candidate matches this hash.  Raises InvalidHash like ``check_hash``.

    Slow on purpose, as ``hash_secret`` is, so it is not for the event loop.
    """
    check_hash(stored)
    try:
        if stored.startswith("$argon2id$"):
            Argon2id.verify_phc_encoded(candidate, stored)
        else:
            exponent, blocks, lanes, salt, key = _SCRYPT.fullmatch(stored).groups()  # type: ignore[union-attr]
            key = _decode(key)
            kdf = Scrypt(
                salt=_decode(salt), length=len(key), n=1 << int(exponent), r=int(blocks), p=int(lanes)
            )
            kdf.verify(candidate, key)
    except InvalidKey:
        return False
    return True


def cost(stored: str) -> str:
    """The cost parameters of a hash: ``$argon2id$v=19$m=19456,t=2,p=1``.  The hash is not checked."""
    return stored.rsplit("$", 2)[0]


def work(stored: str) -> int:
    """The cost of verifying a hash in KiB of memory written, for ordering hashes; 0 if it is not a hash."""
    if match := _ARGON2ID.fullmatch(stored):
        return int(match[1]) * int(match[2])
    match = _SCRYPT.fullmatch(stored)
    return 0 if match is None else int(match[2]) * int(match[3]) << int(match[1]) >> 3


def is_weak(stored: str) -> bool:
    """Whether guessing against this hash is cheaper than against those ``hash_secret`` makes by default."""
    if match := _ARGON2ID.fullmatch(stored):
        return int(match[1]) * int(match[2]) < MEMORY_KIB * PASSES
    match = _SCRYPT.fullmatch(stored)
    return match is None or int(match[2]) << int(match[1]) < 8 << 17


def dummy_hash(like: str | None = None) -> str:
    """A hash without a known secret that costs as much to verify as ``like``; used for unknown user names."""
    prefix = cost(like) if like else f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}"
    return f"{prefix}${_encode(os.urandom(16))}${_encode(os.urandom(32))}"


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise InvalidHash("the hash is damaged or cut short") from None
    if _encode(data) != text:
        raise InvalidHash("the hash is damaged or cut short")
    return data
