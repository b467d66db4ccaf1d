"""Plain variables: which names a user may set, and to what.

What Asterisk itself makes of a name is data (``proxy.ami.variables``).  A name that Asterisk does not
read is free; the user's own ``variables`` narrows all names.  What would let Asterisk run, dial, fetch
or write is class system's, whatever the list says.
"""

import re
from typing import Final

from proxy.ami import variables
from proxy.ami.arguments import Kind
from proxy.ami.privilege import SYSTEM
from proxy.core.policy import wildcard
from proxy.core.policy.kinds import checks, places
from proxy.core.policy.verdict import Deny, Judged, refuse

#: Blanks and quotes that one of Asterisk's ways to set a variable may take off.
BLANK: Final = b' \t"'
_NAME: Final = re.compile(rb"[A-Za-z0-9_.:~@#*+/ \x80-\xff-]{1,255}\Z")

_NOT_A_NAME: Final = refuse("variables", "this is no plain name of a variable")
_NOT_LISTED: Final = refuse("variables", "its name is not among the user's variables: add it there")
_WHY: Final = {
    "code": "it makes Asterisk run what it says",
    "dialplan": "it sends the call to another place in the dialplan",
    "file": "it names a file that Asterisk writes or sends",
    "fetch": "it names what Asterisk plays, fetches or connects to",
    "calls": "it reaches other people's calls",
}
_CLOSED: Final = {
    reason: refuse("variables", f"{why}; that needs class system") for reason, why in _WHY.items()
}
#: Reasons for which a closed one reaches what no list of contexts or channels can hold.
_REACHING: Final = frozenset({"calls", "code"})
_PLACES: Final = frozenset({Kind.CONTEXT, Kind.PARKING_LOT})


def _of_value(refused: Deny) -> Deny:
    return Deny(refused.text, refused.rule, f"its value: {refused.hint}")


_EVALUATED: Final = _of_value(checks.EVALUATED)


def refusal(user: Judged, name: bytes, value: bytes | None) -> Deny | None:
    """Why the user may not set this variable to this value; None if it may.

    ``value``: None for one that is not known yet, such as digits that a caller will type.
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
        # Lists hold for class system too, and here they cannot be held to.
        if found.closed == "dialplan":
            return places.leads_to(user, places.ELSEWHERE)
        return places.beyond_lists(user) if found.closed in _REACHING and places.bounded(user) else None
    if value is None:
        return places.leads_to(user, places.ELSEWHERE) if found.kind in _PLACES else None
    refused = checks.refusal_of(user, found.kind, value)
    return None if refused is None else _of_value(refused)
