"""``ctl top`` without keys: redrawn on a terminal, or one picture below the other in a pipe."""

import time
from collections.abc import Iterable
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from amiproxy.cli.ctl.connection import Connection
from amiproxy.cli.ctl.top.board import Board
from amiproxy.cli.ctl.top.poller import look
from amiproxy.cli.ctl.top.screen import Line, Surroundings, screen
from amiproxy.cli.ctl.top.state import State

_STYLES: Final = {
    "": "",
    "bold": "bold",
    "dim": "dim",
    "reverse": "reverse",
    "good": "green",
    "bad": "bold red",
    "warn": "yellow",
}
#: The width in a pipe, which has none of its own.
_IN_A_PIPE: Final = 132


def watch(connection: Connection, interval: float, out: Console, hint: str) -> None:
    """Ask every ``interval`` seconds and show it.  ``hint`` takes the place of the keys.

    Ends with KeyboardInterrupt, NotReachable or Refused.
    """
    board = Board()
    board.take(look(connection))
    if not out.is_terminal:
        while True:
            for line in picture(board, _IN_A_PIPE, 0, hint):
                print(line.plain.rstrip())
            print(flush=True)
            time.sleep(interval)
            board.take(look(connection))

    def drawn() -> Group:
        # One line less than the terminal has: rich ends with the cursor on a line of its own.
        return Group(*picture(board, out.width, out.height - 1, hint))

    with Live(drawn(), console=out, screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            time.sleep(interval)
            board.take(look(connection))
            live.update(drawn(), refresh=True)


def picture(board: Board, width: int, height: int, hint: str) -> Iterable[Text]:
    """The screen as rich's texts; with a ``height`` of 0 as high as all sessions need."""
    height = height or len(board.sessions) + 12
    for line in screen(board, State(), width, height, Surroundings(hint=hint)):
        yield _text(line)


def _text(line: Line) -> Text:
    text = Text(no_wrap=True, overflow="ignore")
    for style, part in line:
        text.append(part, style=_STYLES[style])
    return text
