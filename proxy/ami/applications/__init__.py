"""Applications: which ones of the dialplan there are, what class each takes, and what its data are.

The one idea: of what a channel can be told to run, only that is let through whose arguments somebody
has described, each by its kind.  ``APPLICATIONS`` is the shipped table (``table.py``).
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from proxy.ami.applications.table import BY_CLASS, CLOSED, CLOSED_DESCRIBED
from proxy.ami.arguments.kinds import Kind
from proxy.ami.privilege import ALL, parse_classes

__all__ = ["APPLICATIONS", "RUNS_CODE", "Application", "Options", "Part", "as_markdown"]


#: Asterisk's own list of applications that run code, whatever the user may do else: any of these in the
#: name, in any case, takes class system.
RUNS_CODE: Final = re.compile(
    rb"agi|dbdeltree|exec|externalivr|mixmonitor|originate|reload|system", re.IGNORECASE
)


class Options(NamedTuple):
    """The options of an application: letters, some with an argument in parentheses.

    ``shape`` matches all that may stand there.  ``kinds`` has the kind of each letter's argument.
    """

    shape: re.Pattern[bytes]
    kinds: Mapping[bytes, Kind]


class Part(NamedTuple):
    """One argument: a value of a kind, or options.  ``write``: classes of which a value needs one."""

    kind: Kind
    options: Options | None = None
    write: int = ALL


class Application(NamedTuple):
    """One application.

    ``write``: the classes of which a user needs one beside that of the action; ALL for none.
    ``closed``: it takes class system, or to be named by the user's own ``applications``.
    ``beyond``: it reaches calls or places that no list of contexts or channels can hold.
    ``parts``: its arguments; of those that were left out at the end nothing is said.
    ``rest``: the kind of what is behind them; None if there may be nothing.  ``parted``: these are any
    number of values, and not one text.
    ``described``: False if nobody has said what its data are.
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
            # Neither quotes, backslashes nor parentheses within: Asterisk reads an argument as we do then.
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
    """The table for the operator's guide: by class, the names of the applications that it opens."""
    lines = ["| Class beside `originate` or `agi` | Applications |", "| --- | --- |"]
    for write in BY_CLASS:
        rows = [row for row in APPLICATIONS.values() if not row.closed and row.write == _classes(write)]
        lines.append(f"| {f'`{write}`' if write else 'none'} | {_names(rows)} |")
    lines.append(
        "| `system`, or named in `applications` | "
        f"{_names([row for row in APPLICATIONS.values() if row.closed])}, and those of other modules |"
    )
    return "\n".join(lines) + "\n"


def _names(rows: list[Application]) -> str:
    return ", ".join(sorted((row.name for row in rows), key=str.lower))
