"""Plain variables: which names a user may set, and to which values.

How Asterisk itself uses a variable is in a table (``amiproxy.ami.catalogue.variables``).  A name that
Asterisk does not read is free; the user's own ``variables`` restricts all names.  A variable that would make
Asterisk run, dial, fetch or write something needs class system, whatever the list says.
"""

# mypyc: compiled

import re
from typing import Final

from amiproxy.ami.arguments import Kind
from amiproxy.ami.catalogue import variables
from amiproxy.ami.privilege import SYSTEM
from amiproxy.core.policy import wildcard
from amiproxy.core.policy.kinds import checks, places
from amiproxy.core.policy.verdict import Deny, Judged, refuse

#: Blanks and quotes that some of Asterisk's ways to set a variable strip from its name.
BLANK: Final = b' \t"'
_NAME: Final = re.compile(rb"[A-Za-z0-9_.:~@#*+/ \x80-\xff-]{1,255}\Z")

_NOT_A_NAME: Final = refuse("variables", "this is not a plain variable name")
_NOT_LISTED: Final = refuse("variables", "its name is not among the user's variables: add it there")
_WHY: Final = {
    "code": "it makes Asterisk run its value as code, or dial it",
    "dialplan": "it sends the call to another place in the dialplan",
    "file": "it names a file that Asterisk writes or sends",
    "fetch": "it names what Asterisk plays, fetches or connects to",
    "calls": "it affects other users' calls",
}
_CLOSED: Final = {
    reason: refuse("variables", f"{why}; that needs class system") for reason, why in _WHY.items()
}
#: Reasons for which a closed variable has effects to which no list of contexts or channels can be applied.
_REACHING: Final = frozenset({"calls", "code"})
_PLACES: Final = frozenset({Kind.CONTEXT, Kind.PARKING_LOT})


def _of_value(refused: Deny) -> Deny:
    return Deny(refused.text, refused.rule, f"its value: {refused.hint}")


_EVALUATED: Final = _of_value(checks.EVALUATED)


def refusal(user: Judged, name: bytes, value: bytes | None) -> Deny | None:
    """Why the user may not set this variable to this value; None if it may.

    ``value``: None if it is not yet known, such as digits that a caller will type.
    """
    plain = name.strip(BLANK).lstrip(b"_")
    system = bool(user.write & SYSTEM)
    if not system and not _NAME.match(name):
        return _NOT_A_NAME
    listed = None if user.rules is None else user.rules.variables
    if listed is not None and not wildcard.matches(listed, plain):
        return _NOT_LISTED
    found = variables.find(plain)
    if found is None:
        evaluated = not system and value is not None and checks.evaluates(value)
        return _EVALUATED if evaluated else None
    if found.closed:
        if not system:
            return _CLOSED[found.closed]
        # The user's lists apply to class system too, and cannot be applied to this variable.
        if found.closed == "dialplan":
            return places.leads_to(user, places.ELSEWHERE)
        return places.beyond_lists(user) if found.closed in _REACHING and places.bounded(user) else None
    if value is None:
        return places.leads_to(user, places.ELSEWHERE) if found.kind in _PLACES else None
    refused = checks.refusal_of(user, found.kind, value)
    return None if refused is None else _of_value(refused)
