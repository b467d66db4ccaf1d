"""Checks a recording: which of its actions and events the users would be denied today.

An action is recorded with an example of each argument, so the policy decides as it
would for the action itself.  Of an event only its name and classes are recorded: the
classes can be checked, an eventfilter only if it looks at nothing but the name, and a
scope not at all, because a recording does not say which call an event belongs to.
Events that cannot be decided are listed as not proven, and do not count as denied.
"""

from collections.abc import Iterator

from amiproxy.ami import privilege
from amiproxy.ami.actions import ActionTable
from amiproxy.core.audit.targets import target_of
from amiproxy.core.learning.recorder import Seen
from amiproxy.core.learning.recording import Recording
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.policy import Deny, decide
from amiproxy.net.admin.explaining.printable import text_of
from amiproxy.tools import terminal


def replay(
    recording: Recording, table: UserTable, actions: ActionTable, only: str | None, server: str = ""
) -> int:
    """Print which recorded actions and events these users would be denied; return 1 if any, otherwise 0.

    ``only`` restricts this to one user; ``server`` is the server at which the rights are checked, "" for
    those that users have where nothing is narrowed.
    """
    denied = judged = unproven = 0
    for name in recording.users():
        if only is not None and name.lower() != only.lower():
            continue
        user = table.find(name.encode())
        if user is None or user.disabled:
            terminal.say(f"{name}: unknown or disabled user")
            denied += 1
            continue
        if server:
            user = user.at(server)
        for shape in (shape for shape in recording.shapes if shape.user == name):
            judged += 1
            verdict = decide(user, shape.as_action(), actions)
            if isinstance(verdict, Deny):
                denied += 1
                hint = f" ({verdict.hint})" if verdict.hint else ""
                terminal.say(
                    f"{name}: {text_of(shape.action)} {target_of(shape.as_action())}: {verdict.rule}{hint}"
                )
        for seen in (seen for seen in recording.events if seen.user == name):
            judged += 1
            refusal, doubts = _denial(user, seen), list(_doubts(user, seen))
            if refusal:
                denied += 1
                terminal.say(f"{name}: event {text_of(seen.event)}: {refusal}")
            elif doubts:
                unproven += 1
                terminal.say(f"{name}: event {text_of(seen.event)}: not proven: {'; '.join(doubts)}")
    terminal.say(f"{judged} checked, {denied} denied" + (f", {unproven} not proven" if unproven else ""))
    return 1 if denied else 0


def _denial(user: User, seen: Seen) -> str:
    if not privilege.may_read(user.read, seen.classes):
        return f"read lacks {privilege.class_names(seen.classes & ~user.read)}"
    if user.filters.admits_named(seen.event) is False:
        return "its eventfilter excludes it"
    return ""


def _doubts(user: User, seen: Seen) -> Iterator[str]:
    if user.filters.admits_named(seen.event) is None:
        yield "its eventfilter looks at more than the event's name"
    if user.rules is not None and user.rules.scope is not None:
        yield "its call may be outside the user's scope"
