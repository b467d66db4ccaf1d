"""AGI commands: what a user may have a channel under asynchronous AGI do with the action AGI.

Class agi opens playing, reading digits and the like: the commands of the table, with
each argument checked by its kind as in any action.  EXEC reaches every application,
GET and SET VARIABLE every function; these are checked as everywhere else.  Some
commands can name another channel, which needs class call.  A command that the table
closes or does not contain needs class system.
"""

import re
from itertools import chain, repeat
from typing import Final

from amiproxy.ami.arguments import Kind
from amiproxy.ami.catalogue.agicommands import COMMANDS, Command, crash, find
from amiproxy.ami.message import Action
from amiproxy.ami.privilege import CALL, SYSTEM
from amiproxy.core.policy.console.commands import words
from amiproxy.core.policy.dialplan import applications, functions, variables
from amiproxy.core.policy.kinds import checks
from amiproxy.core.policy.verdict import PERMISSION_DENIED, Deny, Judged, refuse

_CLOSED: Final = refuse("agi-command", "this command needs class system")
_ANOTHER: Final = refuse("agi-command", "it names another channel, which needs class call")
_SPLIT: Final = refuse("agi-command", "Asterisk passes one word only to the application: quote its data")
_FUNCTION: Final = refuse("agi-command", "a variable or function in it may not be read")

_EXPRESSION: Final = re.compile(rb"\$\{([^{}$]*)\}")
_EXEC: Final = (b"exec",)
_RECORD: Final = (b"record", b"file")
#: Rules of the user's lists, whose names say more than "agi-command" does.
_OF_LISTS: Final = frozenset({"channels", "contexts"})


def agi(user: Judged, action: Action) -> Deny | None:
    """Check the ``Command`` of an AGI action; it is split into words by the same rules as a CLI command."""
    said = words(action.get(b"command"))
    if not said:
        return None
    verb = find([word.lower() for word in said])
    command = COMMANDS[verb] if verb is not None else Command(closed=True)
    rest = said[len(verb or ()) :]
    if why := crash(said):
        return refuse("agi-command", why)
    if user.write & SYSTEM:
        return None if verb is None else _secret(user, command, rest)
    if verb is None or command.closed:
        return _CLOSED
    if not user.write & CALL and other_channels(said, action.get(b"channel")):
        return _ANOTHER
    if verb == _EXEC:
        return _executed(user, rest)
    if verb == _RECORD:
        # It overwrites files in the sounds folder, as the application does.
        return _of_kind(applications.run(user, b"Record", b"".join(rest[:1]))) or _words(user, command, rest)
    return _words(user, command, rest)


def other_channels(said: list[bytes], own: bytes) -> list[bytes]:
    """The channels that the words of an AGI command name, except the one to which it is sent.

    They are as written, not in lower case.
    """
    verb = find([word.lower() for word in said])
    if verb is None:
        return []
    given = zip(said[len(verb) :], COMMANDS[verb].kinds, strict=False)
    return [word for word, kind in given if kind is Kind.CHANNEL and word != own]


def _secret(user: Judged, command: Command, rest: list[bytes]) -> Deny | None:
    """Functions that reveal secrets stay closed to class system as well."""
    match command.kinds:
        case (Kind.EXPRESSION, _):
            return None if functions.may_read(user, b" ".join(rest)) else _FUNCTION
        case (Kind.VARIABLE_READ,):
            return None if all(functions.may_read(user, name) for name in rest[:1]) else _FUNCTION
        case (Kind.VARIABLE_SET, _):
            return _of_kind(_set(user, rest))
        case _:
            return None


def _words(user: Judged, command: Command, rest: list[bytes]) -> Deny | None:
    """The refusal of the first word that does not fit its kind.

    Asterisk ignores words beyond those that the command takes, or treats them like the last one.
    """
    kinds = command.kinds
    of_others = repeat(kinds[-1] if kinds else Kind.EVENT_TEXT)
    if kinds[:1] == (Kind.VARIABLE_SET,) and (refused := _set(user, rest)) is not None:
        return _of_kind(refused)
    for word, kind in zip(rest, chain(kinds, of_others), strict=False):
        if kind is Kind.EXPRESSION:
            refused = None if _may_evaluate(user, word) else _FUNCTION
        elif kind is Kind.VARIABLE_READ:
            refused = None if functions.may_read(user, word) else _FUNCTION
        else:
            refused = checks.refusal_of(user, kind, word)
        if refused is not None:
            return _of_kind(refused)
    return None


def _of_kind(refused: Deny | None) -> Deny | None:
    """The refusal of one word, reported under the rule of AGI commands."""
    if refused is None or refused.rule in _OF_LISTS:
        return refused
    return Deny(PERMISSION_DENIED, "agi-command", refused.hint)


def _set(user: Judged, rest: list[bytes]) -> Deny | None:
    """Check whether the variable named by the first word may get the second word as its value."""
    return variables.may_assign(user, rest[0], b"".join(rest[1:2])) if rest else None


def _executed(user: Judged, rest: list[bytes]) -> Deny | None:
    if not rest:
        return None  # Asterisk answers with the usage.
    if rest[2:]:
        return _SPLIT
    data = b"".join(rest[1:2])
    return _of_kind(checks.EVALUATED if checks.evaluates(data) else applications.run(user, rest[0], data))


def _may_evaluate(user: Judged, expression: bytes) -> bool:
    # Flat ${name} only: without those, nothing to be evaluated may be left.
    names = _EXPRESSION.findall(expression)
    return b"$" not in _EXPRESSION.sub(b"", expression) and all(
        functions.may_read(user, name) for name in names
    )
