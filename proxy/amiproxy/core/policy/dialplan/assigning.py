"""Assigning: variables that an application's data make it set."""

# mypyc: compiled

from typing import Final

from amiproxy.ami.privilege import SYSTEM
from amiproxy.core.policy.dialplan import functions
from amiproxy.core.policy.verdict import Deny, Judged, refuse

_BLANK: Final = b' \t"'
_VALUE: Final = refuse("functions", "the value calls a function that needs class system")


def filled(user: Judged, name: bytes) -> Deny | None:
    """A variable that stores what the caller types: it must not decide where the call goes."""
    name = name.strip(_BLANK)
    return functions.refusal_to_assign(user, name, None) if name else None


def assignment(user: Judged, text: bytes) -> Deny | None:
    """``NAME=value``."""
    name, _, value = text.partition(b"=")
    if not user.write & SYSTEM and functions.calls_closed_one(value):
        return _VALUE
    return functions.refusal_to_assign(user, name.strip(_BLANK), value.strip(_BLANK))


def several(user: Judged, text: bytes) -> Deny | None:
    """Assignments separated by commas.

    Quotes may extend the first one past a comma, so the whole text is checked as one assignment as well.
    """
    for item in (text, *functions.arguments(text)):
        refused = assignment(user, item)
        if refused is not None:
            return refused
    return None
