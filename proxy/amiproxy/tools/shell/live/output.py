"""Writes renderables to a terminal, a pipe or a file."""

import io
import os
from collections.abc import Mapping
from typing import Final, TextIO

from rich.console import Console, RenderableType
from rich.text import Text

#: Width of lines that go to a pipe or a file, where nothing has to fit.
_UNBOUNDED: Final = 100_000


class Output:
    """A stream that is a terminal or not; without colours unless it is one, and if NO_COLOR is set."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str]) -> None:
        self._stream = stream
        self._environ = environ
        self.is_terminal = stream.isatty()

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines, as they are now; without a terminal the lines are 0."""
        if not self.is_terminal:
            return _UNBOUNDED, 0
        try:
            columns, lines = os.get_terminal_size(self._stream.fileno())
        except OSError:
            return 80, 24
        return columns or 80, lines or 24

    @property
    def width(self) -> int:
        """Columns of a line."""
        return self.size[0]

    def show(self, *lines: RenderableType) -> None:
        """Write each on lines of its own."""
        self.write("".join(map(self.rendered, lines)))

    def error(self, text: str) -> None:
        """Write what went wrong."""
        self.write(self.rendered(Text(text, style="red"), wraps=True))

    def remark(self, text: str) -> None:
        """Write what is good to know."""
        self.write(self.rendered(Text(text, style="dim"), wraps=True))

    def rendered(self, line: RenderableType, *, wraps: bool = False) -> str:
        """As text with a line end, for this width; with escape sequences for colours if they are wanted.

        Unless it ``wraps``, a text is one line, which the terminal breaks, so that it can be copied whole.
        """
        if isinstance(line, str):
            return f"{line}\n"
        kept = io.StringIO()
        console = Console(
            file=kept,
            force_terminal=self.is_terminal,
            width=self.width,
            no_color="NO_COLOR" in self._environ or None,
            color_system="standard" if self.is_terminal and "NO_COLOR" not in self._environ else None,
            highlight=False,
            emoji=False,
            markup=False,
            legacy_windows=False,
            _environ=self._environ,
        )
        console.print(line, soft_wrap=isinstance(line, Text) and not wraps)
        return "".join(f"{one.rstrip()}\n" for one in kept.getvalue().split("\n")[:-1])

    def write(self, text: str) -> None:
        """Write the text as it is."""
        self._stream.write(text)
        self._stream.flush()
