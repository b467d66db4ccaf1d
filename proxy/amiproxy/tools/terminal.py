"""Prints paragraphs, facts and tables so that no word is broken across lines, at any width.

Each is a renderable of rich, which supplies colours and the width of the terminal.  Lines are broken only at
blanks, and after a comma in a word that is longer than a line.  A word that cannot be broken stays whole, and
is then longer than the line: paths and fingerprints are there to be copied.  In a pipe nothing is wrapped or
left out, so that each row is one line for other programs.
"""

import io
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

#: Blanks between two columns.
_GAP: Final = 2
#: By how much the second line of a paragraph is indented.
_CONTINUED: Final = 4
#: The width in a pipe: longer than any line.
_ENDLESS: Final = 1 << 20
_WORDS: Final = re.compile(r"( *)([^ ]+)")
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;]*m")
_AFTER_COMMA: Final = re.compile(r"(?<=,)(?=[^,])")


def printable(text: str) -> str:
    """The text with all characters escaped that a terminal might interpret."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def console(stream: TextIO | None = None) -> Console:
    """A console on this stream, by default standard output; text is printed as it is, without markup."""
    return Console(file=stream or sys.stdout, highlight=False, markup=False, emoji=False)


def show(*things: RenderableType, to: Console | None = None) -> None:
    """Print renderables of this module, or ready lines of text, one below the other."""
    out = to or console()
    for thing in things:
        # soft_wrap: rich would cut off a word that is longer than the line, or break it.
        out.print(thing, soft_wrap=True)


def say(text: object, to: Console | None = None) -> None:
    """Print text for people, by default on standard output; each of its lines is a paragraph.

    What a terminal might interpret is escaped: errors name what files, arguments and services contain.
    """
    out = to or console()
    for line in map(printable, str(text).split("\n")):
        lead = len(line) - len(line.lstrip(" "))
        show(Paragraph(line[lead:], lead + _CONTINUED, Text(" " * lead)), to=out)


def error(text: object) -> None:
    """As ``say``, for errors and warnings: on standard error."""
    say(text, console(sys.stderr))


def lines_of(thing: RenderableType, width: int) -> list[str]:
    """The plain lines that ``show`` prints on a terminal of this width."""
    out = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=width, highlight=False)
    with out.capture() as captured:
        out.print(thing, soft_wrap=True)
    return _ESCAPES.sub("", captured.get()).splitlines()


def wrapped(text: str, width: int, first: int | None = None) -> list[str]:
    """The text as lines of at most ``width`` columns, but for words that are longer; newlines are kept.

    ``first`` is the width of the first line, if it is another.
    """
    lines: list[str] = []
    for part in text.split("\n"):
        lines += _wrapped_line(part, width, width if lines or first is None else first)
    return lines


def _wrapped_line(text: str, width: int, first: int) -> list[str]:
    if cell_len(text) <= first:
        return [text]
    lead = text[: len(text) - len(text.lstrip(" "))]
    lines: list[str] = []
    line = lead
    for blanks, word in _WORDS.findall(text.strip(" ")):
        parts = [word] if cell_len(word) <= width - len(lead) else _AFTER_COMMA.split(word)
        for number, part in enumerate(parts):
            between = "" if number else blanks
            if line.strip() and cell_len(line + between + part) > (width if lines else first):
                lines.append(line)
                line = lead + part
            else:
                line += between + part
    return [*lines, line]


def longest_word(text: str) -> int:
    """Columns of the widest part of the text that ``wrapped`` does not break."""
    return max((cell_len(part) for word in text.split() for part in _AFTER_COMMA.split(word)), default=0)


class Paragraph:
    """Text that is wrapped at the terminal's width; lines after the first are indented by ``indent``."""

    def __init__(self, text: str | Text, indent: int = 0, mark: Text | None = None) -> None:
        #: ``mark`` is printed before the first line.
        self._text = Text(text) if isinstance(text, str) else text
        self._indent = indent
        self._mark = mark or Text()

    def __rich_console__(self, out: Console, options: ConsoleOptions) -> RenderResult:
        width = _width(out, options)
        lines = wrapped(self._text.plain, width - self._indent, width - self._mark.cell_len)
        for number, line in enumerate(lines):
            before = Text(" " * self._indent) if number else self._mark
            yield _one_line(Text.assemble(before, (line, self._text.style)))


class Command:
    """A command to paste into a shell, whose ``words`` it quotes; all lines but the last end in ``\\``."""

    def __init__(self, *words: str) -> None:
        self._words = [shlex.quote(word) for word in words]

    def __rich_console__(self, out: Console, options: ConsoleOptions) -> RenderResult:
        width, line = _width(out, options), ""
        for number, word in enumerate(self._words):
            # Each line but the last needs room for " \\".
            room = width if number == len(self._words) - 1 else width - 2
            if line.strip() and cell_len(f"{line} {word}") > room:
                yield _one_line(Text(f"{line} \\"))
                line = f"    {word}"
            else:
                line = f"{line} {word}" if line else word
        yield _one_line(Text(line))


