"""Policy: may this user run this action, with these arguments?

The link is one all-powerful login, so every check Asterisk makes on the user's
own classes is made here, and the holes it leaves are closed.  The order is
Asterisk's: is there such an action, does a class fit, then its arguments; the
user's own rules narrow what is left.  The first refusal decides.

``decide`` is pure: same user, action and table, same verdict.
"""

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Final

from proxy.ami.actions import ActionTable, Listed
from proxy.ami.message import Action
from proxy.core.policy import (
    agi,
    applications,
    commands,
    configfiles,
    hangup,
    recording,
    targets,
    userevents,
    userrules,
    variables,
)
from proxy.core.policy.audit import is_privileged, target_of
from proxy.core.policy.classes import BLOCKED, has_class
from proxy.core.policy.verdict import PERMISSION_DENIED, Allow, Deny, Judged, Step

__all__ = ["Allow", "Deny", "Judged", "Step", "decide", "judge", "may_run", "target_of"]

#: Asterisk cuts the text of this one refusal .
MAX_UNKNOWN_TEXT: Final = 511

_ARGUMENTS: Final = MappingProxyType[bytes, Callable[[Judged, Action], Deny | None]](
    {
        b"agi": agi.agi,
        b"changemonitor": recording.monitor,
        b"command": commands.command,
        b"createconfig": configfiles.config_file,
        b"getconfig": configfiles.config_file,
        b"getconfigjson": configfiles.config_file,
        b"getvar": variables.getvar,
        b"hangup": hangup.hangup,
        b"listcategories": configfiles.config_file,
        b"moduleload": configfiles.module_load,
        b"monitor": recording.monitor,
        b"originate": applications.originate,
        b"queueadd": applications.queue_add,
        b"reload": configfiles.reload,
        b"setvar": variables.setvar,
        b"status": variables.status,
        b"updateconfig": configfiles.update_config,
        b"userevent": userevents.userevent,
    }
)


def decide(user: Judged, action: Action, table: ActionTable) -> Allow | Deny:
    """The verdict on one action of this user; ``table`` is what the connected Asterisk knows.

    An allowed action may come back rewritten by the user's rules: send that one.
    A synchronous Originate is judged as if it were asynchronous, which it will be.
    """
    for step in judge(user, action, table):
        if step.deny is not None:
            return step.deny
        action = step.action
    return Allow(action, "classes", is_privileged(action))


def may_run(user: Judged, listed: Listed) -> bool:
    """Whether the user may run the action at all, whatever its arguments: what ListCommands shows."""
    key = listed.name.lower()
    if key in BLOCKED or not has_class(user.write, listed):
        return False
    return user.rules is None or userrules.may_use(user.rules, key) is None


def judge(user: Judged, action: Action, table: ActionTable) -> Iterator[Step]:
    """The checks one by one, up to and including the first that refuses: ``decide`` in slow motion."""
    listed = table.find(action.key)
    yield Step("known", action, None if listed is not None else _unknown(action))
    assert listed is not None
    fits = has_class(user.write, listed) and action.key not in BLOCKED
    yield Step("classes", action, None if fits else Deny(PERMISSION_DENIED, "classes"))
    rules = user.rules
    if rules is not None:
        yield Step("actions", action, userrules.may_use(rules, action.key))
        yield Step("scope", action, userrules.within_scope(rules, action))
        action, refused = userrules.rewrite(rules, action)
        yield Step("rules", action, refused)
    check = _ARGUMENTS.get(action.key)
    if check is not None:
        yield Step("arguments", action, check(user, action))
    yield Step("variables", action, variables.assigned(user, action))
    if rules is not None:
        yield Step("targets", action, targets.within_targets(rules, action))
        yield Step("forced variables", userrules.with_forced_variables(rules, action))


def _unknown(action: Action) -> Deny:
    text = (
        b"Invalid/unknown command: " + action.name + b". Use Action: ListCommands to show available commands."
    )
    return Deny(text[:MAX_UNKNOWN_TEXT], "unknown")
