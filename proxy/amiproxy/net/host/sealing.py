"""Sealing: the tokens in which clients see positions in the events of a server.

A position is one block of AES: what one part of it says cannot be changed without changing the other at
random.  So a token is short, and its epoch (64 random bits) is proof enough that it is genuine, also if it is
opened with each of several keys.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

#: Bytes of a key.
KEY_BYTES: Final = 16
#: The first letter of a token, which says the form of the rest.
_LETTER: Final = b"A"
#: Its length with the letter: 16 bytes in base64, without the two signs that fill it up.
_LENGTH: Final = 23


class AesSealer:
    """Seals with one key, and opens what was sealed with any of several; see ``Sealer`` in core/ports.py.

    Those who have the same key can open each other's tokens.
    """

    __slots__ = ("_decrypts", "_encrypt")

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        """It seals with the first key; a random one is used if there is none.

        Raises ValueError if a key is not one of ``KEY_BYTES``.
        """
        keys = keys or (secrets.token_bytes(KEY_BYTES),)
        if any(len(key) != KEY_BYTES for key in keys):
            raise ValueError("not a key of 16 bytes")
        # In this mode each block is encrypted alone.  Equal positions are to have equal tokens, and a token
        # is a single block.
        ciphers = [Cipher(AES(key), ECB()) for key in keys]  # noqa: S305
        self._encrypt = ciphers[0].encryptor().update
        self._decrypts = [cipher.decryptor().update for cipher in ciphers]

    def seal(self, epoch: int, sequence: int) -> bytes:
        """See ``Sealer``."""
        block = self._encrypt((epoch << 64 | sequence).to_bytes(16))
        return _LETTER + urlsafe_b64encode(block)[:22]

    def open(self, token: bytes) -> tuple[tuple[int, int], ...]:
        """See ``Sealer``."""
        if len(token) != _LENGTH or not token.startswith(_LETTER):
            return ()
        try:
            block = urlsafe_b64decode(token[1:] + b"==")
        except ValueError:
            return ()
        if urlsafe_b64encode(block)[:22] != token[1:]:
            return ()  # signs that base64 skips, or bits that it ignores
        numbers = [int.from_bytes(decrypt(block)) for decrypt in self._decrypts]
        return tuple((number >> 64, number & 0xFFFF_FFFF_FFFF_FFFF) for number in numbers)
