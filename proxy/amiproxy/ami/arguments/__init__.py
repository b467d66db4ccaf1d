"""Arguments: which headers an action has, and the kind of each.

The principle: an argument that is not described does not reach Asterisk.
``ARGUMENTS`` is the shipped table (``table.py``); an operator's descriptions of
other modules' actions (proxy.yaml) have the same type.
"""

# mypyc: compiled

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from amiproxy.ami.arguments.kinds import Kind
from amiproxy.ami.arguments.table import TABLE, TELLS_NO_CALLS
from amiproxy.ami.message import Action

__all__ = ["ARGUMENTS", "Argument", "Described", "Kind"]

_NUMBER: Final = re.compile(rb"[0-9]{1,10}")


#: Headers that every action may have and that are not arguments.  SuppressEvents is not among them: it
#: would hold back events on the link, which all clients share.
FRAME: Final = frozenset({b"action", b"actionid"})


class Argument(NamedTuple):
    """One header of an action: its name as Asterisk's documentation spells it, and its kind.

    ``everything``: left out or empty it means everything of its kind.  ``one_of``: the allowed values,
    in lower case; empty if the kind alone decides.
    """

    header: bytes
    kind: Kind
    everything: bool = False
    one_of: tuple[bytes, ...] = ()


class Described:
    """The arguments of one action.

    ``tells_calls``: its answer may reveal calls that the action does not name.
    """

    __slots__ = (
        "_any",
        "_by_name",
        "_families",
        "_plain",
        "aliases",
        "arguments",
        "has_everything",
        "in_place_of",
        "name",
        "places",
        "tells_calls",
    )

    def __init__(
        self,
        name: bytes,
        arguments: tuple[Argument, ...],
        aliases: Mapping[bytes, bytes] | None = None,
        in_place_of: Mapping[bytes, bytes] | None = None,
        *,
        tells_calls: bool = True,
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.tells_calls = tells_calls
        #: Whether some argument means everything of its kind when it is left out.
        self.has_everything = any(argument.everything for argument in arguments)
        self._any: Argument | None = None
        self._by_name: dict[bytes, Argument] = {}
        self._families: dict[bytes, Argument] = {}
        for argument in arguments:
            key = argument.header.lower()
            if argument.kind is Kind.UNSENDABLE:
                continue
            if key == b"*":
                self._any = argument
            elif b"#" in key:
                self._families[key] = argument
            else:
                self._by_name[key] = argument
        #: Index of each argument in ``arguments``, by its header as spelled there.
        self.places = {argument.header: place for place, argument in enumerate(arguments)}
        #: Headers, in lower case, that ``canonical`` leaves unchanged.
        self._plain = FRAME.union(self._by_name)
        #: Aliases of headers -> their proper names, both in lower case.
        self.aliases = dict(aliases or {})
        #: Headers -> those that Asterisk uses them in place of, both in lower case.
        self.in_place_of = dict(in_place_of or {})

    def find(self, header: bytes) -> Argument | None:
        """The argument of this name (in lower case); None if the action has no such argument."""
        found = self._by_name.get(header)
        if found is None and self._families:
            found = self._families.get(_NUMBER.sub(b"#", header, count=1))
        return found if found is not None else self._any

    def proper_name(self, header: bytes) -> bytes:
        """The name, in lower case, under which Asterisk documents this header (in lower case)."""
        return self.aliases.get(header, header)

    def canonical(self, action: Action) -> Action:
        """The action with only its described headers, each under its proper name.

        If an argument is given under two names, the one that Asterisk would use is kept: the alias of
        MessageSend's ``To`` wins unless it is empty, the alias of Park's ``TimeoutChannel`` only if
        ``TimeoutChannel`` itself is empty.
        """
        if action.has_only(self._plain):
            return action
        kept: list[tuple[bytes, bytes]] = []
        for name, value in action.headers:
            key = name.lower()
            if key in FRAME:
                kept.append((name, value))
                continue
            proper = self.aliases.get(key)
            if proper is None:
                if self.find(key) is None or self._gives_way(action, key, value):
                    continue
                kept.append((name, value))
            elif self._counts(action, key, proper, value):
                kept.append((self._by_name[proper].header, value))
        return action if tuple(kept) == action.headers else Action(kept)

    def left_out(self, action: Action) -> tuple[bytes, ...]:
        """Headers of the action, as spelled, that are not sent to Asterisk because they are not described."""
        return tuple(
            name
            for name, _ in action.headers
            if (key := name.lower()) not in FRAME and key not in self.aliases and self.find(key) is None
        )

    def _counts(self, action: Action, alias: bytes, proper: bytes, value: bytes) -> bool:
        if alias in _PREFERRED:
            return bool(value)
        return not action.get(proper)

    def _gives_way(self, action: Action, key: bytes, value: bytes) -> bool:
        """Whether an alias of this header is used in its place."""
        return any(
            proper == key and (alias in _PREFERRED or not value) and bool(action.get(alias))
            for alias, proper in self.aliases.items()
        )


#: Aliases that Asterisk prefers to the documented name.
_PREFERRED: Final = frozenset({b"destination"})


def _rows(text: str) -> Iterator[tuple[str, str]]:
    for line in text.strip().replace("\n  ", " ").splitlines():
        name, _, rest = line.partition(": ")
        yield name, rest


def _described(name: str, text: str, tells_calls: bool) -> Described:
    arguments: list[Argument] = []
    aliases: dict[bytes, bytes] = {}
    in_place_of: dict[bytes, bytes] = {}
    for item in [] if text == "-" else text.split(", "):
        names, kind = item.split(" ")
        names, _, replaced = names.partition("/")
        header, *others = names.split("|")
        everything = kind.endswith("!")
        arguments.append(Argument(header.encode(), Kind(kind.rstrip("!")), everything))
        aliases.update((other.lower().encode(), header.lower().encode()) for other in others)
        if replaced:
            in_place_of[header.lower().encode()] = replaced.lower().encode()
    return Described(name.encode(), tuple(arguments), aliases, in_place_of, tells_calls=tells_calls)


def _shipped() -> Mapping[bytes, Described]:
    quiet = frozenset(TELLS_NO_CALLS.split())
    return MappingProxyType(
        {name.lower().encode(): _described(name, text, name not in quiet) for name, text in _rows(TABLE)}
    )


#: By the action's name in lower case.
ARGUMENTS: Final = _shipped()
