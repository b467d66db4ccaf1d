"""The demo's display: two live columns on a terminal, or line by line elsewhere."""

from collections.abc import Sequence
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from amiproxy.tools import terminal
from amiproxy.tools.demo.accounts import Account
from amiproxy.tools.demo.display.ledger import Cell, Kind, Ledger, Row
from amiproxy.tools.demo.evidence import Promise

_STYLES = {Kind.EVENT: "", Kind.ACTION: "bold cyan", Kind.ALLOWED: "bold green", Kind.DENIED: "bold red"}
_STAMP_WIDTH = 8
#: Rows of the live part: many while there is no other text, fewer below the instructions.
_MARGIN, _MARGIN_BELOW_TEXT = 9, 24
_FEWEST, _MOST, _MOST_BELOW_TEXT = 5, 24, 12


class Screen(Protocol):
    """Where the demo is shown.  Use it as a context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def refresh(self, now: float) -> None:
        """Show the rows that were added since; ``now`` is in monotonic seconds."""

    def say(self, *lines: RenderableType) -> None:
        """Show lasting text above or between the rows."""


class _Columns:
    """The columns that both displays share: the time, then one for each user."""

    def __init__(self, console: Console, accounts: Sequence[Account], ledger: Ledger) -> None:
        self.console = console
        self.accounts = accounts
        self.ledger = ledger

    def heading(self) -> Table:
        """The names of the users and their rights."""
        table = self.table()
        table.add_row("", *(Text(account.name, style="bold") for account in self.accounts))
        table.add_row("", *(self._dim(f"sees {','.join(account.read)}") for account in self.accounts))
        writes = (f"may do {','.join(account.write) or 'nothing'}" for account in self.accounts)
        table.add_row("", *map(self._dim, writes))
        table.add_row("-" * _STAMP_WIDTH, *("-" * self.width for _ in self.accounts), style="dim")
        return table

    def _dim(self, text: str) -> Text:
        return Text("\n".join(terminal.wrapped(text, self.width)), style="dim")

    def table(self) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
        table.add_column(width=_STAMP_WIDTH, no_wrap=True, style="dim")
        for _ in self.accounts[:-1]:
            table.add_column(width=self.width, no_wrap=True, overflow="ellipsis")
        # The last is as wide as its text: no trailing blanks in a pipe.
        table.add_column(max_width=self.width, no_wrap=True, overflow="ellipsis")
        return table

    @property
    def width(self) -> int:
        """The width of a user's column: an equal share of what the time leaves."""
        number = len(self.accounts)
        return max(20, (self.console.width - _STAMP_WIDTH - 2 * number) // number)

    @staticmethod
    def add(table: Table, row: Row) -> None:
        table.add_row(row.stamp, *(_shown(cell, row) for cell in row.cells))


class MovingScreen(_Columns):
    """Shows the last rows at the bottom of a terminal; text from ``say`` stays above them."""

    def __init__(self, console: Console, accounts: Sequence[Account], ledger: Ledger) -> None:
        super().__init__(console, accounts, ledger)
        self._below_text = False
        self._live = Live(console=console, get_renderable=self._picture, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def refresh(self, now: float) -> None:
        """See Screen.  Drawn from here and not from rich's own thread, which would race with new rows."""
        self.ledger.take(now)
        self._live.refresh()

    def say(self, *lines: RenderableType) -> None:
        """See Screen."""
        # Text printed before the live part starts scrolls away, so it needs no room.
        if self._live.is_started:
            self._below_text = True
            # Rows that the live part gave up only after the text would stay empty, and push the text out.
            self._live.refresh()
        _write(self.console, lines)

    def _picture(self) -> RenderableType:
        table = self.table()
        margin, most = (_MARGIN_BELOW_TEXT, _MOST_BELOW_TEXT) if self._below_text else (_MARGIN, _MOST)
        number = max(_FEWEST, min(most, self.console.height - margin))
        for row in list(self.ledger.rows)[-number:]:
            self.add(table, row)
        return Group("", self.heading(), table)


class PlainScreen(_Columns):
    """Prints every row once, when it is final; does not move the cursor."""

    def __enter__(self) -> Self:
        self.console.print(Group("", self.heading()))
        return self

    def __exit__(self, *_: object) -> None:
        self.refresh(float("inf"))

    def refresh(self, now: float) -> None:
        """See Screen."""
        for row in self.ledger.take(now):
            table = self.table()
            self.add(table, row)
            self.console.print(table)

    def say(self, *lines: RenderableType) -> None:
        """See Screen."""
        _write(self.console, lines)


def verdict(promises: Sequence[Promise]) -> RenderableType:
    """A table of all promises: whether each was kept, and what was observed."""
    table = terminal.Table([terminal.Column("")] * 3, rule=False)
    for promise in promises:
        mark = Text("ok", style="bold green") if promise.kept else Text("NO", style="bold red")
        table.add_row(mark, Text(promise.text), Text(promise.found, style="dim"))
    return table


def users(accounts: Sequence[Account]) -> RenderableType:
    """A table of the users' names, secrets and rights."""
    columns = [terminal.Column(name) for name in ("user", "secret", "sees", "may do")]
    table = terminal.Table(columns, rule=False)
    for account in accounts:
        may = ",".join(account.write) or "nothing"
        table.add_row(*map(Text, (account.name, account.secret, ",".join(account.read), may)))
    return table


def _write(console: Console, lines: Sequence[RenderableType]) -> None:
    # Printed at once, because each print redraws the live part.
    plain = (terminal.Paragraph(line) if isinstance(line, str) else line for line in lines)
    terminal.show(Group(*plain), to=console)


def _shown(cell: Cell | None, row: Row) -> Text:
    if cell is not None:
        return Text(cell.text, style=_STYLES[cell.kind])
    return Text("." if row.is_event else "", style="dim")
