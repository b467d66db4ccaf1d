"""JSON actions: JSON objects from clients, and the AMI actions that they stand for.

An action is an object whose members are headers: ``{"Action": "Originate", "Async": true}``.  A value is a
string, a number or a boolean, or an array of them for a header that occurs more than once.  ``Variable`` may
also be an object of names and values; a comma or a quote in such a value does not begin another variable.
"""

# mypyc: compiled

import json
import re
from collections.abc import Mapping
from typing import Final, NoReturn

from amiproxy.ami.errors import ProtocolError

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
#: Control characters but TAB: no value may hold them, as in AMI.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f]")
#: The names of variables that Asterisk would read as written here: neither an assignment nor a second item.
_VARIABLE: Final = re.compile(r"[^=,\"\\\[\]]+")
#: What ends or changes an item of a ``Variable`` header, unless a backslash is in front.
_SPECIAL: Final = re.compile(r"[\\\",()\[\]]")
#: Headers that an action has once.
_SINGLE: Final = frozenset({"action", "actionid"})


class UnfitAction(ProtocolError):
    """A text or an object that is not an action.  ``str(error)`` is for the client that sent it."""


def object_in(text: bytes) -> dict[str, object]:
    """The JSON object that is the whole text, in UTF-8.  Numbers become strings, as they are written.

    Raises UnfitAction if it is none, or an object in it has a name twice.
    """
    try:
        found = json.loads(
            text.decode(),
            object_pairs_hook=_members,
            parse_int=str,
            parse_float=str,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError:
        raise UnfitAction("This is not UTF-8") from None
    except (ValueError, RecursionError):
        raise UnfitAction("This is not JSON") from None
    if not isinstance(found, dict):
        raise UnfitAction("This is not a JSON object")
    return found


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise UnfitAction("A name occurs twice in an object: use an array")
    return members


def _refuse_constant(_text: str) -> NoReturn:
    raise ValueError  # NaN and Infinity are not JSON


def action_of(members: Mapping[str, object], action_id: bytes | None = None) -> bytes:
    """The AMI action of an object, with its blank line.

    ``members`` are as from ``object_in``.  ``action_id`` is used instead of a member ``ActionID``; b"" for an
    action without one.  Raises UnfitAction if a name or a value cannot be a header.  The limits of AMI, such
    as the length of a line, are not checked.
    """
    lines: list[str] = []
    seen: set[str] = set()
    for name, value in members.items():
        if not _NAME.fullmatch(name):
            raise UnfitAction("The name of a header is not one: use letters, digits, _ and -")
        key = name.lower()
        if key in seen:
            raise UnfitAction(f"{name} occurs twice: use an array")
        seen.add(key)
        if key == "actionid" and action_id is not None:
            continue
        if isinstance(value, dict) and key == "variable":
            texts = [_assignment(variable, _text(name, each)) for variable, each in value.items()]
        elif isinstance(value, list) and key not in _SINGLE:
            texts = [_text(name, each) for each in value]
        else:
            texts = [_text(name, value)]
        lines += [f"{name}: {text}" for text in texts]
    if action_id:
        lines.append("ActionID: " + _text("id", action_id.decode("utf-8", "replace")))
    try:
        return ("\r\n".join(lines) + "\r\n\r\n").encode()
    except UnicodeEncodeError:
        raise UnfitAction("A value has half of a surrogate pair") from None


def _text(name: str, value: object) -> str:
    """A value as it is written into the header of this name."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise UnfitAction(f"The value of {name} is neither a string, a number nor a boolean")
    if _CONTROL.search(value):
        raise UnfitAction(f"The value of {name} has a control character, such as a line end")
    return value


def _assignment(name: str, value: str) -> str:
    """An item of a ``Variable`` header that gives the variable exactly this value."""
    if not _VARIABLE.fullmatch(name) or _CONTROL.search(name):
        raise UnfitAction("The name of a variable is not one")
    # Asterisk removes each backslash, and the one behind it is a character of the value (main/app.c).
    return f"{name}={_SPECIAL.sub(_escaped, value)}"


def _escaped(found: re.Match[str]) -> str:
    return "\\" + found[0]
