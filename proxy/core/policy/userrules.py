"""The user's own rules: which actions at all, and what their headers must be or are made to be.

They come after Asterisk's and our checks are known to hold for what is sent: a
value that a rule forces is judged like one the client wrote, but for a forced
``Variable``, which is the operator's word.
"""

import re
from types import MappingProxyType
from typing import Final

from proxy.ami.arguments import Described
from proxy.ami.message import Action
from proxy.config.rules import Require, Rule, Rules
from proxy.core.policy import functions, wildcard
from proxy.core.policy.classes import INDISPENSABLE, SESSION
from proxy.core.policy.verdict import PERMISSION_DENIED, Deny

_NAME: Final = Deny(PERMISSION_DENIED, "actions")
_BEYOND_SCOPE: Final = Deny(PERMISSION_DENIED, "scope")
_CHANNEL_IDS: Final = (b"channelid", b"otherchannelid")
_FORCED: Final = Deny(PERMISSION_DENIED, "rules.set")

#: Functions that would undo a forced header from inside a ``Variable``.
_SAME_AS: Final = MappingProxyType(
    {
        b"account": (b"CHANNEL", b"CDR"),
        b"callerid": (b"CALLERID", b"CALLERPRES", b"CONNECTEDLINE", b"REDIRECTING"),
        b"codecs": (b"CHANNEL",),
    }
)
#: Functions that tell of everybody's calls, and where an action may name one.
_ABOUT_ALL: Final = re.compile(rb"(?:CHANNELS|CONFBRIDGE_INFO)[ \t]*\(", re.IGNORECASE)
_READ_FROM: Final = MappingProxyType(
    {b"agi": b"command", b"command": b"command", b"getvar": b"variable", b"status": b"variables"}
)

#: Set headers of the SIP messages, in which a caller's identity may stand as well.
_SETS_HEADER: Final = re.compile(rb"(?:PJSIP_(?:\w+_)?HEADER(?:_\w+)?\(|_*SIPADDHEADER)", re.IGNORECASE)
#: Headers that hold none.
_NO_IDENTITY: Final = re.compile(rb"[ \t]*(?:x-[\w-]+|alert-info|call-info)[ \t]*\Z", re.IGNORECASE)
#: Options of Dial and Page that leave the caller's identity alone.
_KEEPS_IDENTITY: Final = re.compile(rb"(?:[0-9.^cCdEgHhIijkKnNqRrsStTwWxXz]|[ABDFGLMSUbmr]\([^()]*\))*\Z")
_DIALS: Final = MappingProxyType({b"dial": 1, b"page": 1, b"retrydial": 4})


def may_use(rules: Rules, key: bytes) -> Deny | None:
    """Whether the lists of action names let this one through (its name in lower case)."""
    names = rules.actions
    if names is None or key in INDISPENSABLE:
        return None
    if wildcard.matches_any_case(names.deny, key):
        return _NAME
    if names.allow is None or key in SESSION or wildcard.matches_any_case(names.allow, key):
        return None
    return _NAME


def within_scope(rules: Rules, action: Action, described: Described | None) -> Deny | None:
    """For a user with a scope: no list or count of everybody's calls, unless ``actions.allow`` spells it out.

    What answers tell is data (``proxy.ami.arguments``); of an action that nobody described it is not
    known.

    Nor an id of the user's own for a new channel: one that another call had, which may go on
    under it, would make that call the user's.
    """
    if rules.scope is None:
        return None
    if any(action.get(header) for header in _CHANNEL_IDS) or _asks_about_all(action):
        return _BEYOND_SCOPE
    if action.key == b"command":
        shows = rules.commands is None
    elif action.key == b"status":
        shows = not action.get(b"channel")
    else:
        shows = described is None or described.tells_calls
    if not shows:
        return None
    allowed = rules.actions.allow if rules.actions is not None else None
    return None if action.key.decode("latin-1") in map(str.lower, allowed or ()) else _BEYOND_SCOPE


