"""Rows of who saw what: the same event stands in the same row for everybody who got it.

Pure: time is handed in.
"""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum

#: Seconds after which an event that has not come will not come: both sessions are on this machine.
HOLD = 0.4
_KEPT = 500


class Kind(Enum):
    """What a cell holds."""

    EVENT = "event"
    ACTION = "action"
    ALLOWED = "allowed"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Cell:
    """What one user saw or did."""

    text: str
    kind: Kind


class Row:
    """One moment; ``cells`` has None for who saw nothing of it."""

    __slots__ = ("cells", "key", "stamp", "when")

    def __init__(self, when: float, stamp: str, key: Hashable, users: int) -> None:
        self.when = when
        self.stamp = stamp
        self.key = key
        self.cells: list[Cell | None] = [None] * users

    @property
    def is_event(self) -> bool:
        """Whether others may have seen it too."""
        return self.key is not None


class Ledger:
    """The rows so far, in the order in which the first of the users saw them."""

    def __init__(self, users: int) -> None:
        self._users = users
        self.rows: deque[Row] = deque(maxlen=_KEPT)
        self._untold: deque[Row] = deque()

    def saw(self, user: int, key: Hashable, text: str, when: float, stamp: str) -> None:
        """A user got an event; ``key`` is equal for the same event of another user."""
        row = next((row for row in self._untold if row.key == key and row.cells[user] is None), None)
        if row is None:
            row = self._add(Row(when, stamp, key, self._users))
        row.cells[user] = Cell(text, Kind.EVENT)

    def did(self, user: int, text: str, kind: Kind, when: float, stamp: str) -> None:
        """A user did something, or was answered."""
        self._add(Row(when, stamp, None, self._users)).cells[user] = Cell(text, kind)

    def take(self, now: float) -> list[Row]:
        """The rows that no longer change, each once, in order."""
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
