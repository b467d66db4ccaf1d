"""Explains an action: what each check of the policy decides, and why."""

from collections.abc import Iterator

from amiproxy.ami import privilege
from amiproxy.ami.actions import ANSWERED_HERE, SHIPPED, ActionTable
from amiproxy.ami.arguments.kinds import MEANING
from amiproxy.ami.errors import ProtocolError
from amiproxy.ami.message import Action, parse_action
from amiproxy.ami.privilege import class_names
from amiproxy.core.audit.targets import target_of
from amiproxy.core.model.users import User
from amiproxy.core.policy import Step, judge
from amiproxy.core.policy.classes import classes_of
from amiproxy.core.policy.reference.stricter import STRICTER
from amiproxy.core.servers import originate
from amiproxy.counted import count
from amiproxy.net.admin.explaining.change import NOTHING, change_of
from amiproxy.net.admin.explaining.printable import text_of
from amiproxy.net.admin.explaining.servers import is_of_the_proxy, rights_at, where
from amiproxy.steps import Steps

#: What each check tests, in words.
_CHECKS = {
    "history": "whether the user has history: true",
    "known": "whether Asterisk has such an action",
    "headers": "only described headers are sent, each under its canonical name",
    "classes": "whether one of the action's classes is in write",
    "actions": "the user's actions.allow and actions.deny",
    "scope": "lists of all users' calls, for a user with a scope",
    "rules": "the user's rules on headers",
    "arguments": "whether each argument fits its kind",
    "together": "arguments in combination: a variable and its value, an application and its data",
    "variables": "functions in variable names",
    "targets": "the user's contexts and channels",
    "forced variables": "variables that the user's rules force",
}

#: Why a user's own rule, or a basic one, denies an action; ``STRICTER`` has the reasons of the other rules.
_REASONS = {
    "unknown": "Neither Asterisk 22 nor 16 has such an action; a connected proxy uses Asterisk's own list.",
    "history": "Snapshots, resuming and numbered events need history: true in the user's entry.",
    "actions": "The user's actions.deny names it, or its actions.allow does not.",
    "channels": "It names a channel that is not in the user's channels, or cannot be restricted to them.",
    "commands": "The CLI command begins with none of the user's commands.",
    "contexts": "It leads to a context that is not in the user's contexts, or leaves the choice to Asterisk.",
    "undescribed": "Its headers are not described: add it to actions: in proxy.yaml.",
    "one-of": "The header has none of the values that the action's description in proxy.yaml lists.",
    "system": "It is equivalent to a shell on the Asterisk host, so it needs class system.",
    "scope": "The response lists all users' calls, which a scope hides; actions.allow can permit it by name.",
    "rules.set": "A variable would override the header that the user's rules force.",
}


def _left_out(action: Action, actions: ActionTable) -> tuple[bytes, ...]:
    """Names, as spelled, of the action's headers that the proxy would not send to Asterisk."""
    described = actions.described(action.key)
    return () if described is None else described.left_out(action)


def explain_action(
    user: User, raw: bytes, actions: ActionTable = SHIPPED, server: str | None = None, *, changes: bool = True
) -> Steps[tuple[bool, list[str]]]:
    """Whether this user's action is allowed, and the explanation, line by line.

    ``raw`` is a whole message, as a client sends it; what cannot be parsed is not allowed.  ``server`` is the
    server that the session is bound to, "" for a session with all servers of its user; None if servers have
    no names.  With ``changes`` the explanation of a denied action ends with the smallest change of users.yaml
    that would allow it.
    """
    lines = [f"user     {user.name}{' (disabled)' if user.disabled else ''}, write {class_names(user.write)}"]
    try:
        action = parse_action(raw)
    except ProtocolError as error:
        end = "; the connection is closed" if error.fatal else ""
        return False, [*lines, f"refused before any rule: {error}{end}"]
    if not action.name:
        return False, [*lines, "refused before any rule: Missing action in request"]
    lines.append(f"action   {text_of(action.name)}  {target_of(action)}".rstrip())
    if server is None:
        good, more = _judged(user, raw, action, actions)
        if not good and changes:
            more += yield from _change(user, action, actions)
        return good, [*lines, *more]
    if server and server not in user.servers:
        return False, [*lines, f"refused at the login: the user may not use the server {server}"]
    if is_of_the_proxy(action, user, server):
        return True, [*lines, "", "allowed; answered by the proxy itself, nothing is sent to Asterisk"]
    place = where(user, action, server)
    lines.append(f"server   {place.text}")
    if place.refusal:
        return False, [*lines, f"refused before any rule: {place.refusal}"]
    at_each = rights_at(user, place.servers)
    denied_at = []
    for name, rights in at_each:
        judged = action.without(b"server")
        good, more = _judged(rights, raw, judged, actions)
        if not good and changes:
            more += yield from _change(user, judged, actions, name if len(place.servers) == 1 else None)
        if len(at_each) > 1 or rights.write != user.write:
            lines += ["", f"at {name}, write {class_names(rights.write)}"]
        lines += more
        if not good:
            denied_at.append(name)
    if denied_at and len(denied_at) < len(at_each):
        lines += ["", f"the client gets one list, with ServersMissing: {', '.join(denied_at)}"]
    return len(denied_at) < len(at_each), lines


