"""Dialplan applications: which there are, which class each needs, and the kinds of its arguments.

The principle: a client may have a channel run an application only if its arguments are described, each
by its kind.  ``APPLICATIONS`` is the shipped table (``table.py``).
"""

# mypyc: compiled

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from amiproxy.ami.arguments.kinds import Kind
from amiproxy.ami.catalogue.applications.table import BY_CLASS, CLOSED, CLOSED_DESCRIBED
from amiproxy.ami.privilege import ALL, parse_classes

__all__ = ["APPLICATIONS", "RUNS_CODE", "Application", "Options", "Part", "as_markdown"]


#: Asterisk's own list of applications that run code: an application whose name contains any of these, in
#: any case, needs class system, whatever other rights the user has.
RUNS_CODE: Final = re.compile(
    rb"agi|dbdeltree|exec|externalivr|mixmonitor|originate|reload|system", re.IGNORECASE
)


class Options(NamedTuple):
    """The options of an application: letters, some with an argument in parentheses.

    ``shape`` matches every allowed combination.  ``kinds`` has the kind of each letter's argument.
    """

    shape: re.Pattern[bytes]
    kinds: Mapping[bytes, Kind]


class Part(NamedTuple):
    """One argument: a value of a kind, or options.  ``write``: the classes of which a value needs one."""

    kind: Kind
    options: Options | None = None
    write: int = ALL


class Application(NamedTuple):
    """One application.

    ``write``: the classes of which a user needs one in addition to that of the action; ALL if none.
    ``closed``: it needs class system, or must be listed in the user's own ``applications``.
    ``beyond``: it reaches calls or places to which no list of contexts or channels can be applied.
    ``parts``: its arguments; trailing ones may be left out.
    ``rest``: the kind of further data after them; None if none is allowed.  ``parted``: that data is
    any number of values, not one text.
    ``described``: False if its arguments are not described.
    """

    name: str
    write: int = ALL
    closed: bool = False
    beyond: bool = False
    parts: tuple[Part, ...] = ()
    rest: Kind | None = None
    parted: bool = False
    described: bool = True


def _options(text: str) -> Options:
    first, *words = text.strip("[]").encode().split(b"|")
    kinds: dict[bytes, Kind] = {}
    shapes = [b"(?i:" + word + b")" for word in words]
    letters: list[bytes] = []
    for item in first.split():
        letter, equals, kind = item.partition(b"=")
        if equals:
            kinds[letter] = Kind(kind.decode())
            # Without quotes, backslashes and parentheses inside, Asterisk reads the argument as we do.
            letters.append(letter + rb"(?:\([^()\"\\]*\))?")
        else:
            letters.append(b"[" + letter + b"]")
    shapes.append(b"(?:" + b"|".join(letters) + b")*")
    return Options(re.compile(b"(?:" + b"|".join(shapes) + rb")\Z"), MappingProxyType(kinds))


def _part(text: str) -> Part:
    kind, _, write = text.partition("@")
    if kind.startswith("["):
        return Part(Kind.WORD, _options(kind))
    return Part(Kind(kind), None, parse_classes(write) if write else ALL)


def _described(text: str, write: int, closed: bool) -> Iterator[Application]:
    for line in text.strip().replace("\n  ", " ").splitlines():
        names, _, arguments = line.partition(": ")
        parts = [] if arguments == "-" else arguments.split(", ")
        parted = arguments.endswith("*")
        rest = Kind(parts.pop().rstrip(".*")) if parted or arguments.endswith("...") else None
        described = tuple(map(_part, parts))
        for name in names.split():
            beyond = name.endswith("~")
            yield Application(name.rstrip("~"), write, closed, beyond, described, rest, parted)


def _shipped() -> Mapping[bytes, Application]:
    rows = [row for write, text in BY_CLASS.items() for row in _described(text, _classes(write), False)]
    rows += _described(CLOSED_DESCRIBED, ALL, True)
    rows += [Application(name, closed=True, described=False) for name in CLOSED.split()]
    return MappingProxyType({row.name.lower().encode(): row for row in rows})


def _classes(name: str) -> int:
    return parse_classes(name) if name else ALL


#: By the application's name in lower case.
APPLICATIONS: Final = _shipped()


def as_markdown() -> str:
    """The table for the operator's guide: by class, the names of the applications that need it."""
    lines = ["| Class besides `originate` or `agi` | Applications |", "| --- | --- |"]
    for write in BY_CLASS:
        rows = [row for row in APPLICATIONS.values() if not row.closed and row.write == _classes(write)]
        lines.append(f"| {f'`{write}`' if write else 'none'} | {_names(rows)} |")
    lines.append(
        "| `system`, or listed in `applications` | "
        f"{_names([row for row in APPLICATIONS.values() if row.closed])}, and those of third-party modules |"
    )
    return "\n".join(lines) + "\n"


def _names(rows: list[Application]) -> str:
    return ", ".join(sorted((row.name for row in rows), key=str.lower))
