"""Policy: may this user run this action with these arguments?

The link is one all-powerful login, so every check that Asterisk makes on a user's
classes is made here, and the holes that Asterisk leaves are closed.  The order is
Asterisk's: is the action known, does the user have one of its classes, are its
arguments allowed; the user's own rules narrow the result.  The first refusal decides.

``decide`` is pure: the same user, action and table give the same verdict.
"""

# mypyc: compiled

from collections.abc import Callable, Iterator
from typing import Final

from amiproxy.ami.actions import HISTORY, ActionTable, Listed
from amiproxy.ami.message import Action
from amiproxy.core.model.rules import Rules
from amiproxy.core.policy import arguments, history, reaching, together, userrules
from amiproxy.core.policy.arguments import UNDESCRIBED
from amiproxy.core.policy.classes import BLOCKED, has_class
from amiproxy.core.policy.dialplan import variables
from amiproxy.core.policy.privileged import is_privileged
from amiproxy.core.policy.verdict import PERMISSION_DENIED, Allow, Deny, Judged, Step

__all__ = ["UNDESCRIBED", "Allow", "Deny", "Judged", "Step", "decide", "judge", "may_run"]

#: Bytes to which Asterisk cuts the text of its refusal of an unknown action.
MAX_UNKNOWN_TEXT: Final = 511
_NO_CLASS: Final = Deny(PERMISSION_DENIED, "classes")
_Check = Callable[[Judged, Action, ActionTable], Deny | Action | None]


def decide(user: Judged, action: Action, table: ActionTable) -> Allow | Deny:
    """The verdict on one action of this user; ``table`` has the actions that the connected Asterisk knows.

    The user's rules may rewrite an allowed action: send ``Allow.action``, not the original.
    A synchronous Originate is judged as if it were asynchronous, because it is sent as such.
    """
    if action.key in HISTORY:
        return history.refusal_of(user, action) or Allow(action, "history", privileged=False)
    plain = _PLAIN if action.key in together.CHECKS else _PLAINEST
    for _, check in plain if user.rules is None else _RULED:
        found = check(user, action, table)
        if found is None:
            continue
        if isinstance(found, Deny):
            return found
        action = found
    return Allow(action, "classes", is_privileged(action))


def may_run(user: Judged, listed: Listed) -> bool:
    """Whether the user may run the action with some arguments; ListCommands shows these actions."""
    key = listed.name.lower()
    if key in HISTORY:
        # It may be listed by another proxy that is in Asterisk's place; it is answered here all the same.
        return user.history and (user.rules is None or userrules.may_use(user.rules, key) is None)
    if key in BLOCKED or not has_class(user.write, listed):
        return False
    return user.rules is None or userrules.may_use(user.rules, key) is None


def judge(user: Judged, action: Action, table: ActionTable) -> Iterator[Step]:
    """The steps of ``decide``: its checks one by one, up to and including the first that refuses.

    The action is allowed if the last step has no refusal, in the form that this step has.
    """
    if action.key in HISTORY:
        yield Step("history", action, history.refusal_of(user, action))
        return
    for name, check in _PLAIN if user.rules is None else _RULED:
        if check is _fits_together and action.key not in together.CHECKS:
            continue
        found = check(user, action, table)
        if isinstance(found, Deny):
            yield Step(name, action, found)
            return
        if found is not None:
            action = found
        yield Step(name, action)


def _is_known(_user: Judged, action: Action, table: ActionTable) -> Deny | None:
    return None if table.find(action.key) is not None else _unknown(action)


def _has_class(user: Judged, action: Action, table: ActionTable) -> Deny | None:
    listed = table.find(action.key)
    fits = listed is not None and has_class(user.write, listed) and action.key not in BLOCKED
    return None if fits else _NO_CLASS


def _fits_together(user: Judged, action: Action, _table: ActionTable) -> Deny | None:
    check = together.CHECKS.get(action.key)
    return check(user, action) if check is not None else None


def _may_assign(user: Judged, action: Action, _table: ActionTable) -> Deny | None:
    return variables.assigned(user, action)


def _within_lists(user: Judged, action: Action, _table: ActionTable) -> Deny | None:
    return reaching.within_lists(user, action)


def _within_scope(user: Judged, action: Action, table: ActionTable) -> Deny | None:
    assert user.rules is not None
    return userrules.within_scope(user.rules, action, table.described(action.key))


def _rewritten(user: Judged, action: Action, table: ActionTable) -> Deny | Action:
    assert user.rules is not None
    found = table.described(action.key)
    rewritten = userrules.rewrite(user.rules, action, found)
    # A rule may force a header that this action does not have: canonical() removes it.
    return rewritten if isinstance(rewritten, Deny) or found is None else found.canonical(rewritten)


def _ruled(check: Callable[[Rules, Action], Deny | Action | None]) -> _Check:
    """Adapt a check of the user's own rules to the signature of the other checks."""

    def judged(user: Judged, action: Action, _table: ActionTable) -> Deny | Action | None:
        assert user.rules is not None
        return check(user.rules, action)

    return judged


#: The checks in their order; a check returns a refusal, the rewritten action, or None if it has no objection.
_RULED: Final[tuple[tuple[str, _Check], ...]] = (
    ("known", _is_known),
    ("classes", _has_class),
    ("actions", _ruled(lambda rules, action: userrules.may_use(rules, action.key))),
    ("headers", arguments.described),
    ("scope", _within_scope),
    ("rules", _rewritten),
    ("arguments", arguments.fit),
    ("together", _fits_together),
    ("variables", _may_assign),
    ("targets", _within_lists),
    ("forced variables", _ruled(userrules.with_forced_variables)),
)
#: The checks that apply to a user without rules.
_OF_EVERYBODY: Final = frozenset({"known", "classes", "headers", "arguments", "together", "variables"})
_PLAIN: Final = tuple(step for step in _RULED if step[0] in _OF_EVERYBODY)
#: The same for an action without a check in ``together``, which therefore sets no variables of a call either.
_PLAINEST: Final = tuple(step for step in _PLAIN if step[0] not in {"together", "variables"})


def _unknown(action: Action) -> Deny:
    text = (
        b"Invalid/unknown command: " + action.name + b". Use Action: ListCommands to show available commands."
    )
    return Deny(text[:MAX_UNKNOWN_TEXT], "unknown")