def _change(user: User, action: Action, actions: ActionTable, server: str | None = None) -> Steps[list[str]]:
    change = yield from change_of(user, action, actions, server)
    return ["", *([NOTHING] if change is None else change.lines)]


def _judged(user: User, raw: bytes, action: Action, actions: ActionTable) -> tuple[bool, list[str]]:
    lines = []
    unsent = _left_out(action, actions)
    if unsent:
        lines.append(f"not sent {', '.join(text_of(name) for name in unsent)}: not described")
    dropped = sum(1 for line in raw.split(b"\n") if line.strip(b"\r")) - len(parse_action(raw).headers)
    if dropped:
        lines.append(f"dropped  {count(dropped, 'line')}: not headers to Asterisk, or repeated ones")
    lines.append("")
    before = action
    for step in judge(user, action, actions):
        lines.append(f"  {step.check:<17}{_outcome(step, before, user, actions)}")
        before = step.action
        if step.deny is not None:
            return False, [*lines, "", *_refusal(step, user, actions)]
    return True, [*lines, "", *_fate(user, before)]


def _outcome(step: Step, before: Action, user: User, actions: ActionTable) -> str:
    if step.deny is not None:
        return f"REFUSED by {step.deny.rule}: {_CHECKS[step.check]}"
    if step.action != before:
        return f"rewritten: {_CHECKS[step.check]}"
    if step.check == "classes":
        listed = actions.find(before.key)
        assert listed is not None
        needed = classes_of(listed)
        enough = class_names(needed & user.write) if user.write != privilege.ALL else "all"
        return f"passed: {enough} is enough" if needed else "passed: open to all"
    if step.check == "arguments":
        kinds = ", ".join(_kinds_of(before, actions))
        return f"passed: {kinds}" if kinds else "passed: no arguments"
    return f"passed: {_CHECKS[step.check]}"


def _kinds_of(action: Action, actions: ActionTable) -> Iterator[str]:
    """Each argument with its kind, as ``Exten extension``."""
    described = actions.described(action.key)
    for name, _ in action.headers:
        argument = None if described is None else described.find(name.lower())
        if argument is not None:
            yield f"{text_of(name)} {argument.kind.value}"


def _refusal(step: Step, user: User, actions: ActionTable) -> Iterator[str]:
    assert step.deny is not None
    rule, key = step.deny.rule, step.action.key
    listed = actions.find(key)
    yield "denied; the client receives:"
    yield "  Response: Error"
    yield f"  Message: {text_of(step.deny.text)}"
    if step.check == "arguments":
        yield from _kind_refused(step, actions)
    if step.deny.hint:
        yield f"  ProxyReason: {rule}: {step.deny.hint}"
    if rule.startswith("rules["):
        yield f"why: a header does not satisfy the user's {rule}."
    elif rule == "classes" and listed is not None and classes_of(listed) == listed.classes:
        yield f"why: it needs one of {class_names(listed.classes)}; write has {class_names(user.write)}."
    else:
        yield f"why: {_REASONS.get(rule) or STRICTER[rule]}"


def _kind_refused(step: Step, actions: ActionTable) -> Iterator[str]:
    """The kind that the denied argument should have had."""
    assert step.deny is not None
    described = actions.described(step.action.key)
    argument = (
        None if described is None else described.find(step.deny.hint.partition(":")[0].lower().encode())
    )
    if argument is not None:
        yield f"  {text_of(argument.header)} is a {argument.kind.value}: {MEANING[argument.kind]}"


def _fate(user: User, action: Action) -> Iterator[str]:
    if action.key in ANSWERED_HERE:
        yield "allowed; answered by the proxy itself, nothing is sent to Asterisk"
        return
    sent = action
    if action.key == b"originate":
        sent = originate.with_variables(sent, user.setvar)
        if originate.is_synchronous(sent) and not originate.fails_at_once(sent):
            sent = originate.as_asynchronous(sent)
    yield "allowed; sent to Asterisk:"
    for line in sent.without(b"actionid").lines():
        yield f"  {text_of(line)}"
    yield "  ActionID: (the proxy's own; the client gets its own back)"
