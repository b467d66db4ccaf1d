"""Routes that show what exists now: the proxy's own state of each server, by the user's read rights.

No write class is needed for them, and Asterisk is not asked.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from amiproxy.ami.encodings import json
from amiproxy.ami.encodings.jsonsnapshots import Snapshot, joined_groups
from amiproxy.net.doors.http.api import models
from amiproxy.net.doors.http.api.call import Call
from amiproxy.net.doors.http.api.outcomes import status_of
from amiproxy.net.doors.http.api.problems import Refused
from amiproxy.net.doors.http.api.route import Access, Parameter, Route
from amiproxy.net.loop import gently
from amiproxy.steps import Steps

_SERVER: Final = Parameter("server", "only of this server", r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_KINDS: Final = Parameter(
    "kinds", "names of kinds, separated by commas; without it all", r"[a-z]{1,20}(?:,[a-z]{1,20}){0,19}"
)
#: The header Queue is in the frame of a queue's items before anything that a caller wrote.
_QUEUE: Final = re.compile(rb"\r\nQueue: ([^\r\n]*)\r\n")

Make = Callable[[Snapshot], bytes]


def _ask(call: Call, kinds: str, make: Make, wanted: Callable[[bytes], bool] | None = None) -> None:
    """Answer with what ``make`` makes of a snapshot of these kinds.  ``wanted`` chooses messages."""
    lines = [b"Action: ProxySnapshot"]
    if kinds:
        lines.append(b"Kinds: " + kinds.encode("ascii"))
    if "server" in call.query:
        lines.append(b"Server: " + call.query["server"].encode("ascii"))
    action = b"\r\n".join((*lines, b"", b""))
    call.run(action, lambda data: call.begin(_answer(call, data, make, wanted)))


async def _answer(call: Call, data: bytes, make: Make, wanted: Callable[[bytes], bool] | None) -> None:
    messages: Iterable[bytes] = json.messages_in(data)
    answer = json.answer(next(iter(messages), b""))
    status = status_of(data, answer.kind, answer.text)
    if status != 200:
        call.refuse(status, answer.text.decode("utf-8", "replace"), response=answer.response)
        return
    if wanted is not None:
        messages = filter(wanted, messages)
    snapshot = await gently.in_loop(_regrouping(messages))
    made = make(snapshot)
    head = b'{"seq":%b,' % json.quoted(snapshot.sequence)
    call.answer_tagged(head + made.removeprefix(b"{"), made)


def _regrouping(messages: Iterable[bytes]) -> Steps[Snapshot]:
    snapshot = Snapshot()
    for raw in messages:
        snapshot.take(raw)
        yield
    return snapshot


def _state(snapshot: Snapshot) -> bytes:
    return b'{%b"data":%b}' % (snapshot.about, joined_groups(snapshot.groups))


def _snapshot(call: Call) -> None:
    _ask(call, call.query.get("kinds", ""), _state)


def _of(kinds: str) -> Callable[[Call], None]:
    return lambda call: _ask(call, kinds, _state)


def _queue(call: Call) -> None:
    name = call.parts["name"].encode()

    def is_of_queue(raw: bytes) -> bool:
        found = _QUEUE.search(raw)
        return found is None or found[1] == name

    def make(snapshot: Snapshot) -> bytes:
        groups = {group: snapshot.groups.get(group, []) for group in ("queues", "members", "entries")}
        if not groups["queues"]:
            raise Refused(404, "There is no queue of this name that is known and that the user may see.")
        return joined_groups(groups)

    _ask(call, "queues", make, is_of_queue)


def _route(path: str, kinds: str, summary: str) -> Route:
    return Route(
        "GET",
        path,
        f"get_{path[1:]}",
        summary,
        Access.SESSION,
        _of(kinds),
        answers=models.State,
        query=(_SERVER,),
        errors=(400, 503),
    )


ROUTES: Final = (
    Route(
        "GET",
        "/snapshot",
        "get_snapshot",
        "Show everything that exists now",
        Access.SESSION,
        _snapshot,
        answers=models.State,
        query=(_KINDS, _SERVER),
        errors=(400, 503),
        text="`seq` is a position: `/events?last=SEQ` continues with exactly the events since then.",
    ),
    _route("/channels", "channels,bridges", "Show the channels and bridges"),
    _route("/queues", "queues", "Show the queues, their members and their callers"),
    Route(
        "GET",
        "/queues/{name}",
        "get_queue",
        "Show one queue, its members and its callers",
        Access.SESSION,
        _queue,
        answers=models.Queue,
        parts=(Parameter("name", "the name of the queue"),),
        query=(_SERVER,),
        errors=(400, 404, 503),
    ),
    _route("/agents", "agents,queues", "Show the agents, and the members of queues"),
    _route("/extensions", "extensions,devices,presence", "Show the states of extensions and devices"),
    _route("/trunks", "endpoints,peers", "Show endpoints with their contacts, and peers"),
)
