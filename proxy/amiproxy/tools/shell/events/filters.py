"""Filters of live events: by name and by header, with ``*`` and ``?``."""

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache
from typing import Final, NamedTuple, Self

from amiproxy.ami.message import Message
from amiproxy.tools.shell.language.words import UsageError, quoted

_HEADER: Final = re.compile(r"([A-Za-z0-9_.()/-]{1,64})=(.*)\Z", re.DOTALL | re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9_*?.\[\]-]{1,64}\Z", re.ASCII)


class Pattern(NamedTuple):
    """A pattern for an event's name (``header`` is "") or for the values of a header, in any case."""

    header: str
    text: str

    def matches(self, event: Message) -> bool:
        """Whether the event's name, or any value of the header, is like the pattern."""
        look = _expression(self.text)
        key = self.header.lower().encode() or b"event"
        return any(
            look.match(value.decode(errors="replace")) for name, value in event.headers if name.lower() == key
        )

    def __str__(self) -> str:
        return f"{self.header}={quoted(self.text)}" if self.header else self.text


class Filter(NamedTuple):
    """What one ``\\filter`` adds: an event matches if it matches all patterns."""

    patterns: tuple[Pattern, ...]
    hides: bool

    @classmethod
    def from_words(cls, words: Iterable[str]) -> Self:
        """Parse ``Queue*``, ``Newchannel Context=from-*`` or ``-VarSet``, which hides.  Raises UsageError."""
        given = list(words)
        hides = bool(given) and given[0].startswith("-")
        if hides:
            given[0] = given[0][1:]
        patterns = tuple(map(_pattern, given))
        if not patterns:
            raise UsageError("write \\filter NAME or \\filter Header=PATTERN, such as \\filter Queue*")
        return cls(patterns, hides)

    def matches(self, event: Message) -> bool:
        """Whether all its patterns match."""
        return all(pattern.matches(event) for pattern in self.patterns)

    def __str__(self) -> str:
        return ("-" if self.hides else "") + " ".join(map(str, self.patterns))


class Filters:
    """All filters: an event is shown if none hides it, and one of the others matches or there is none."""

    def __init__(self) -> None:
        self.all: list[Filter] = []

    def add(self, added: Filter) -> None:
        """Add one, unless it is there already."""
        if added not in self.all:
            self.all.append(added)

    def clear(self) -> None:
        """Remove all."""
        self.all.clear()

    def shows(self, event: Message) -> bool:
        """Whether the event is shown."""
        if any(one.hides and one.matches(event) for one in self.all):
            return False
        showing = [one for one in self.all if not one.hides]
        return not showing or any(one.matches(event) for one in showing)


@lru_cache(maxsize=256)
def _expression(text: str) -> re.Pattern[str]:
    return re.compile(translate(text), re.IGNORECASE)


def _pattern(word: str) -> Pattern:
    if found := _HEADER.match(word):
        return Pattern(found[1], found[2])
    if not _NAME.match(word):
        raise UsageError(f"{word[:40]!r} is neither an event's name nor Header=PATTERN")
    return Pattern("", word)
