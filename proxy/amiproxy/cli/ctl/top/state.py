"""What the keys of ``ctl top`` have chosen: order, filter, selection, and what is on the screen.  Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

from amiproxy.cli.ctl.top.board import Board, Row, matching, ordered

#: Columns to sort by, in the order of the screen: the field of ``Row`` and its heading.
SORTED_BY: Final = {
    "id": "session",
    "user": "user",
    "server": "server",
    "sessions": "sessions",
    "peer": "peer",
    "state": "state",
    "age": "age",
    "rate_in": "in/s",
    "rate_out": "out/s",
    "outbox": "outbox",
    "denied": "denied",
    "proxy": "proxy",
    "asterisk": "asterisk",
}
_LONGEST_FILTER: Final = 40


class Mode(Enum):
    """What the next key is for."""

    LIST = auto()
    FILTER = auto()
    DETAILS = auto()
    CONFIRM = auto()
    HELP = auto()


class Wish(NamedTuple):
    """Something to do outside the screen: quit, kick, or details of a ``target`` as ``ctl kick`` takes it."""

    what: str
    target: str = ""


@dataclass
class State:
    """Takes keys by name, such as ``up``, ``pagedown``, ``enter``, ``escape``, or one character."""

    column: str = "rate_out"
    reverse: bool = False
    by_user: bool = False
    filter: str = ""
    paused: bool = False
    selected: str | None = None
    #: The first row on the screen, and how many there is room for.
    top: int = 0
    page: int = 1
    mode: Mode = Mode.LIST
    #: What was done or is wrong, for the footer.
    message: str = ""
    _before: str = ""

    def rows(self, board: Board) -> list[Row]:
        """The rows to show, in their order."""
        return ordered(
            matching(board.users if self.by_user else board.sessions, self.filter),
            self.column,
            reverse=self.reverse,
        )

    def find(self, rows: Sequence[Row]) -> Row | None:
        """The selected row."""
        return next((row for row in rows if row.id == self.selected), None)

    def window(self, rows: Sequence[Row], room: int) -> Sequence[Row]:
        """The rows for which there is room, the selected one among them."""
        self.page = max(room, 1)
        place = next((number for number, row in enumerate(rows) if row.id == self.selected), None)
        if place is not None:
            self.top = min(max(self.top, place - self.page + 1), place)
        self.top = max(min(self.top, len(rows) - self.page), 0)
        return rows[self.top : self.top + self.page]

    def press(self, key: str, board: Board) -> Wish | None:
        """Take one key; returns what it asks for, if that is outside the screen."""
        self.message = ""
        rows = self.rows(board)
        match self.mode:
            case Mode.FILTER:
                self._edit(key)
            case Mode.CONFIRM:
                return self._confirmed(key, rows)
            case Mode.DETAILS | Mode.HELP if key in {"enter", "escape", "q", "h", "?", "backspace"}:
                self.mode = Mode.LIST
            case Mode.HELP:
                self.mode = Mode.LIST
            case Mode.DETAILS if key == "k":
                self._ask_to_kick(rows)
            case Mode.DETAILS:
                pass
            case _:
                return self._in_list(key, rows, board)
        return None

    def _in_list(self, key: str, rows: Sequence[Row], board: Board) -> Wish | None:
        match key:
            case "q":
                return Wish("quit")
            case "up" | "down" | "pageup" | "pagedown" | "home" | "end":
                self._move(key, rows)
            case "s" | "right" | "S" | "left":
                self._next_column(-1 if key in {"S", "left"} else 1, board)
            case "r":
                self.reverse = not self.reverse
            case "u":
                self._show(board, by_user=not self.by_user)
            case "/":
                self.mode, self._before = Mode.FILTER, self.filter
            case " ":
                self.paused = not self.paused
            case "h" | "?":
                self.mode = Mode.HELP
            case "k":
                self._ask_to_kick(rows)
            case "enter":
                return self._entered(rows, board)
            case "escape":
                self.filter, self.selected = "", None
            case _:
                pass
        return None

    def _move(self, key: str, rows: Sequence[Row]) -> None:
        if not rows:
            return
        place = next((number for number, row in enumerate(rows) if row.id == self.selected), None)
        last = len(rows) - 1
        if place is None:
            # The first key selects a row that is on the screen.
            place = {"end": last, "up": min(self.top + self.page - 1, last), "home": 0}.get(key, self.top)
        else:
            steps = {"up": -1, "down": 1, "pageup": -self.page, "pagedown": self.page}
            place = {"home": 0, "end": last}.get(key, place + steps.get(key, 0))
        self.selected = rows[min(max(place, 0), last)].id

    def _show(self, board: Board, *, by_user: bool) -> None:
        self.by_user, self.selected, self.top = by_user, None, 0
        if self.column not in self._columns(board):
            self.column = "rate_out"

    def _columns(self, board: Board) -> list[str]:
        """The columns of what is shown: a user has no id and state, a session no number of sessions."""
        missing = {"id", "state"} if self.by_user else {"sessions"}
        if not board.is_named:
            missing.add("server")
        return [name for name in SORTED_BY if name not in missing]

    def _next_column(self, step: int, board: Board) -> None:
        names = self._columns(board)
        self.column = names[(names.index(self.column) + step) % len(names)]

    def _entered(self, rows: Sequence[Row], board: Board) -> Wish | None:
        row = self.find(rows)
        if row is None:
            self.message = "select a row with the arrow keys first"
        elif self.by_user:
            # The user's sessions.
            self.filter = row.id
            self._show(board, by_user=False)
        else:
            self.mode = Mode.DETAILS
            return Wish("details", row.id)
        return None

    def _ask_to_kick(self, rows: Sequence[Row]) -> None:
        row = self.find(rows)
        if row is None:
            self.message = "select a row with the arrow keys first"
        elif self.by_user and row.user == "-":
            self.message = "these sessions have not logged in: press u, and select one of them"
        else:
            self.mode = Mode.CONFIRM

    def _confirmed(self, key: str, rows: Sequence[Row]) -> Wish | None:
        row = self.find(rows)
        self.mode = Mode.LIST
        if row is None:
            self.message = "the session has ended meanwhile"
        elif key.lower() == "y":
            return Wish("kick", f"user:{row.user}" if self.by_user else row.id)
        else:
            self.message = "not kicked"
        return None

    def _edit(self, key: str) -> None:
        match key:
            case "enter":
                self.mode = Mode.LIST
            case "escape":
                self.mode, self.filter = Mode.LIST, self._before
            case "backspace":
                self.filter = self.filter[:-1]
            case _ if len(key) == 1 and key.isprintable() and len(self.filter) < _LONGEST_FILTER:
                self.filter += key
            case _:
                pass
