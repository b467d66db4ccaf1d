"""The route of the stream of events."""

import re
from typing import Final

from amiproxy.ami import privilege
from amiproxy.net.doors.http.api.call import Call
from amiproxy.net.doors.http.api.events.opening import Wishes
from amiproxy.net.doors.http.api.events.stream import EventStream
from amiproxy.net.doors.http.api.problems import Refused
from amiproxy.net.doors.http.api.route import Access, Parameter, Route
from amiproxy.net.doors.http.responses import Response

_NAMES: Final = r"[A-Za-z][A-Za-z0-9]{0,49}(?:,[A-Za-z][A-Za-z0-9]{0,49}){0,31}"
_CLASSES: Final = Parameter("classes", "privilege classes, separated by commas; without it all", _NAMES)
_EVENTS: Final = Parameter("events", "names of events, separated by commas; without it all", _NAMES)
_KINDS: Final = Parameter(
    "kinds",
    "kinds of the snapshot, separated by commas, or none for no snapshot; without it all",
    r"[a-z]{1,20}(?:,[a-z]{1,20}){0,19}",
)
_LAST: Final = Parameter("last", "the position to continue from", r"[A-Za-z0-9_.-]{1,2048}")
_POSITION: Final = re.compile(_LAST.pattern.encode())
_HEADERS: Final = (
    (b"Content-Type", b"text/event-stream"),
    (b"Cache-Control", b"no-store"),
    (b"X-Accel-Buffering", b"no"),  # nginx would collect events until a buffer is full
)


def _follow(call: Call) -> None:
    exchange, request = call.exchange, call.exchange.request
    stream = EventStream(request.peer, _wishes(call), is_chunked=not request.http10)
    session = call.session.open(stream, call.place.entrance, b"off")
    if isinstance(session, str):
        raise Refused(429 if session.startswith("too many") else 401, f"No stream was opened: {session}.")
    stream.begin(session, exchange.take_over(_head(call), stream))


def _wishes(call: Call) -> Wishes:
    query = call.query
    classes = query.get("classes", "")
    unknown = [name for name in classes.split(",") if name and name not in privilege.CLASS_NAMES]
    if unknown:
        raise Refused(400, f"The classes are {', '.join(privilege.CLASS_NAMES)}.")
    events = [name.encode() for name in query.get("events", "").split(",") if name]
    # A browser that connects again sends the header; the parameter is then still that of the first time.
    header = call.exchange.request.header(b"last-event-id")
    last = header if _POSITION.fullmatch(header) else query.get("last", "").encode()
    return Wishes(classes.encode() or b"on", events, query.get("kinds", "").encode(), last)


def _head(call: Call) -> bytes:
    request = call.exchange.request
    transfer = (b"Connection", b"close") if request.http10 else (b"Transfer-Encoding", b"chunked")
    response = call.place.site.finished(request, Response(200, (*_HEADERS, transfer)))
    return b"\r\n".join((b"HTTP/1.1 200 OK", *(b"%b: %b" % pair for pair in response.headers), b"", b""))


ROUTES: Final = (
    Route(
        "GET",
        "/events",
        "get_events",
        "Follow the events as they happen",
        Access.SESSION,
        _follow,
        tag="events",
        query=(_CLASSES, _EVENTS, _KINDS, _LAST),
        media="text/event-stream",
        text=(
            "Server-sent events. The first is `snapshot`, with what exists now, or `resumed`, if the events "
            "since `Last-Event-ID` or `last` follow. Each event of Asterisk has no name, its position as "
            "`id`, and as `data` an object with `type`, `seq` and `data`. `link` and `lost` say that the "
            "picture is not complete."
        ),
    ),
)
