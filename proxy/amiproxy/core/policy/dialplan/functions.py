"""Functions: which dialplan functions a user may use in place of a variable's name.

Wherever Asterisk accepts a variable it also accepts a dialplan function, and some of them read secrets,
run a shell, fetch a URL or write a file.  So the name in Getvar, Setvar, Status and in every item of a
``Variable`` list is checked.  Which users may read or write which function, and what its arguments are,
is in a table (``amiproxy.ami.catalogue.functions``):

- a user without class system may write one plain call, with each argument of its kind and nothing inside
  to be evaluated, of a function that is open to all or that the user's ``functions`` open;
- class system may nest calls, and use all functions except those that reveal secrets or access the
  network or a database, which the user's own ``functions`` must list by their full names.
"""

# mypyc: compiled

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from amiproxy.ami.arguments import Kind
from amiproxy.ami.catalogue.functions import CLOSED_FAMILIES, FUNCTIONS, OF_CHANNEL, Form, Function, OpenTo
from amiproxy.ami.privilege import SYSTEM
from amiproxy.core.model.rules import Rules
from amiproxy.core.policy import wildcard
from amiproxy.core.policy.dialplan import plainvariables
from amiproxy.core.policy.kinds import checks, patterns, places
from amiproxy.core.policy.verdict import Deny, Judged, refuse

#: Asterisk's own check (Getvar, Status): these words anywhere, case-sensitively, need class system.
_ASTERISK_CHECK: Final = re.compile(rb"SHELL|EVAL")

_CALL: Final = re.compile(rb"([A-Za-z0-9_]+)\(([^()${}]*)\)\Z")
_CALLED: Final = re.compile(rb"([A-Za-z0-9_]*)[ \t]*\(")
_FUNCTION_BYTES: Final = re.compile(rb"[()]|\$[{\[]")
#: Characters that change where an argument ends.
_QUOTES: Final = re.compile(rb'["\\\[\]]')
_COMPILES: Final = re.compile(rb"(?:CHANNELS|GROUP_MATCH_COUNT|REGEX)[ \t]*\((.*)", re.DOTALL)
#: Characters that change the meaning of a comma in a list.
_SPECIAL: Final = re.compile(rb'["\\()\[\]]')
_MARK: Final = re.compile(rb'[,"\\()\[\]]')

#: Asterisk splits one ``Variable`` header into at most 64 items; how it treats the rest is unknown.
MAX_ITEMS: Final = 63

#: Maximum length of a name, in bytes, for its verdict to be cached.
_REMEMBERED: Final = 128

_CHECKED: Final = refuse("functions", "SHELL and EVAL in a name need class system")
_SHAPE: Final = refuse("functions", "write one plain call, with nothing inside to be evaluated")
_SECRET: Final = refuse(
    "functions", "it reveals secrets or reaches other hosts: it needs class system, and its name in functions"
)
_SYSTEM: Final = refuse("functions", "this function needs class system")
_NOT_LISTED: Final = refuse("functions", "its name is not among the user's functions: add it there")
_SPELLED: Final = refuse("functions", "the user's functions must list its full name, not a pattern")
_ARGUMENTS: Final = refuse("functions", "an argument of this function is not allowed")
_READ_ONLY: Final = refuse("functions", "this function cannot be set")


def may_read(user: Judged, name: bytes) -> bool:
    """Whether the user may read this variable or function."""
    return refusal_to_read(user, name) is None


def may_assign(user: Judged, name: bytes) -> bool:
    """Whether the user may set this variable or function to a value that is not yet known."""
    return refusal_to_assign(user, name, None) is None


def refusal_to_read(user: Judged, name: bytes) -> Deny | None:
    """Why the user may not read this variable or function; None if it may."""
    if user.rules is None and len(name) <= _REMEMBERED:
        return _unruled_refusal_to_read(name, user.write)
    return _refusal_to_read(user, name)


class _Unruled(NamedTuple):
    """A user without rules, whose classes alone decide."""

    write: int
    rules: Rules | None = None
    history: bool = False