def _asks_about_all(action: Action) -> bool:
    header = _READ_FROM.get(action.key)
    texts = () if header is None else action.get_all(header)
    return any(_ABOUT_ALL.search(reading) for text in texts for reading in functions.readings(text))


def rewrite(rules: Rules, action: Action, described: Described | None) -> Action | Deny:
    """Apply the header rules in order, all but forced variables; the refusal is that of the first not met.

    A rule on one name of an argument holds for its other names too.
    """
    forced: set[bytes] = set()
    stand_ins = {} if described is None else described.in_place_of
    for number, rule in enumerate(rules.rules):
        if not _applies(rule, action):
            continue
        header = _proper_name(rule, described)
        # Asterisk would use these in the place of the header that the rule is about.
        instead = [other for other, name in stand_ins.items() if name == header and action.has(other)]
        if rule.require is not None and (
            not _fits(rule.require, action.get_all(header)) or any(map(action.get, instead))
        ):
            return Deny(PERMISSION_DENIED, f"rules[{number}]")
        if rule.remove:
            action = action.without(header, *instead)
        elif rule.set is not None and header != b"variable":
            action = action.without(*instead) if instead else action
            action = action.with_header(_spelled(rule, header), rule.set.encode())
            forced.update(_SAME_AS.get(header, ()))
    refused = _assigns(action, forced) or (b"CALLERID" in forced and _changes_identity(action))
    return _FORCED if refused else action


def with_forced_variables(rules: Rules, action: Action) -> Action:
    """The action with the variables its rules force, ahead of the client's: the first occurrence sticks."""
    forced = [
        (rule.header.encode(), rule.set.encode())
        for rule in rules.rules
        if rule.set is not None and rule.header.lower() == "variable" and _applies(rule, action)
    ]
    return Action((*forced, *action.headers)) if forced else action


def _proper_name(rule: Rule, described: Described | None) -> bytes:
    header = rule.header.lower().encode()
    return header if described is None else described.proper_name(header)


def _spelled(rule: Rule, header: bytes) -> bytes:
    written = rule.header.encode()
    return written if written.lower() == header else header


def _applies(rule: Rule, action: Action) -> bool:
    return wildcard.matches_any_case((rule.action,), action.key)


def _fits(require: Require, values: list[bytes]) -> bool:
    # Variable may repeat: every one of them must fit.
    return bool(values) and all(_value_fits(require, value) for value in values)


def _value_fits(require: Require, value: bytes) -> bool:
    if require.exact is not None:
        return value == require.exact.encode()
    if require.prefix is not None:
        return value.startswith(require.prefix.encode())
    if require.one_of is not None:
        return value in [choice.encode() for choice in require.one_of]
    # A rule without a condition is refused when the configuration is read; were one here, nothing fits.
    return require.pattern is not None and wildcard.pattern(require.pattern).fullmatch(value) is not None


def _assigns(action: Action, forced: set[bytes]) -> bool:
    return any(
        name.partition(b"(")[0].strip() in forced
        for name, _ in functions.assignments(action.get_all(b"variable"))
        if b"(" in name
    )


def _changes_identity(action: Action) -> bool:
    """Whether a header, or an option of the application, may say another caller than the forced one."""
    for written, value in functions.assignments(action.get_all(b"variable")):
        name = functions.readings(written)[1].strip()
        if _SETS_HEADER.match(name):
            _, parenthesis, inner = name.partition(b"(")
            header = inner.rstrip(b")").split(b",")[1:2] if parenthesis else [value.partition(b":")[0]]
            if not header or not _NO_IDENTITY.match(header[0]):
                return True
    first = _DIALS.get(action.get(b"application").strip(b" \t").lower())
    return first is not None and not all(
        map(_KEEPS_IDENTITY.match, functions.arguments(action.get(b"data"))[first : first + 2])
    )
