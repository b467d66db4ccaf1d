"""Text as the man(7) language, which man and mandoc read."""

import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

_WIDTH: Final = 72


def plain(text: str) -> str:
    """One line of text, with everything escaped that would be an instruction."""
    text = text.replace("\\", "\\(rs").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    text = text.replace("^", "\\(ha").replace("~", "\\(ti")
    for character, name in (("…", "\\&..."), ("\u00a0", " "), ("\u2011", "\\-")):
        text = text.replace(character, name)
    return f"\\&{text}" if text.startswith(".") else text


def bold(text: str) -> str:
    """The same in bold."""
    return f"\\fB{plain(text)}\\fR"


def usage(line: str) -> str:
    """A line of usage: what is typed in bold, what it stands for in italics."""
    parts = re.split(r"(--?[a-z][\w-]*|\b[A-Z][A-Z0-9_-]*\b|^ami-proxy(?: [a-z][\w-]*)*)", line)
    return "".join(
        part and (plain(part) if number % 2 == 0 else f"\\f{'I' if part.isupper() else 'B'}{plain(part)}\\fR")
        for number, part in enumerate(parts)
    )


def form(text: str) -> str:
    """An option with its value: ``--users FILE``."""
    name, space, value = text.partition(" ")
    if not name.startswith("-"):
        return f"\\fI{plain(text)}\\fR"
    return f"{bold(name)}{space}\\fI{plain(value)}\\fR" if value else bold(name)


def section(title: str) -> str:
    """A heading."""
    return f".SH {plain(title).upper()}" if " " not in title else f'.SH "{plain(title).upper()}"'


def subsection(title: str) -> str:
    """A heading below a section's."""
    return f'.SS "{plain(title)}"'


def literal(lines: Iterable[str]) -> Iterator[str]:
    """Lines that are printed as they are, indented."""
    yield from (".RS 4", ".nf")
    for line in lines:
        yield plain(line) if line.strip() else "\\&"
    yield from (".fi", ".RE")


def paragraphs(text: str, *, first: bool = False) -> Iterator[str]:
    """Paragraphs that are filled; a line that is indented, or a list of such, is printed as it is.

    ``first``: begin without a break, because a heading comes before it.
    """
    block: list[str] = []
    for line in [*text.splitlines(), ""]:
        indented = line.startswith("  ")
        if block and (not line.strip() or indented != block[0].startswith("  ")):
            if block[0].startswith("  "):
                yield from literal(_dedented(block))
            else:
                if not first:
                    yield ".PP"
                yield from sentences(" ".join(block))
            first = False
            block = []
        if line.strip():
            block.append(line)


def sentences(text: str) -> Iterator[str]:
    """A paragraph, one line per sentence, as the language wants it."""
    for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z])", " ".join(text.split())):
        for line in textwrap.wrap(sentence, _WIDTH, break_long_words=False, break_on_hyphens=False):
            yield plain(line)


def _dedented(lines: list[str]) -> list[str]:
    least = min(len(line) - len(line.lstrip()) for line in lines)
    return [line[least:] for line in lines]
