"""Arguments: each header of an action must be described, and its value must fit its kind."""

# mypyc: compiled

from typing import Final

from amiproxy.ami.actions import ActionTable
from amiproxy.ami.arguments import FRAME, Argument, Described
from amiproxy.ami.message import Action
from amiproxy.ami.privilege import SYSTEM
from amiproxy.core.policy.kinds import checks, places
from amiproxy.core.policy.verdict import Deny, Judged, refuse

#: The rule that refuses an action whose headers are not described.
UNDESCRIBED: Final = "undescribed"
_UNDESCRIBED: Final = refuse(
    UNDESCRIBED, "this action's headers are not described: describe them under actions: in proxy.yaml"
)
_EVERYTHING: Final = refuse(
    "everything", "left out, it means everything of its kind; name one, or get class system"
)
_EVALUATED: Final = refuse("evaluated-value", "an action that is not described accepts plain text only")


def described(user: Judged, action: Action, table: ActionTable) -> Deny | Action | None:
    """The action with only its described headers, under their proper names; None if nothing changes.

    A Deny if the action is not described and the user may not run it.
    """
    found = table.described(action.key)
    if found is None:
        if table.undescribed_for_system and user.write & SYSTEM:
            # It is unknown which of its headers would be a channel or a context.
            return places.beyond_lists(user) if places.bounded(user) else _plain(action)
        return _UNDESCRIBED
    canonical = found.canonical(action)
    return None if canonical is action else canonical


def _plain(action: Action) -> Deny | None:
    return _EVALUATED if any(checks.evaluates(value) for _, value in action.headers) else None


def fit(user: Judged, action: Action, table: ActionTable) -> Deny | None:
    """Refuse the first argument that does not fit its kind, or that is left out and so means everything."""
    found = table.described(action.key)
    if found is None:
        return None
    for name, value in () if action.has_only(FRAME) else action.headers:
        key = name.lower()
        if key in FRAME:
            continue
        argument = found.find(key)
        refused = None if argument is None else checks.refusal(user, argument, value)
        if refused is not None:
            return refused
    if found.has_everything and not user.write & SYSTEM:
        return _names_each(found, action)
    return None


def _names_each(found: Described, action: Action) -> Deny | None:
    for argument in found.arguments:
        if argument.everything and not action.get(argument.header.lower()):
            return _of(argument, _EVERYTHING)
    return None


def _of(argument: Argument, refused: Deny) -> Deny:
    return Deny(refused.text, refused.rule, f"{argument.header.decode('ascii')}: {refused.hint}")
