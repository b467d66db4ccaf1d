"""The user's own rules: which actions at all, and what their headers must be or are made to be.

They come after Asterisk's and our checks are known to hold for what is sent: a
value that a rule forces is judged like one the client wrote, but for a forced
``Variable``, which is the operator's word.
"""

from types import MappingProxyType
from typing import Final

from proxy.ami.message import Action
from proxy.config.rules import Require, Rule, Rules
from proxy.core.policy import functions, wildcard
from proxy.core.policy.classes import INDISPENSABLE, SESSION
from proxy.core.policy.verdict import PERMISSION_DENIED, Deny

_NAME: Final = Deny(PERMISSION_DENIED, "actions")
_BEYOND_SCOPE: Final = Deny(PERMISSION_DENIED, "scope")
_CHANNEL_IDS: Final = (b"channelid", b"otherchannelid")
_FORCED: Final = Deny(PERMISSION_DENIED, "rules.set")

#: Answers of these show calls of everybody, which a scope is there to hide.
_SHOWS_CALLS: Final = frozenset(
    b"""agents bridgeinfo bridgelist confbridgelist coreshowchannelmap coreshowchannels dahdishowchannels
    faxsession faxsessions iaxnetstats meetmelist parkedcalls pjsipshowendpoint pjsipshowendpoints
    queuestatus""".split()
)

#: Functions that would undo a forced header from inside a ``Variable``.
_SAME_AS: Final = MappingProxyType(
    {
        b"account": (b"CHANNEL", b"CDR"),
        b"callerid": (b"CALLERID", b"CONNECTEDLINE", b"REDIRECTING"),
        b"codecs": (b"CHANNEL",),
    }
)


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


def within_scope(rules: Rules, action: Action) -> Deny | None:
    """For a user with a scope: no list of everybody's calls, unless ``actions.allow`` spells it out.

    Nor an id of the user's own for a new channel: one that another call had, which may go on
    under it, would make that call the user's.
    """
    if rules.scope is None:
        return None
    if any(action.get(header) for header in _CHANNEL_IDS):
        return _BEYOND_SCOPE
    shows = (
        action.key in _SHOWS_CALLS
        or (action.key == b"status" and not action.get(b"channel"))
        or (action.key == b"command" and rules.commands is None)
    )
    if not shows:
        return None
    allowed = rules.actions.allow if rules.actions is not None else None
    return None if action.key.decode("latin-1") in map(str.lower, allowed or ()) else _BEYOND_SCOPE


def rewrite(rules: Rules, action: Action) -> tuple[Action, Deny | None]:
    """Apply the header rules in order, all but forced variables; the refusal is that of the first not met."""
    forced: set[bytes] = set()
    for number, rule in enumerate(rules.rules):
        if not _applies(rule, action):
            continue
        header = rule.header.lower().encode()
        if rule.require is not None and not _fits(rule.require, action.get_all(header)):
            return action, Deny(PERMISSION_DENIED, f"rules[{number}]")
        if rule.remove:
            action = action.without(header)
        elif rule.set is not None and header != b"variable":
            action = action.with_header(rule.header.encode(), rule.set.encode())
            forced.update(_SAME_AS.get(header, ()))
    return action, _FORCED if forced and _assigns(action, forced) else None


def with_forced_variables(rules: Rules, action: Action) -> Action:
    """The action with the variables its rules force, ahead of the client's: the first occurrence sticks."""
    forced = [
        (rule.header.encode(), rule.set.encode())
        for rule in rules.rules
        if rule.set is not None and rule.header.lower() == "variable" and _applies(rule, action)
    ]
    return Action((*forced, *action.headers)) if forced else action


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
