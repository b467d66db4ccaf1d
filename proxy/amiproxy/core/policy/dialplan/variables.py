"""Variables: checks of the actions that read or set them, name by name and value by value.

A name is a plain variable (see ``plainvariables``) or a call of a function (see ``functions``).
"""

# mypyc: compiled

import re
from collections.abc import Iterable
from typing import Final

from amiproxy.ami.catalogue import variables
from amiproxy.ami.catalogue.functions import FUNCTIONS
from amiproxy.ami.message import Action
from amiproxy.ami.privilege import SYSTEM
from amiproxy.core.policy.dialplan import functions
from amiproxy.core.policy.verdict import Deny, Judged, refuse

_GETVAR: Final = b"GetVar Access Forbidden: Variable"
_STATUS: Final = b"Status Access Forbidden: Variables"
_GLOBAL: Final = refuse("global-variable", "without a channel it is a global variable: it needs class system")
_NO_CHANNEL: Final = Deny(
    _GETVAR, "functions", "this function needs a channel: name one, since without it Asterisk may crash"
)
_TOO_MANY: Final = refuse(
    "variables", f"Asterisk reads at most {functions.MAX_ITEMS} variables per header: use several headers"
)

#: Calls that set a header of a SIP message; the header's name is their second argument.
_SETS_HEADER: Final = re.compile(
    rb"(PJSIP_HEADER|PJSIP_HEADER_PARAM|PJSIP_INHERITABLE_HEADER)[ \t]*\((.*)\)?\Z", re.DOTALL
)
#: Headers of SIP messages that do not identify the caller.
_NO_IDENTITY: Final = re.compile(rb"[ \t]*(?:x-[\w-]+|alert-info|call-info)[ \t]*\Z", re.IGNORECASE)
_NOTHING: Final[frozenset[bytes]] = frozenset()
_CALLER: Final = frozenset({b"callerid"})


def may_assign(user: Judged, name: bytes, value: bytes | None) -> Deny | None:
    """Why the user may not set this variable or function to this value; None if it may.

    It does not matter where the assignment occurs: a header, an AGI command, an application's data.
    ``value``: None if it is not yet known, such as digits that a caller will type.
    """
    return functions.refusal_to_assign(user, name, value)


def getvar(user: Judged, action: Action) -> Deny | None:
    """Asterisk's check for SHELL and EVAL, and ours for functions."""
    names = action.get_all(b"variable")
    if not action.get(b"channel") and any(map(functions.needs_channel, names)):
        return _NO_CHANNEL
    # Asterisk reads the first; the others are checked too, in case another parser reads one of them.
    return _first_refused(user, names, _GETVAR)


def status(user: Judged, action: Action) -> Deny | None:
    """The same checks for each item of ``Variables``."""
    return _first_refused(user, functions.arguments(action.get(b"variables")), _STATUS)


def _first_refused(user: Judged, names: Iterable[bytes], text: bytes) -> Deny | None:
    for name in names:
        refused = functions.refusal_to_read(user, name)
        if refused is not None:
            return Deny(text, refused.rule, refused.hint)
    return None


def setvar(user: Judged, action: Action) -> Deny | None:
    """A variable and its value; without a channel it is a global variable, which needs class system."""
    for name in action.get_all(b"variable"):
        refused = functions.refusal_to_assign(user, name, action.get(b"value"))
        if refused is not None:
            return refused
    return _GLOBAL if not action.get(b"channel") and not user.write & SYSTEM else None


def assigned(user: Judged, action: Action) -> Deny | None:
    """Each item of each ``Variable`` of an Originate.  In other actions that header has other meanings."""
    if action.key != b"originate" or not action.has(b"variable"):
        return None
    for header in action.get_all(b"variable"):
        items = functions.arguments(header)
        if len(items) > functions.MAX_ITEMS:
            return _TOO_MANY
        for item in items:
            name, equals, value = item.partition(b"=")
            if equals and name:
                refused = functions.refusal_to_assign(user, name, value)
                if refused is not None:
                    return refused
    return None


def undoes(name: bytes, value: bytes) -> frozenset[bytes]:
    """The headers of an Originate, in lower case, whose values this assignment would change afterwards.

    Empty if there are none.
    """
    plain = functions.readings(name)[1].strip()
    call, parenthesis, _ = plain.partition(b"(")
    if not parenthesis:
        found = variables.find(plain)
        if found is None or not found.says_caller:
            return _NOTHING
        harmless = plain.lstrip(b"_").startswith(b"SIPADDHEADER") and _NO_IDENTITY.match(
            value.partition(b":")[0]
        )
        return _NOTHING if harmless else _CALLER
    function = FUNCTIONS.get(call.strip(b"_ \t").upper())
    if function is None:
        return _NOTHING
    header = _SETS_HEADER.match(plain.upper())
    if header is not None:
        named = header[2].rstrip(b")").split(b",")[1:2]
        if named and _NO_IDENTITY.match(named[0]):
            return _NOTHING
    return function.undoes
