"""Applications: which applications, with which data, a user may have a channel run.

The table (``amiproxy.ami.catalogue.applications``) says which class an application needs in addition to the
action's own, and the kind of each argument; kinds are checked as in an action's headers.  What the table does
not describe is refused.  Class system may run everything, unless the user has lists of contexts or channels,
which apply to every class.  The user's own ``applications`` restricts all of this to the listed ones, and
opens those that the table closes.

Asterisk's own check comes first (with the list of version 22, whatever the version upstream).
"""

# mypyc: compiled

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from amiproxy.ami.arguments import Kind
from amiproxy.ami.catalogue.applications import APPLICATIONS, RUNS_CODE, Application, Part
from amiproxy.ami.privilege import AGI, SYSTEM, class_names
from amiproxy.core.policy import wildcard
from amiproxy.core.policy.dialplan import assigning, functions
from amiproxy.core.policy.kinds import checks, places
from amiproxy.core.policy.verdict import PERMISSION_DENIED, Deny, Judged, refuse

_FORBIDDEN: Final = Deny(
    b"Originate Access Forbidden: app or data blacklisted",
    "application",
    "Asterisk's own list of applications that run code has it: it needs class system",
)

#: Asterisk's own list for the data, besides that of names: these words anywhere, case-sensitively.
_CODE_IN_DATA: Final = re.compile(rb"CURL|DB|EVAL|FILE|ODBC|REALTIME|SHELL")

#: The checks of all kinds, and those of kinds that assign to variables, whose values have kinds of their own.
_CHECKS: Final[Mapping[Kind, checks.Check]] = MappingProxyType(
    {
        **checks.CHECKS,
        Kind.FILLED_VARIABLE: assigning.filled,
        Kind.ASSIGNMENT: assigning.assignment,
        Kind.SEVERAL_ASSIGNMENTS: assigning.several,
    }
)

#: Applications differ in how they read these characters, so we might read an argument with one differently.
_AMBIGUOUS: Final = re.compile(rb'["\\\[\]]')

#: Data in which every comma separates arguments: there is no comma inside parentheses.
_FLAT: Final = re.compile(rb"[^()]*(?:\([^(),]*\)[^()]*)*\Z")

_NOT_LISTED: Final = refuse("application", "it is not among the user's applications")
_CLOSED: Final = refuse(
    "application",
    "it can do more than the action's class allows, or is not described: list it in the user's"
    " applications, or get class system",
)
_QUOTED: Final = refuse("application", 'leave out quotes, backslashes and brackets ("\\[]) in the data')
_TOO_MANY: Final = refuse("application", "it has more arguments than are described")
_OPTION: Final = refuse("application", "it has an option that is not described")
_CALLED: Final = refuse("application", "the data call a function that needs class system")


def run(user: Judged, application: bytes, data: bytes) -> Deny | None:
    """Check one application with its data, started by an Originate, an AGI's EXEC or otherwise."""
    system = bool(user.write & SYSTEM)
    if not system and (RUNS_CODE.search(application) or _CODE_IN_DATA.search(data)):
        return _FORBIDDEN
    name = application.strip(b" \t").lower()
    listed = None if user.rules is None else user.rules.applications
    if listed is not None and not wildcard.matches_any_case(listed, name):
        return _NOT_LISTED
    bounded = places.bounded(user)
    if system and not bounded:
        return None
    if not system and checks.evaluates(data):
        return checks.EVALUATED
    row = APPLICATIONS.get(name)
    if row is None:
        return _undescribed(user, data) if listed is not None else _CLOSED
    # A * opens third-party applications only, so the name itself must be in the list.
    named = listed is not None and name in _lower(listed)
    if row.closed and not named:
        return _CLOSED
    if not row.described:
        return _undescribed(user, data)
    if row.beyond and bounded and not named:
        return places.beyond_lists(user)
    if not user.write & (row.write | SYSTEM):
        return _of(row, 0, _class_missing(row.write))
    if not data and not bounded:
        return None
    return _described(user, row, data, bounded)


@lru_cache(maxsize=1024)
def _lower(listed: tuple[str, ...]) -> frozenset[bytes]:
    return frozenset(name.lower().encode() for name in listed)


def _undescribed(user: Judged, data: bytes) -> Deny | None:
    return _CALLED if not user.write & SYSTEM and functions.calls_closed_one(data) else None


def _described(user: Judged, row: Application, data: bytes, bounded: bool) -> Deny | None:
    """The refusal of the first argument that is not allowed."""
    count = len(row.parts)
    if row.rest is not None and not row.parted:
        # The arguments before the text contain no quotes or parentheses: their kinds refuse those.
        items = data.split(b",", count)
    elif _AMBIGUOUS.search(data):
        return _of(row, 0, _QUOTED)
    else:
        items = data.split(b",") if _FLAT.match(data) else functions.arguments(data)
    if bounded:
        # An argument that is left out may mean everything, so it is checked too.
        items += [b""] * (count - len(items))
    for number, (part, item) in enumerate(zip(row.parts, items, strict=False), 1):
        refused = _refusal(user, part, item)
        if refused is not None:
            return _of(row, number, refused)
    if _types_on_local(row, items):
        return places.leads_to(user, places.ELSEWHERE)
    if len(items) <= count:
        return None
    if row.rest is None:
        # Empty data is one empty item.
        return _of(row, count + 1, _TOO_MANY) if data else None
    check = _CHECKS[row.rest]
    for number, item in enumerate(items[count:], count + 1):
        refused = check(user, item)
        if refused is not None:
            return _of(row, number, refused)
    return None


def _types_on_local(row: Application, items: list[bytes]) -> bool:
    """Whether digits are sent to a Local channel, whose other half may take them for a feature code.

    The feature code could transfer a call to a context that the dialplan chooses.
    """
    typed = local = False
    for part, item in zip(row.parts, items, strict=False):
        if part.options is not None:
            kinds = part.options.kinds
            typed |= any(
                kinds[key] is Kind.TYPED_DIGITS and digits for key, digits in _ARGUMENT.findall(item)
            )
        elif part.kind is Kind.DIAL_STRINGS:
            local |= b"local/" in item.lower()
    return typed and local


def _refusal(user: Judged, part: Part, value: bytes) -> Deny | None:
    options = part.options
    if value and not user.write & (part.write | SYSTEM):
        return _class_missing(part.write)
    if options is None:
        return _CHECKS[part.kind](user, value)
    if not options.shape.match(value):
        return _OPTION
    if b"(" in value:
        for letter, argument in _ARGUMENT.findall(value):
            refused = _CHECKS[options.kinds[letter]](user, argument)
            if refused is not None:
                return refused
    return None


#: An option with an argument; an argument that fits the shape contains no parentheses.
_ARGUMENT: Final = re.compile(rb"(.)\(([^)]*)\)")


def _class_missing(write: int) -> Deny:
    # Asterisk itself refuses the AGI of a queue, so the text is Asterisk's.
    text = _FORBIDDEN.text if write & AGI else PERMISSION_DENIED
    return refuse("application", f"it needs class {class_names(write)}", text)


def _of(row: Application, number: int, refused: Deny) -> Deny:
    where = f"{row.name}, argument {number}" if number else row.name
    return Deny(refused.text, refused.rule, f"{where}: {refused.hint}")
