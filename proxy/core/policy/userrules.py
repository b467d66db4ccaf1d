"""The user's own rules: which actions at all, and what their headers must be or are made to be.

They come after Asterisk's and our checks are known to hold for what is sent: a
value that a rule forces is judged like one the client wrote, but for a forced
``Variable``, which is the operator's word.
"""

import re
from types import MappingProxyType
from typing import Final

from proxy.ami.arguments import Described
from proxy.ami.functions import Tells
from proxy.ami.message import Action
from proxy.config.rules import Require, Rule, Rules, Scope
from proxy.core.policy import functions, variables, wildcard
from proxy.core.policy.classes import INDISPENSABLE, SESSION
from proxy.core.policy.verdict import PERMISSION_DENIED, Deny, refuse

_NAME: Final = Deny(PERMISSION_DENIED, "actions")
_BEYOND_SCOPE: Final = Deny(PERMISSION_DENIED, "scope")
_ABOUT_OTHERS: Final = refuse("scope", "a function in it tells of calls outside the user's scope")
_CHANNEL_IDS: Final = (b"channelid", b"otherchannelid")
_FORCED: Final = Deny(PERMISSION_DENIED, "rules.set")

#: Where an action names what it reads.
_READ_FROM: Final = MappingProxyType(
    {b"agi": b"command", b"command": b"command", b"getvar": b"variable", b"status": b"variables"}
)
#: A call and its first argument: a device, or the name of a channel with what its driver adds.
_CALL: Final = re.compile(rb"([A-Za-z0-9_]+)[ \t]*\(([^()$,]*)[,)]")
_SUFFIX: Final = re.compile(rb"-[0-9a-fA-F]{1,16}(?:;[12])?\Z")
_NAMES_ONLY: Final = frozenset({b"getvar", b"status"})

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
    """Whether the action reads a function that tells of calls outside the scope."""
    header = _READ_FROM.get(action.key)
    if header is None:
        return False
    for text in action.get_all(header):
        for name, function in functions.called(text):
            if function is None:
                # Nobody knows what it tells, unless the operator has spelled it out.
                spelled = rules.functions is not None and name.decode("latin-1") in rules.functions
                if action.key in _NAMES_ONLY and name and not spelled:
                    return True
            elif not _tells_inside(function.tells, scope, name, text):
                return True
    return False


def _tells_inside(tells: Tells, scope: Scope, name: bytes, text: bytes) -> bool:
    return tells is Tells.OWN or (tells is Tells.DEVICE and _is_inside(scope, name, text))


def _is_inside(scope: Scope, name: bytes, text: bytes) -> bool:
    """Whether the first argument of each call of this function is a device, or a channel, of the scope."""
    plain = functions.readings(text)[1]
    given = [call[2] for call in _CALL.finditer(plain) if call[1] == name]
    return len(given) == plain.count(name) and all(
        wildcard.matches_channel(scope.channels, _SUFFIX.sub(b"", device)) for device in given
    )


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
            forced.add(header)
    refused = _undoes(action, forced) or (b"callerid" in forced and _dials_as_another(action))
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


def _undoes(action: Action, forced: set[bytes]) -> bool:
    """Whether a variable would change a forced header's value afterwards."""
    return bool(forced) and any(
        not forced.isdisjoint(variables.undoes(name, value))
        for name, value in functions.assignments(action.get_all(b"variable"))
    )


def _dials_as_another(action: Action) -> bool:
    """Whether an option of the application may say another caller than the forced one."""
    first = _DIALS.get(action.get(b"application").strip(b" \t").lower())
    return first is not None and not all(
        map(_KEEPS_IDENTITY.match, functions.arguments(action.get(b"data"))[first : first + 2])
    )
