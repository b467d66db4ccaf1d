"""AGI commands: what the action AGI lets a channel under asynchronous AGI do.

Class agi names playing, reading digits and the like: the verbs of the table,
each argument judged by what it is.  EXEC reaches every application, GET and
SET VARIABLE every function; those are judged as they are anywhere else.  Some
commands take the name of another channel: that is class call's.  What the
table closes or does not know needs class system.
"""

import re
from collections.abc import Callable
from itertools import chain, repeat
from types import MappingProxyType
from typing import Final

from proxy.ami.agicommands import COMMANDS, Argument, find
from proxy.ami.message import Action
from proxy.ami.privilege import CALL, SYSTEM
from proxy.core.policy import applications, functions, variables
from proxy.core.policy.commands import words
from proxy.core.policy.kinds import checks
from proxy.core.policy.verdict import PERMISSION_DENIED, Deny, Judged

_REFUSED: Final = Deny(PERMISSION_DENIED, "agi-command")

_EXPRESSION: Final = re.compile(rb"\$\{([^{}$]*)\}")
_EXEC: Final = (b"exec",)


def agi(user: Judged, action: Action) -> Deny | None:
    """The ``Command`` of an AGI action; read into words by the same rules as a CLI command."""
    said = words(action.get(b"command"))
    if not said:
        return None
    verb = find([word.lower() for word in said])
    rest = said[len(verb) :] if verb is not None else []
    if user.write & SYSTEM:
        return None if verb is None or _may_use_functions(user, verb, rest) else _REFUSED
    channels = other_channels(said, action.get(b"channel"))
    if verb is None or (channels and not user.write & CALL) or not _may_run(user, verb, rest):
        return _REFUSED
    return None


def other_channels(said: list[bytes], own: bytes) -> list[bytes]:
    """The channels that the words of an AGI command name, but for the one it is sent to."""
    verb = find([word.lower() for word in said])
    kinds = COMMANDS[verb] if verb is not None else None
    if verb is None or kinds is None:
        return []
    given = zip(said[len(verb) :], kinds, strict=False)
    return [word for word, kind in given if kind is Argument.CHANNEL and word != own]


def _may_use_functions(user: Judged, verb: tuple[bytes, ...], rest: list[bytes]) -> bool:
    # What hands out secrets stays closed to class system as well.
    match COMMANDS[verb]:
        case (Argument.EXPRESSION, _):
            return functions.may_read(user, b" ".join(rest))
        case (Argument.READ,):
            return all(functions.may_read(user, name) for name in rest[:1])
        case (Argument.WRITTEN, _):
            return _may_set(user, rest)
        case _:
            return True


def _may_run(user: Judged, verb: tuple[bytes, ...], rest: list[bytes]) -> bool:
    kinds = COMMANDS[verb]
    if kinds is None:
        return False
    if verb == _EXEC:
        return _may_execute(user, rest)
    if Argument.WRITTEN in kinds and not _may_set(user, rest):
        return False
    # Of more words than it takes Asterisk makes nothing, or what it makes of the last.
    of_others = repeat(kinds[-1] if kinds else Argument.TEXT)
    return all(_CHECKS[kind](user, word) for word, kind in zip(rest, chain(kinds, of_others), strict=False))


def _may_set(user: Judged, rest: list[bytes]) -> bool:
    """Whether the variable that the first word names may have the value that the second is."""
    return not rest or variables.may_assign(user, rest[0], b"".join(rest[1:2])) is None


def _may_execute(user: Judged, rest: list[bytes]) -> bool:
    if not rest:
        return True  # Asterisk answers with the usage
    # Of more words Asterisk gives the first alone to the application.
    data = b"".join(rest[1:2])
    return not rest[2:] and not checks.evaluates(data) and applications.run(user, rest[0], data) is None


def _may_evaluate(user: Judged, expression: bytes) -> bool:
    # Flat ${name} only: what is left once those are out must have nothing to evaluate.
    names = _EXPRESSION.findall(expression)
    return b"$" not in _EXPRESSION.sub(b"", expression) and all(
        functions.may_read(user, name) for name in names
    )


def _is_unevaluated(_user: Judged, word: bytes) -> bool:
    return not checks.evaluates(word)


def _is_sound(_user: Judged, word: bytes) -> bool:
    # Several are parted by &; a URL would be fetched.
    return b"://" not in word and not any(map(applications.leaves_folder, word.split(b"&")))


def _is_format(_user: Judged, word: bytes) -> bool:
    return b"://" not in word and not any(map(applications.leaves_folder, word.split(b"'")))


def _stays_in_folder(_user: Judged, word: bytes) -> bool:
    return b"://" not in word and not applications.leaves_folder(word)


_CHECKS: Final = MappingProxyType[Argument, Callable[[Judged, bytes], bool]](
    {
        Argument.CHANNEL: _is_unevaluated,
        Argument.EXPRESSION: _may_evaluate,
        Argument.FILE: _stays_in_folder,
        Argument.FORMAT: _is_format,
        Argument.PLAIN: _is_unevaluated,
        Argument.PROMPT: _is_sound,
        Argument.READ: functions.may_read,
        Argument.TEXT: lambda _user, _word: True,
        Argument.VALUE: _is_unevaluated,
        Argument.WRITTEN: functions.may_assign,
    }
)
