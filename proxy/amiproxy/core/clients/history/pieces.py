"""Pieces: parts of journals as clients of one view are sent them, made once for all of these clients.

Many clients that were interrupted by the same fault come back at the same time, and read the same parts of a
journal one after the other.
"""

# mypyc: compiled

from collections.abc import Hashable
from typing import Final, NamedTuple

#: Most pieces that are kept.
_MOST: Final = 32


class Piece(NamedTuple):
    """Some events, joined."""

    data: bytes
    #: How many there are.
    events: int


class Pieces:
    """The pieces that were made last."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        #: Those used longest ago come first.
        self._kept: dict[Hashable, Piece] = {}

    def find(self, key: Hashable) -> Piece | None:
        """The piece with this key, if it is kept still."""
        piece = self._kept.pop(key, None)
        if piece is not None:
            self._kept[key] = piece
        return piece

    def keep(self, key: Hashable, piece: Piece) -> None:
        """Keep this piece, in place of the one that was used longest ago."""
        self._kept[key] = piece
        if len(self._kept) > _MOST:
            del self._kept[next(iter(self._kept))]

    def clear(self) -> None:
        """Keep none: nobody needs them now."""
        self._kept.clear()