class Facts:
    """Names and values, one fact below the other; ``indent`` blanks come before each."""

    def __init__(self, rows: Iterable[tuple[str, str | Text]], indent: int = 0) -> None:
        self._rows = [(name, Text(value) if isinstance(value, str) else value) for name, value in rows]
        self._indent = indent

    def __rich_console__(self, out: Console, options: ConsoleOptions) -> RenderResult:
        names = max((cell_len(name) for name, _ in self._rows), default=0)
        left = self._indent + names + _GAP
        for name, value in self._rows:
            for number, line in enumerate(wrapped(value.plain, _width(out, options) - left)):
                label = Text(" " * self._indent)
                label.append(name if number == 0 else "", style="bold")
                label.pad_right(left - label.cell_len)
                yield _one_line(Text.assemble(label, (line, value.style)))


class Column(NamedTuple):
    """A column of a table.  Of those with a ``rank``, the highest is left out first where space is short."""

    name: str
    right: bool = False
    rank: int = 0


class Fitted(NamedTuple):
    """Which columns of a table fit a width, and how wide each of them is."""

    shown: tuple[int, ...]
    widths: tuple[int, ...]
    left_out: tuple[int, ...]


def fit(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int, gap: int = _GAP) -> Fitted:
    """Choose columns for ``width``: wrap cells at words first, then leave out columns by their rank.

    The columns that have no rank are shown in any case, even if they are wider than the terminal.
    """
    texts = [[columns[number].name, *(row[number] for row in rows)] for number in range(len(columns))]
    natural = [max(cell_len(line) for text in texts_ for line in text.split("\n")) for texts_ in texts]
    # Numbers keep their units: they are not wrapped.
    least = [
        natural[number] if column.right else max(map(longest_word, texts[number]))
        for number, column in enumerate(columns)
    ]
    shown = list(range(len(columns)))
    by_rank = sorted((n for n in shown if columns[n].rank), key=lambda n: -columns[n].rank)
    while sum(least[n] for n in shown) + gap * (len(shown) - 1) > width and by_rank:
        shown.remove(by_rank.pop(0))
    widths = {n: natural[n] for n in shown}
    over = sum(widths.values()) + gap * (len(shown) - 1) - width
    while over > 0:
        widest = max(shown, key=lambda n: widths[n] - least[n])
        if widths[widest] == least[widest]:
            break
        widths[widest] -= 1
        over -= 1
    left_out = tuple(n for n in range(len(columns)) if n not in widths)
    return Fitted(tuple(shown), tuple(widths[n] for n in shown), left_out)


class Table:
    """Rows of cells below a heading.  A line below the table names the columns that were left out.

    Where not even those without a rank fit, each row becomes facts, one below the other.
    """

    def __init__(self, columns: Sequence[Column], rows: Iterable[Sequence[Text]] = (), *, rule: bool = True):
        self._columns = columns
        self._rows = list(rows)
        self._rule = rule

    def add_row(self, *cells: Text) -> None:
        """Add a row with a cell for each column; a cell has one style as a whole."""
        self._rows.append(cells)

    def __rich_console__(self, out: Console, options: ConsoleOptions) -> RenderResult:
        plain = [[cell.plain for cell in row] for row in self._rows]
        fitted = fit(self._columns, plain, _width(out, options))
        if sum(fitted.widths) + _GAP * (len(fitted.widths) - 1) > _width(out, options):
            yield from self._expanded()
            return
        heading = [Text(column.name, style="bold") for column in self._columns]
        if any(column.name for column in self._columns):
            yield from self._lines(heading, fitted)
        if self._rule:
            yield _one_line(Text("─" * (sum(fitted.widths) + _GAP * (len(fitted.widths) - 1))))
        for row in self._rows:
            yield from self._lines(row, fitted)
        if fitted.left_out:
            names = ", ".join(self._columns[number].name for number in fitted.left_out)
            yield Paragraph(Text(f"left out because the terminal is narrow: {names}", style="dim"))

    def _expanded(self) -> Iterator[RenderableType]:
        for number, row in enumerate(self._rows):
            if number:
                yield Text()
            yield Facts((column.name, cell) for column, cell in zip(self._columns, row, strict=True))

    def _lines(self, row: Sequence[Text], fitted: Fitted) -> Iterator[Text]:
        folded = [
            wrapped(row[number].plain, width)
            for number, width in zip(fitted.shown, fitted.widths, strict=True)
        ]
        for height in range(max(map(len, folded))):
            line = Text()
            for place, number in enumerate(fitted.shown):
                text = folded[place][height] if height < len(folded[place]) else ""
                line.append(" " * _GAP if place else "")
                blanks = " " * (fitted.widths[place] - cell_len(text))
                right = self._columns[number].right
                line.append(blanks if right else "")
                line.append(text, style=row[number].style)
                line.append("" if right else blanks)
            line.rstrip()
            yield _one_line(line)


def _width(out: Console, options: ConsoleOptions) -> int:
    return options.max_width if out.is_terminal else _ENDLESS


def _one_line(line: Text) -> Text:
    line.no_wrap, line.overflow = True, "ignore"
    return line
