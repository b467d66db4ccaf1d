"""What is written to a terminal, a pipe or a file."""

import io
import os

from rich.table import Table
from rich.text import Text

from amiproxy.tools.shell.live.output import Output


class Screen(io.StringIO):
    """A terminal, as far as Output asks."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError


def test_a_pipe_has_no_colours_and_no_end_of_the_line() -> None:
    stream = io.StringIO()
    output = Output(stream, {"TERM": "xterm"})
    output.error("x " * 200)
    output.show("as it is", Text("[bold]no markup :smile:[/bold]"))
    lines = stream.getvalue().split("\n")
    assert lines == [("x " * 200).rstrip(), "as it is", "[bold]no markup :smile:[/bold]", ""]
    assert output.size[1] == 0


def test_a_terminal_has_colours_unless_they_are_not_wanted() -> None:
    for environ, coloured in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False)):
        stream = Screen()
        Output(stream, environ).error("no")
        assert ("\x1b[31m" in stream.getvalue()) is coloured


def test_sentences_are_broken_at_blanks_and_texts_are_not() -> None:
    stream = Screen()
    output = Output(stream, {"TERM": "xterm", "NO_COLOR": "1"})
    assert output.size == (80, 24)
    output.remark("word " * 30)
    assert max(map(len, stream.getvalue().split("\n"))) <= 80
    stream.truncate(0)
    output.show(Text("y" * 100))
    assert "y" * 100 in stream.getvalue()


def test_no_line_ends_in_blanks() -> None:
    table = Table()
    table.add_column("a", width=20)
    table.add_row("b")
    stream = io.StringIO()
    Output(stream, os.environ).show(table)
    assert [line for line in stream.getvalue().split("\n") if line.endswith(" ")] == []
