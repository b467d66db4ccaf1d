"""Splits a line into words, with quoting as in a shell."""

import re
from dataclasses import dataclass

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=*#~^?!$&()\[\]{}<>|;-]+\Z")


class UsageError(ValueError):
    """What was typed cannot be run; the text says why and what to type instead."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word without its quotes; ``begin`` and ``end`` are its place in the line.

    ``open_quote`` is the quote that has no end, or ``\\`` at the end of the line; "" if the word is complete.
    """

    text: str
    begin: int
    end: int
    open_quote: str = ""


def split(line: str) -> list[Word]:
    """The words of a line; only the last one can have an ``open_quote``.

    As in a shell: blanks separate words; in ``'…'`` nothing is special; in ``"…"`` a backslash escapes ``"``
    and ``\\``; elsewhere it escapes any character.
    """
    words: list[Word] = []
    text: list[str] = []
    begin = -1
    quote = ""
    place = 0
    while place < len(line):
        char = line[place]
        if not quote and char in " \t\r\n":
            if begin >= 0:
                words.append(Word("".join(text), begin, place))
                text, begin = [], -1
            place += 1
            continue
        if begin < 0:
            begin = place
        if quote:
            if char == quote:
                quote = ""
            elif quote == '"' and char == "\\" and line[place + 1 : place + 2] in ('"', "\\"):
                place += 1
                text.append(line[place])
            else:
                text.append(char)
        elif char in "'\"":
            quote = char
        elif char == "\\":
            place += 1
            if place == len(line):
                quote = "\\"
                break
            text.append(line[place])
        else:
            text.append(char)
        place += 1
    if begin >= 0:
        words.append(Word("".join(text), begin, len(line), quote))
    return words


def complete_words(line: str) -> list[Word]:
    """As ``split``.  Raises UsageError if a quote has no end."""
    words = split(line)
    if words and words[-1].open_quote == "\\":
        raise UsageError("the line ends in a backslash; write \\\\ for a backslash")
    if words and words[-1].open_quote:
        raise UsageError(
            f"the quote {words[-1].open_quote} has no end; add it, or write \\{words[-1].open_quote}"
        )
    return words


def quoted(text: str) -> str:
    """The text as one word of a line, with quotes if it needs them."""
    if _PLAIN.match(text):
        return text
    if "'" not in text:
        return f"'{text}'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
