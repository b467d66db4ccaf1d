"""Commands of Asterisk's CLI, each with the classes of which one is needed in addition to ``command``.

Source: the code of Asterisk 11 to 23, including modules that a server may lack.
A line is the beginning of commands: ``core show: calls, channel`` stands for
``core show calls`` and ``core show channel``, whatever follows; ``word:`` with an
item ``-`` stands for the word itself.  The longest matching line decides.  A
command that no line matches is unknown: it belongs to a third-party module or to a
later version.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from amiproxy.ami.catalogue.clicommands.table import (
    HARMLESS,
    OF_AGENT,
    OF_CALL,
    OF_NOBODY,
    OF_REPORTING,
    OF_SYSTEM,
    OF_USER,
    SHIPPED_ALIASES,
)
from amiproxy.ami.privilege import AGENT, ALL, CALL, NONE, REPORTING, SYSTEM, USER

#: The beginning of a command, for which a line of the table stands.
Words = tuple[bytes, ...]


_TABLE: Final = (
    (ALL, "command alone", HARMLESS),
    (SYSTEM | REPORTING, "reporting or system", OF_REPORTING),
    (SYSTEM | CALL, "call or system", OF_CALL),
    (SYSTEM | AGENT, "agent or system", OF_AGENT),
    (SYSTEM | USER, "user or system", OF_USER),
    (SYSTEM, "system", OF_SYSTEM),
    (NONE, "refused to all users", OF_NOBODY),
)


#: The item that stands for the word itself in a line of several.
_ITSELF: Final = "-"


def _read(lines: str) -> Iterator[Words]:
    for line in lines.strip().splitlines():
        stem, colon, items = line.partition(":")
        for item in items.split(",") if colon else (_ITSELF,):
            tail = [] if item.strip() == _ITSELF else item.split()
            yield tuple(word.encode() for word in (*stem.split(), *tail))


#: Beginning of a command, in lower case -> mask of the classes of which one is needed; NONE: always refused.
COMMANDS: Final[Mapping[Words, int]] = MappingProxyType(
    {words: classes for classes, _, lines in _TABLE for words in _read(lines)}
)


#: The masks above -> names of the classes, for operators.
NEEDED: Final[Mapping[int, str]] = MappingProxyType({classes: title for classes, title, _ in _TABLE})


#: Beginning of a command -> the text that replaces it where cli_aliases.conf defines the alias.
ALIASES: Final[Mapping[Words, bytes]] = MappingProxyType(
    {
        tuple(alias.encode().split()): stands_for.encode()
        for alias, _, stands_for in (line.partition("=") for line in SHIPPED_ALIASES.strip().splitlines())
    }
)


_LONGEST: Final = max(map(len, (*COMMANDS, *ALIASES)))


_STEMS: Final = frozenset(words[:length] for words in COMMANDS for length in range(1, len(words)))


def find(said: list[bytes]) -> Words | None:
    """The key of COMMANDS that matches a command (words in lower case); None for an unknown command."""
    return _longest(said, COMMANDS)


def find_alias(said: list[bytes]) -> Words | None:
    """The key of ALIASES that matches a command (words in lower case); None if it is not an alias."""
    return _longest(said, ALIASES)


def is_stem(said: list[bytes]) -> bool:
    """Whether these words are only the beginning of known commands, so that they do not name one of them."""
    return tuple(said) in _STEMS


def as_markdown() -> str:
    """The table for the operator's guide: a row per class, with the commands that need it."""
    rows = [f"| {title} | {_in_code(lines)} |" for _, title, lines in _TABLE]
    return "\n".join(["| besides `command` | commands that begin with |", "| --- | --- |", *rows]) + "\n"


def _in_code(lines: str) -> str:
    return ", ".join(f"`{b' '.join(words).decode()}`" for words in sorted(_read(lines)))


def _longest(said: list[bytes], table: Mapping[Words, object]) -> Words | None:
    for length in range(min(len(said), _LONGEST), 0, -1):
        words = tuple(said[:length])
        if words in table:
            return words
    return None
