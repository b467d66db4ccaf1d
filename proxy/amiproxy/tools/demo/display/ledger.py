"""Rows that show which user saw which event: the same event is in the same row for all users.

Pure: the caller passes the time.
"""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum

#: Seconds after which an event is not expected any more: both sessions are on this machine.
HOLD = 0.4
_KEPT = 500


class Kind(Enum):
    """The kinds of cells."""

    EVENT = "event"
    ACTION = "action"
    ALLOWED = "allowed"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Cell:
    """An event that one user saw, an action of the user, or its response."""

    text: str
    kind: Kind


class Row:
    """One event, action or response; ``cells`` has None for each user who did not see it."""

    __slots__ = ("cells", "key", "stamp", "when")

    def __init__(self, when: float, stamp: str, key: Hashable, users: int) -> None:
        self.when = when
        self.stamp = stamp
        self.key = key
        self.cells: list[Cell | None] = [None] * users

    @property
    def is_event(self) -> bool:
        """Whether the row is an event, which other users may have seen too."""
        return self.key is not None


class Ledger:
    """The rows so far, in the order in which the first of the users saw them."""

    def __init__(self, users: int) -> None:
        self._users = users
        self.rows: deque[Row] = deque(maxlen=_KEPT)
        self._untold: deque[Row] = deque()

    def saw(self, user: int, key: Hashable, text: str, when: float, stamp: str) -> None:
        """Record that a user got an event; ``key`` is equal if another user gets the same event.

        ``when`` is in monotonic seconds, ``stamp`` the time as it is shown.
        """
        row = next((row for row in self._untold if row.key == key and row.cells[user] is None), None)
        if row is None:
            row = self._add(Row(when, stamp, key, self._users))
        row.cells[user] = Cell(text, Kind.EVENT)

    def did(self, user: int, text: str, kind: Kind, when: float, stamp: str) -> None:
        """Record an action of a user, or its response; ``when`` and ``stamp`` as for ``saw``."""
        self._add(Row(when, stamp, None, self._users)).cells[user] = Cell(text, kind)

    def take(self, now: float) -> list[Row]:
        """The rows that have become final by ``now`` (monotonic seconds), in order; each is returned once."""
        told = []
        while self._untold and self._is_final(self._untold[0], now):
            told.append(self._untold.popleft())
        return told

    def _add(self, row: Row) -> Row:
        self.rows.append(row)
        self._untold.append(row)
        return row

    @staticmethod
    def _is_final(row: Row, now: float) -> bool:
        return not row.is_event or None not in row.cells or now - row.when > HOLD
