"""Pieces: events of journals as clients of one view are sent them, made once for all of these clients.

Many clients that were interrupted by the same fault come back at the same time, and read the same parts of a
journal, though not all from the same event on.
"""

# mypyc: compiled

from collections.abc import Hashable
from typing import Final, NamedTuple

from amiproxy.core.history.journal import EVENT_BYTES

#: About the most bytes that are kept.
_MOST: Final = 4 << 20


class Piece(NamedTuple):
    """Some events, joined."""

    data: bytes
    #: How many there are.
    events: int


class Pieces:
    """The events that were made since it was last full."""

    __slots__ = ("_made", "_size")

    def __init__(self) -> None:
        self._made: dict[Hashable, dict[int, bytes]] = {}
        self._size = 0

    def of(self, key: Hashable) -> dict[int, bytes]:
        """The events made with this key, by their numbers; b"" for those that the clients are not sent.

        The caller adds those that it makes, and tells ``grow`` their size.
        """
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = {}
        return made

    def grow(self, events: int, size: int) -> None:
        """So many events were added, of so many bytes; keep none if that is too much."""
        self._size += size + events * EVENT_BYTES
        if self._size > _MOST:
            self.clear()

    def clear(self) -> None:
        """Keep none: nobody needs them now."""
        self._made.clear()
        self._size = 0
