"""History: which users may take snapshots, resume after an interruption, and ask for numbered events."""

# mypyc: compiled

from typing import Final

from amiproxy.ami.message import Action
from amiproxy.core.policy import userrules
from amiproxy.core.policy.verdict import Deny, Judged, refuse

_NOT_GIVEN: Final = refuse("history", "the user needs history: true")


def refusal(user: Judged) -> Deny | None:
    """Refuse a user that does not have the right."""
    return None if user.history else _NOT_GIVEN


def refusal_of(user: Judged, action: Action) -> Deny | None:
    """Refuse one of the actions in ``HISTORY``: without the right, or if the user's ``actions`` deny it."""
    refused = refusal(user)
    if refused is None and user.rules is not None:
        refused = userrules.may_use(user.rules, action.key)
    return refused
