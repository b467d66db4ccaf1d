"""Requests: the JSON messages that a client may send, as AMI actions."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, NoReturn

from amiproxy.ami.encodings.jsonactions import UnfitAction, action_of, object_in

#: Bytes of an id, as of an ActionID.
_LONGEST_ID: Final = 256
_CONTROL: Final = re.compile(r"[\x00-\x1f]")
#: Names of events, as a filter has them.
_EVENT_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")


class UnfitRequest(Exception):
    """A message that cannot be carried out.  ``str(error)`` is for the client; ``action_id`` is its id."""

    def __init__(self, text: str, action_id: bytes) -> None:
        super().__init__(text)
        self.action_id = action_id


class NotJson(Exception):
    """A message that is not one JSON object: what the client sends is not what this door speaks."""


class Request(NamedTuple):
    """One message of a client; ``kind`` is ``action``, ``login``, ``subscribe``, ``resume`` … ."""

    kind: str
    #: The client's id; b"" if there is none.
    action_id: bytes
    #: The members, but for type and id; for an action, its headers.
    members: Mapping[str, object]


KINDS: Final = ("action", "login", "subscribe", "resume", "snapshot", "ping")


def request_in(text: bytes) -> Request:
    """The request that a message is.  Raises NotJson or UnfitRequest."""
    try:
        members = object_in(text)
    except UnfitAction as error:
        raise NotJson(str(error)) from None
    if "type" not in members:
        action_id = _id(members.get("ActionID", ""))
        if "Action" not in members and "ProxyAction" not in members:
            _refuse("There is neither a type nor an Action", action_id)
        return Request("action", action_id, members)
    kind, action_id = members.pop("type"), _id(members.pop("id", ""))
    if not isinstance(kind, str) or kind not in KINDS:
        _refuse(f"There is no such type; the types are {', '.join(KINDS)}", action_id)
    if kind != "action":
        return Request(kind, action_id, members)
    data = members.get("data")
    if not isinstance(data, dict):
        _refuse("An action has its headers in data, an object", action_id)
    if any(name.lower() == "actionid" for name in data) and action_id:
        _refuse("An action has an id or an ActionID, not both", action_id)
    return Request(kind, action_id or _id(data.get("ActionID", "")), data)


def _id(value: object) -> bytes:
    if not isinstance(value, str) or _CONTROL.search(value):
        raise UnfitRequest("An id is a string or a number", b"")
    try:
        action_id = value.encode()
    except UnicodeEncodeError:
        raise UnfitRequest("An id has half of a surrogate pair", b"") from None
    if len(action_id) > _LONGEST_ID:
        raise UnfitRequest("An id has at most 256 bytes", b"")
    return action_id


def _refuse(text: str, action_id: bytes) -> NoReturn:
    raise UnfitRequest(text, action_id)


def is_login(request: Request) -> bool:
    """Whether it is an action Login, in whatever spelling."""
    return any(
        name.lower() == "action" and isinstance(value, str) and value.lower() == "login"
        for name, value in request.members.items()
    )


# -- the actions that they become -------------------------------------------------


def action(request: Request, action_id: bytes) -> bytes:
    """The action of a request ``action``.  Raises UnfitRequest, as do all functions below."""
    return _action(request, request.members, action_id)


def login(request: Request, action_id: bytes) -> bytes:
    """The Login of a request ``login``; events are off until the door asks for them."""
    members = {
        "Action": "Login",
        "Username": _text(request, "username"),
        "Secret": _text(request, "secret"),
        "Events": "off",
    }
    return _action(request, members, action_id)


def mask_of(request: Request) -> str:
    """The event mask that ``classes`` says: all classes if it is missing, none if it is empty."""
    if "classes" not in request.members:
        return "on"
    return ",".join(_texts(request, "classes")) or "off"


def events(request: Request, action_id: bytes, mask: str) -> bytes:
    """The action that turns the events of this mask on, with their positions."""
    return _action(request, {"Action": "Events", "EventMask": mask, "ProxySequence": "on"}, action_id)


def filters(request: Request) -> list[tuple[bytes, bytes]]:
    """The filters that a request adds: pairs of match criteria, or b"", and a pattern.

    They are those of ``events``, which are names, and of ``filter``, which are in Asterisk's language.
    """
    added: list[tuple[bytes, bytes]] = []
    for name in _texts(request, "events"):
        if not _EVENT_NAME.fullmatch(name):
            _refuse("The name of an event is not one", request.action_id)
        added.append((f"action(include),name({name})".encode(), b""))
    for one in _texts(request, "filter"):
        if _CONTROL.search(one):
            _refuse("A filter has a control character", request.action_id)
        try:
            added.append((b"", one.encode()))
        except UnicodeEncodeError:
            _refuse("A filter has half of a surrogate pair", request.action_id)
    return added


def resume(request: Request, action_id: bytes, mask: str) -> bytes:
    """The ProxyResume from the position of ``from``."""
    members = {
        "Action": "ProxyResume",
        "From": _text(request, "from"),
        "EventMask": mask,
        "ProxySequence": "on",
    }
    return _action(request, members, action_id)


def snapshot(request: Request, action_id: bytes) -> bytes:
    """The ProxySnapshot of the kinds of ``kinds``, of all if it is missing."""
    members = {"Action": "ProxySnapshot"}
    kinds = _texts(request, "kinds")
    if kinds:
        members["Kinds"] = ",".join(kinds)
    return _action(request, members, action_id)


def _action(request: Request, members: Mapping[str, object], action_id: bytes) -> bytes:
    try:
        return action_of(members, action_id)
    except UnfitAction as error:
        raise UnfitRequest(str(error), request.action_id) from None


def _text(request: Request, name: str) -> str:
    value = request.members.get(name)
    if not isinstance(value, str):
        raise UnfitRequest(f"{name} is missing, or not a string", request.action_id)
    return value


def _texts(request: Request, name: str) -> list[str]:
    value = request.members.get(name, [])
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise UnfitRequest(f"{name} is not an array of strings", request.action_id)
    return values
