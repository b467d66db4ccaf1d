"""The user's own rules: which actions are allowed, and which values their headers must have or are given.

A value that a rule forces passes through the same checks of arguments as one that the
client wrote, except a forced ``Variable``, which the operator is trusted with.
"""

# mypyc: compiled

import re
from types import MappingProxyType
from typing import Final

from amiproxy.ami.arguments import Described
from amiproxy.ami.catalogue.functions import Tells
from amiproxy.ami.message import Action
from amiproxy.core.model.rules import Require, Rule, Rules, Scope
from amiproxy.core.policy import wildcard
from amiproxy.core.policy.classes import INDISPENSABLE, SESSION
from amiproxy.core.policy.dialplan import functions, variables
from amiproxy.core.policy.verdict import PERMISSION_DENIED, Deny, refuse

_NAME: Final = Deny(PERMISSION_DENIED, "actions")
_BEYOND_SCOPE: Final = Deny(PERMISSION_DENIED, "scope")
_ABOUT_OTHERS: Final = refuse("scope", "a function in it reveals calls outside the user's scope")
_CHANNEL_IDS: Final = (b"channelid", b"otherchannelid")
_FORCED: Final = Deny(PERMISSION_DENIED, "rules.set")

#: Actions -> the header that names what they read.
_READ_FROM: Final = MappingProxyType(
    {b"agi": b"command", b"command": b"command", b"getvar": b"variable", b"status": b"variables"}
)
#: A call and its first argument: a device, or the name of a channel, which has a suffix of its driver.
_CALL: Final = re.compile(rb"([A-Za-z0-9_]+)[ \t]*\(([^()$,]*)[,)]")
_SUFFIX: Final = re.compile(rb"-[0-9a-fA-F]{1,16}(?:;[12])?\Z")
_NAMES_ONLY: Final = frozenset({b"getvar", b"status"})

#: Options of Dial and Page that do not change the caller's identity.
_KEEPS_IDENTITY: Final = re.compile(rb"(?:[0-9.^cCdEgHhIijkKnNqRrsStTwWxXz]|[ABDFGLMSUbmr]\([^()]*\))*\Z")
_DIALS: Final = MappingProxyType({b"dial": 1, b"page": 1, b"retrydial": 4})


def may_use(rules: Rules, key: bytes) -> Deny | None:
    """Check an action (name in lower case) against the user's lists of action names."""
    names = rules.actions
    if names is None or key in INDISPENSABLE:
        return None
    if wildcard.matches_any_case(names.deny, key):
        return _NAME
    if names.allow is None or key in SESSION or wildcard.matches_any_case(names.allow, key):
        return None
    return _NAME


def within_scope(rules: Rules, action: Action, described: Described | None) -> Deny | None:
    """For a user with a scope: refuse what lists or counts all calls, unless ``actions.allow`` has its name.

    What answers reveal is in a table (``amiproxy.ami.arguments``); for an action that is not described it is
    unknown, and the action is refused.

    Such a user may not choose the id of a new channel either: the id of another call, which may still be
    going on, would make that call count as the user's.
    """
    if rules.scope is None:
        return None
    if any(action.get(header) for header in _CHANNEL_IDS):
        return _BEYOND_SCOPE
    if _asks_about_others(rules, rules.scope, action):
        return _ABOUT_OTHERS
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


def _asks_about_others(rules: Rules, scope: Scope, action: Action) -> bool:
    """Whether the action reads a function that reveals calls outside the scope."""
    header = _READ_FROM.get(action.key)
    if header is None:
        return False
    for text in action.get_all(header):
        for name, function in functions.called(text):
            if function is None:
                # We do not know what it reveals, so the operator must have listed its full name.
                spelled = rules.functions is not None and name.decode("latin-1") in rules.functions
                if action.key in _NAMES_ONLY and name and not spelled:
                    return True
            elif not _tells_inside(function.tells, scope, name, text):
                return True
    return False


def _tells_inside(tells: Tells, scope: Scope, name: bytes, text: bytes) -> bool:
    return tells is Tells.OWN or (tells is Tells.DEVICE and _is_inside(scope, name, text))


def _is_inside(scope: Scope, name: bytes, text: bytes) -> bool:
    """Whether the first argument of each call of this function is a device or channel in the scope."""
    plain = functions.readings(text)[1]
    given = [call[2] for call in _CALL.finditer(plain) if call[1] == name]
    return len(given) == plain.count(name) and all(
        wildcard.matches_channel(scope.channels, _SUFFIX.sub(b"", device)) for device in given
    )


def rewrite(rules: Rules, action: Action, described: Described | None) -> Action | Deny:
    """Apply the header rules in order, except forced variables; the first rule that is not met refuses.

    Returns the action, itself if no rule changes it, or that refusal.  A rule on one name of an argument
    applies to its other names too.
    """
    forced: set[bytes] = set()
    stand_ins = {} if described is None else described.in_place_of
    for number, rule in enumerate(rules.rules):
        if not _applies(rule, action):
            continue
        header = _proper_name(rule, described)
        # Headers of the action that Asterisk would use in place of the header that the rule is about.
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
            forced.add(header)
    refused = _undoes(action, forced) or (b"callerid" in forced and _dials_as_another(action))
    return _FORCED if refused else action


def with_forced_variables(rules: Rules, action: Action) -> Action:
    """The action with the variables that rules force, ahead of the client's: the first occurrence counts."""
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
    # The configuration cannot contain a rule without a condition; if one got here, nothing would fit.
    return require.pattern is not None and wildcard.pattern(require.pattern).fullmatch(value) is not None


def _undoes(action: Action, forced: set[bytes]) -> bool:
    """Whether a variable would change a forced header's value afterwards."""
    return bool(forced) and any(
        not forced.isdisjoint(variables.undoes(name, value))
        for name, value in functions.assignments(action.get_all(b"variable"))
    )


def _dials_as_another(action: Action) -> bool:
    """Whether an option of the application may replace the forced caller id."""
    first = _DIALS.get(action.get(b"application").strip(b" \t").lower())
    return first is not None and not all(
        map(_KEEPS_IDENTITY.match, functions.arguments(action.get(b"data"))[first : first + 2])
    )