@lru_cache(maxsize=4096)
def _unruled_refusal_to_read(name: bytes, write: int) -> Deny | None:
    """Cached: clients ask for the same few names, and for a user without rules only the classes count."""
    return _refusal_to_read(_Unruled(write), name)


def _refusal_to_read(user: Judged, name: bytes) -> Deny | None:
    if user.write & SYSTEM:
        return _system_refusal(user, name)
    if _ASTERISK_CHECK.search(name):
        return _CHECKED
    if not _FUNCTION_BYTES.search(name):
        return None
    call = _CALL.match(name)
    if call is None:
        return _SHAPE
    function = FUNCTIONS.get(call[1])
    if function is None:
        return _undescribed(user, call[1], call[2])
    refused, _ = _form(user, call[1], call[2], function.reads)
    return refused


def refusal_to_assign(user: Judged, name: bytes, value: bytes | None) -> Deny | None:
    """Why the user may not set this variable or function to this value; None if it may.

    ``value``: None if it is not yet known.
    """
    if not _FUNCTION_BYTES.search(name):
        return plainvariables.refusal(user, name, value)
    if user.write & SYSTEM:
        beyond = places.bounded(user) and _only_system_sets(user, name)
        return _system_refusal(user, name) or (places.beyond_lists(user) if beyond else None)
    call = _CALL.match(name)
    if call is None:
        return _SHAPE
    function = FUNCTIONS.get(call[1])
    if function is None:
        return _SYSTEM if _is_closed(call[1]) or _listed(user.rules) is None else _READ_ONLY
    refused, form = _form(user, call[1], call[2], function.writes)
    if form is None or value is None:
        return refused
    return checks.refusal_of(user, form.value, value)


def needs_channel(text: bytes) -> bool:
    """Whether the text calls a function that may crash Asterisk if no channel is named."""
    return not OF_CHANNEL.isdisjoint(_called(text))


def _only_system_sets(user: Judged, name: bytes) -> bool:
    """Whether only class system could set this, because it may reach other calls or send a call elsewhere."""
    call = _CALL.match(name)
    function = FUNCTIONS.get(call[1]) if call is not None else None
    if call is None or function is None:
        return True
    forms = (form for form in function.writes if form.who not in (OpenTo.SYSTEM, OpenTo.CLOSED))
    return all(_arguments_refused(user, call[2], form) is not None for form in forms)


def called(text: bytes) -> Iterator[tuple[bytes, Function | None]]:
    """Every name in a text that may be a call of a function, with the function of that name, if any."""
    for name in _called(text):
        yield name, FUNCTIONS.get(name)


def _form(
    user: Judged, name: bytes, argument: bytes, forms: tuple[Form, ...]
) -> tuple[Deny | None, Form | None]:
    """The form of this call that the user may use, or the reason why no form is allowed."""
    refused = _READ_ONLY
    for form in forms:
        found = _who_refuses(user, name, form.who)
        if found is None:
            found = _arguments_refused(user, argument, form)
            if found is None:
                return None, form
        refused = found
    return refused, None


def _who_refuses(user: Judged, name: bytes, who: OpenTo) -> Deny | None:
    if who is OpenTo.SYSTEM:
        return _SYSTEM
    if who is OpenTo.CLOSED:
        return _SECRET
    listed = _listed(user.rules)
    if who is OpenTo.SPELLED:
        return None if listed is not None and name.decode("ascii") in listed else _SPELLED
    if listed is None:
        return None if who is OpenTo.ALL else _NOT_LISTED
    return None if wildcard.matches(listed, name) else _NOT_LISTED


def _arguments_refused(user: Judged, text: bytes, form: Form) -> Deny | None:
    given = arguments(text)
    kinds = form.arguments
    if len(given) > len(kinds) and not form.repeats and any(given):
        return _ARGUMENTS
    for number, value in enumerate(given):
        kind = kinds[number] if number < len(kinds) else kinds[-1] if kinds else Kind.TEXT
        if isinstance(kind, frozenset):
            if value.lower() not in kind:
                return _ARGUMENTS
        elif kind is not Kind.TEXT and _QUOTES.search(text):
            return _ARGUMENTS  # A function that splits its arguments differently would read other ones.
        else:
            refused = checks.refusal_of(user, kind, value)
            if refused is not None:
                return Deny(refused.text, refused.rule, f"an argument of the function: {refused.hint}")
    return None


