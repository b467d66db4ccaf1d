"""Texts: the JSON messages to clients that are no events."""

import json
from collections.abc import Iterable
from typing import Final, NamedTuple

from amiproxy import __version__
from amiproxy.ami.encodings.json import quoted
from amiproxy.net.doors.http.websocket.frames import HEARTBEAT, text

#: The version of these messages; it changes when clients would have to.
VERSION: Final = 1


def message(kind: str, **members: object) -> bytes:
    """A frame with a message of this type."""
    return text(json.dumps({"type": kind, **members}, ensure_ascii=False, separators=(",", ":")).encode())


class ServerFacts(NamedTuple):
    """A server as ``hello`` describes it; ``started`` is epoch seconds, None if it is not known."""

    name: str
    is_up: bool
    started: int | None


def hello(user: str, servers: Iterable[ServerFacts], *, history: bool, wall: float) -> bytes:
    """The first message after the login."""
    return message(
        "hello",
        version=VERSION,
        product=f"amiproxy/{__version__}",
        user=user,
        servers=[_server(one) for one in servers],
        time=round(wall, 3),
        heartbeat=HEARTBEAT,
        history=history,
    )


def _server(facts: ServerFacts) -> dict[str, object]:
    shown: dict[str, object] = {"name": facts.name, "up": facts.is_up}
    return shown if facts.started is None else {**shown, "started": facts.started}


def error(action_id: bytes, status: int, title: str) -> bytes:
    """A request that failed; ``action_id`` is its id, b"" if it has none."""
    return text(
        b'{"type":"error",%b"status":%d,"title":%b}' % (id_(action_id), status, quoted(title.encode()))
    )


def id_(action_id: bytes) -> bytes:
    """The member ``id``, with a comma; b"" for none."""
    return b'"id":%b,' % quoted(action_id) if action_id else b""


def array(objects: Iterable[bytes]) -> bytes:
    """A JSON array of JSON texts."""
    return b"[" + b",".join(objects) + b"]"


def names(value: bytes) -> bytes:
    """An array of the names in a header that separates them by commas."""
    return array(quoted(name.strip()) for name in value.split(b",") if name.strip())
