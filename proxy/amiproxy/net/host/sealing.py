"""Sealing: the tokens in which clients see positions in the events of a server.

A position is one block of AES: what one part of it says cannot be changed without changing the other at
random.  So a token is short, and its epoch (64 random bits) is proof enough that it is genuine.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

#: Bytes of a key.
KEY_BYTES: Final = 16
#: The first letter of a token: which key it is sealed with, and so also the form of the rest.
_LETTER: Final = b"A"
#: Its length with the letter: 16 bytes in base64, without the two signs that fill it up.
_LENGTH: Final = 23


class AesSealer:
    """Seals with one key; see ``Sealer`` in core/ports.py.

    Those who have the same key can open each other's tokens.  Without a key, a random one is used.
    """

    __slots__ = ("_decrypt", "_encrypt")

    def __init__(self, key: bytes = b"") -> None:
        """Raises ValueError if the key is not one of ``KEY_BYTES``."""
        key = key or secrets.token_bytes(KEY_BYTES)
        if len(key) != KEY_BYTES:
            raise ValueError("not a key of 16 bytes")
        # In this mode each block is encrypted alone.  Equal positions are to have equal tokens, and a token
        # is a single block.
        cipher = Cipher(AES(key), ECB())  # noqa: S305
        self._encrypt = cipher.encryptor().update
        self._decrypt = cipher.decryptor().update

    def seal(self, epoch: int, sequence: int) -> bytes:
        """See ``Sealer``."""
        block = self._encrypt((epoch << 64 | sequence).to_bytes(16))
        return _LETTER + urlsafe_b64encode(block)[:22]

    def open(self, token: bytes) -> tuple[int, int] | None:
        """See ``Sealer``."""
        if len(token) != _LENGTH or not token.startswith(_LETTER):
            return None
        try:
            block = urlsafe_b64decode(token[1:] + b"==")
        except ValueError:
            return None
        if urlsafe_b64encode(block)[:22] != token[1:]:
            return None  # signs that base64 skips, or bits that it ignores
        number = int.from_bytes(self._decrypt(block))
        return number >> 64, number & 0xFFFF_FFFF_FFFF_FFFF
