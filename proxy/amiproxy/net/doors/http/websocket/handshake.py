"""Handshake: the request that opens a WebSocket: is it one, what does its client want to speak and to see?"""

from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, NegotiationError
from websockets.http11 import Request as Handshake
from websockets.http11 import Response as Refusal
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from amiproxy.net.doors.http.requests import Request
from amiproxy.net.doors.http.responses import Response, plain
from amiproxy.net.doors.http.websocket import requests
from amiproxy.net.doors.http.websocket.jsonspeech import Wish

#: The subprotocols that there are; JSON is spoken with clients that ask for none.
JSON: Final = Subprotocol("ami.json")
RAW: Final = (Subprotocol("ami"), Subprotocol("binary"))
#: Parameters of the request's query.
_PARAMETERS: Final = ("ticket", "last", "classes", "kinds")


class Accepted(NamedTuple):
    """A handshake that is right: the head of the response to it, and what is spoken."""

    head: bytes
    is_json: bool


def _protocol(spoken: tuple[Subprotocol, ...]) -> ServerProtocol:
    def select(_protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        chosen = next((one for one in offered if one in spoken), None)
        if offered and chosen is None:
            raise NegotiationError("none of these subprotocols is spoken here")
        return chosen

    return ServerProtocol(select_subprotocol=select)


#: Judges handshakes.  It is never used for a connection, so all handshakes can share it.
_judge: Final = cache(_protocol)


def accepted(request: Request, spoken: tuple[Subprotocol, ...]) -> Accepted | Response:
    """Judge the headers of a handshake, as RFC 6455 §4.2 says; compression is never agreed on.

    ``spoken`` are the subprotocols that the client may choose from.
    """
    headers = Headers()
    for name, value in request.headers:
        headers[name.decode("latin-1")] = value.decode("latin-1")
    version = "HTTP/1.0" if request.http10 else "HTTP/1.1"
    handshake = Handshake(request.target.decode("latin-1"), headers, request.method, version)
    try:
        # Not ``accept``: the Date that it adds costs more than all of the checks.  A 101 needs none (RFC 9110
        # section 6.6.1), and thousands of clients may come back at once.
        key, _, chosen = _judge(spoken).process_request(handshake)
    except InvalidHandshake:
        # Not by the shared one: it would keep the error, and with it the request and its credentials.
        return _refused(_protocol(spoken).accept(handshake))
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    head += b"Sec-WebSocket-Accept: %b\r\n" % key.encode()
    if chosen is not None:
        head += b"Sec-WebSocket-Protocol: %b\r\n" % chosen.encode()
    return Accepted(head + b"\r\n", chosen is None or chosen == JSON)


def _refused(response: Refusal) -> Response:
    kept = [
        (name.encode(), value.encode())
        for name, value in response.headers.raw_items()
        if name.lower() in ("upgrade", "allow")
    ]
    return plain(response.status_code, "this is not the handshake of a WebSocket", *kept)


def parameters_in(query: bytes) -> dict[str, str] | None:
    """The parameters of a query; None if it has others, one of them twice, or one that is not UTF-8."""
    found: dict[str, str] = {}
    for part in query.split(b"&") if query else ():
        name, _, value = part.partition(b"=")
        try:
            key, text = name.decode(), unquote_to_bytes(value.replace(b"+", b" ")).decode()
        except UnicodeDecodeError:
            return None
        if key not in _PARAMETERS or key in found:
            return None
        found[key] = text
    return found


def wish_of(parameters: dict[str, str]) -> Wish:
    """What the client wants to be sent.  Raises UnfitRequest."""
    members: dict[str, object] = {}
    for name in ("classes", "kinds"):
        if name in parameters:
            members[name] = [one for one in parameters[name].split(",") if one and one != "none"]
    request = requests.Request("subscribe", b"", members)
    last = parameters.get("last", "")
    # They become headers of actions later: what cannot be is refused now.
    requests.snapshot(request, b"")
    requests.events(request, b"", requests.mask_of(request))
    if last:
        requests.resume(requests.Request("resume", b"", {"from": last}), b"", "on")
    return Wish(request, last)
