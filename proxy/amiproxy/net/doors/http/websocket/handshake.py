"""Handshake: the request that opens a WebSocket: is it one, what does its client want to speak and to see?"""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from websockets.datastructures import Headers
from websockets.exceptions import NegotiationError
from websockets.http11 import Request as Handshake
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


def accepted(request: Request, spoken: Collection[Subprotocol]) -> Accepted | Response:
    """Judge the headers of a handshake, as RFC 6455 §4.2 says; compression is never agreed on.

    ``spoken`` are the subprotocols that the client may choose from.
    """

    def select(_protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        chosen = next((one for one in offered if one in spoken), None)
        if offered and chosen is None:
            raise NegotiationError("none of these subprotocols is spoken here")
        return chosen

    headers = Headers()
    for name, value in request.headers:
        headers[name.decode("latin-1")] = value.decode("latin-1")
    protocol = ServerProtocol(select_subprotocol=select)
    version = "HTTP/1.0" if request.http10 else "HTTP/1.1"
    response = protocol.accept(Handshake(request.target.decode("latin-1"), headers, request.method, version))
    if response.status_code != 101:
        kept = [
            (name.encode(), value.encode())
            for name, value in response.headers.raw_items()
            if name.lower() in ("upgrade", "allow")
        ]
        return plain(response.status_code, "this is not the handshake of a WebSocket", *kept)
    lines = [b"HTTP/1.1 101 Switching Protocols"]
    lines += [f"{name}: {value}".encode() for name, value in response.headers.raw_items()]
    chosen = protocol.subprotocol
    return Accepted(b"\r\n".join((*lines, b"", b"")), chosen is None or chosen == JSON)


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
