"""Explains a denied action that was kept: what today's rights say about it, and what would allow it."""

from typing import Final, NamedTuple

from amiproxy.ami.actions import ActionTable
from amiproxy.core.denials.kept import Denied
from amiproxy.core.denials.opening import refusal_of
from amiproxy.core.model.users import User
from amiproxy.net.admin.explaining.action import explain_action
from amiproxy.net.admin.explaining.change import NOTHING, Change, change_of
from amiproxy.net.admin.explaining.printable import text_of
from amiproxy.steps import Steps

_LIMIT: Final = "limits."


class Explained(NamedTuple):
    """``lines`` as ``ami-proxy explain`` prints them, without the change."""

    lines: list[str]
    allowed: bool
    change: Change | None
    #: Why there is no change, or what to know about it; may be empty.
    message: str


def explain_denied(denied: Denied, user: User, actions: ActionTable, server: str | None) -> Steps[Explained]:
    """Judge a kept action again; ``server`` is where it was denied, None if servers have no names."""
    raw = b"\r\n".join((*denied.action.lines(), b"", b""))
    allowed, lines = yield from explain_action(user, raw, actions, server, changes=False)
    masked = ", ".join(text_of(name) for name, _ in denied.action.headers if name.lower() in denied.hidden)
    about = f"Values are masked in {masked}; ami-proxy explain judges the whole action." if masked else ""
    if denied.rule.startswith(_LIMIT):
        name = denied.rule.removeprefix(_LIMIT)
        return Explained(lines, allowed, None, f"The limit {name} denied it, not the rights of the user.")
    if allowed:
        return Explained(lines, True, None, f"With the current rights it is allowed. {about}".rstrip())
    rights = user if server is None else user.at(server)
    found = refusal_of(rights, denied.action, actions)
    if found is not None and found.rule != denied.rule:
        about = f"It was denied by {denied.rule} then, and is by {found.rule} now. {about}".rstrip()
    change = yield from change_of(user, denied.action, actions, server, denied.hidden)
    return Explained(lines, False, change, about if change is not None else f"{NOTHING} {about}".rstrip())
