"""Says in plain words what an error response means, and what to do about it."""

from collections.abc import Callable
from typing import Final, NamedTuple

from amiproxy.ami import privilege
from amiproxy.ami.actions import ActionTable
from amiproxy.ami.message import Message
from amiproxy.tools.shell.answers.answer import Answer
from amiproxy.tools.shell.language.actions import nearest


class Asker(NamedTuple):
    """What is known about the session that sent the action."""

    user: str
    #: Actions with their classes; ``live`` are those that the user may run.
    table: ActionTable


def remedies(answer: Answer, asker: Asker) -> list[str]:
    """Sentences about a response that is an error; none if its own text says all."""
    response = answer.response
    if response is None:
        return []
    lines = []
    if reason := _shown(response.get(b"proxyreason")):
        lines.append(f"The proxy says why: {reason}")
    text = response.get(b"message").lower()
    explain = next((find for begin, find in _EXPLAINED if text.startswith(begin)), None)
    if explain is not None:
        lines += explain(answer, asker)
    return lines


def _denied(answer: Answer, asker: Asker) -> list[str]:
    name = _shown(answer.action.name)
    row = asker.table.find(answer.action.key)
    allowed = {one.name.lower() for one in asker.table.live}
    if allowed and answer.action.key in allowed:
        text = f"{asker.user} may run {name}, but not with these headers"
        return [f"{text}; the operator sees the rule with: ami-proxy explain"]
    if row is None or not row.classes:
        return [f"{asker.user} may not run {name}; the operator sees the rule with: ami-proxy explain"]
    classes = privilege.class_names(row.classes).replace(",", " or ")
    return [f"{asker.user} may not run {name}: it needs class {classes} in `write` of users.yaml"]


def _unknown(answer: Answer, asker: Asker) -> list[str]:
    name = _shown(answer.action.name)
    if answer.action.key == b"proxyservers":
        return ["This session has one server: all actions go there, and none needs to name it"]
    near = nearest(name, [_shown(row.name) for row in asker.table])
    if near and near.lower() != name.lower():
        return [f"Did you mean {near}?"]
    return [
        f"This Asterisk has no action {name}, or its module is not loaded; press Tab to see what there is"
    ]


def _failed_login(_answer: Answer, asker: Asker) -> list[str]:
    user, slash, server = asker.user.rpartition("/")
    causes = (
        f"The user {user if slash else server} does not exist or is disabled, the secret is wrong, or the "
        "user may not connect from this address"
    )
    causes += f", or may not use the server {server}, or there is none of this name." if slash else "."
    return [f"{causes} The proxy's log says which (login-failed)"]


def _no_such_server(_answer: Answer, asker: Asker) -> list[str]:
    return [f"{asker.user} has no server of this name; \\server lists those that it has"]


def _server_required(_answer: Answer, _asker: Asker) -> list[str]:
    return ["Add Server=NAME, or choose a server for what follows with \\server NAME; \\server lists them"]


def _busy(_answer: Answer, _asker: Asker) -> list[str]:
    return [
        "Too many of these actions in a short time, or too many sessions; wait a few seconds and try again"
    ]


_EXPLAINED: Final[tuple[tuple[bytes, Callable[[Answer, Asker], list[str]]], ...]] = (
    (b"permission denied", _denied),
    (b"invalid/unknown command", _unknown),
    (b"authentication failed", _failed_login),
    (b"too many", _busy),
    (b"no such server", _no_such_server),
    (b"server header required", _server_required),
    (b"not for several servers", _server_required),
)


def _shown(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")


def error_text(response: Message) -> str:
    """The text of an error response."""
    return _shown(response.get(b"message")) or "no reason given"