def _undescribed(user: Judged, name: bytes, argument: bytes) -> Deny | None:
    """A third-party function: users whose ``functions`` list its full name may read it."""
    if _is_closed(name):
        return _SECRET
    return _who_refuses(user, name, OpenTo.SPELLED) or _arguments_refused(user, argument, _ANY)


_ANY: Final = Form(OpenTo.SPELLED, (Kind.TEXT,), True)


def _is_closed(name: bytes) -> bool:
    return name.upper().startswith(CLOSED_FAMILIES)


def _system_refusal(user: Judged, name: bytes) -> Deny | None:
    listed = _listed(user.rules)
    for reading in readings(name):
        compiles = _COMPILES.search(reading)
        if compiles is not None:
            refused = patterns.bounded(user, compiles[1])
            if refused is not None:
                return refused
    for function in _called(name):
        if _secret(function):
            # Asterisk's configuration contains the secret of the account that all clients share.
            if listed is None or function.decode("ascii") not in listed or _names_manager(name):
                return _SECRET
        elif listed is not None and not wildcard.matches(listed, function):
            return _NOT_LISTED
    return None


def _names_manager(text: bytes) -> bool:
    return any(b"manager" in reading.lower() for reading in readings(text))


def _secret(name: bytes) -> bool:
    found = FUNCTIONS.get(name.upper())
    if found is None:
        return _is_closed(name)
    return any(form.who is OpenTo.CLOSED for form in found.reads + found.writes)


def _listed(rules: Rules | None) -> tuple[str, ...] | None:
    return None if rules is None else rules.functions


def calls_closed_one(text: bytes) -> bool:
    """Whether a text contains, anywhere, a call of a function that only class system may use."""
    return any(_is_closed(name) or _only_system(FUNCTIONS.get(name.upper())) for name in _called(text))


def _only_system(function: Function | None) -> bool:
    return function is not None and all(
        form.who in (OpenTo.SYSTEM, OpenTo.CLOSED) for form in function.reads + function.writes
    )


def readings(text: bytes) -> tuple[bytes, bytes]:
    """A text as it is, and without its quotes and backslashes, which Asterisk may remove."""
    return text, text.translate(None, b'"\\')


def _called(text: bytes) -> set[bytes]:
    if b"(" not in text:
        return set()
    return {function for reading in readings(text) for function in _CALLED.findall(reading)}


def arguments(text: bytes) -> list[bytes]:
    """Split at commas as Asterisk's applications do, and remove quotes and backslashes.

    A comma inside quotes, parentheses or brackets, or after a backslash, does not
    separate; a bracket that is never closed contains everything after it.
    """
    if not text:
        return []
    if not _SPECIAL.search(text):
        return text.split(b",")
    items: list[bytes] = []
    item = b""
    start = ordinary = parentheses = brackets = 0
    quoted = False
    for mark in _MARK.finditer(text):
        place = mark.start()
        if place < ordinary:
            continue  # It follows a backslash.
        sign = mark[0]
        if sign == b"(":
            parentheses += 1
        elif sign == b")":
            parentheses = max(0, parentheses - 1)
        elif sign == b"[":
            brackets += 1
        elif sign == b"]":
            brackets = max(0, brackets - 1)
        elif sign != b",":
            item, start = item + text[start:place], place + 1
            if sign == b'"':
                quoted = not quoted
            else:
                ordinary = place + 2
        elif not (parentheses or brackets or quoted):
            items.append(item + text[start:place])
            item, start = b"", place + 1
    items.append(item + text[start:])
    return items


def assignments(values: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """(name, value) of every item of these ``Variable`` headers; Asterisk ignores items without ``=``.

    ``values`` are the values of the headers, in order.
    """
    for value in values:
        for item in arguments(value):
            name, equals, assigned = item.partition(b"=")
            if equals and name:
                yield name, assigned
