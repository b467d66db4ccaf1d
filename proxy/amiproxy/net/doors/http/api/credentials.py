"""Credentials: who sends a request: by cookie, by Basic, or by the certificate of its connection."""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Final

from amiproxy.ami.encodings import json
from amiproxy.core.clients.web.websession import WebSession
from amiproxy.net.doors.http.api.call import Place
from amiproxy.net.doors.http.api.outcomes import status_of
from amiproxy.net.doors.http.api.problems import problem
from amiproxy.net.doors.http.exchange import Exchange
from amiproxy.net.doors.http.requests import Request
from amiproxy.net.doors.http.responses import Response

COOKIE: Final = b"__Host-amiproxy_session"
_KEY: Final = re.compile(rb"\"?([0-9a-f]{32})\"?")
_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")
#: What a browser shows a login window for; a script gets the other, for which it shows none.
_BASIC: Final = (b"WWW-Authenticate", b'Basic realm="amiproxy", charset="UTF-8"')
_SESSION: Final = (b"WWW-Authenticate", b'Session realm="amiproxy"')

Found = Callable[[WebSession | Response], None]


def identify(place: Place, exchange: Exchange, done: Found) -> None:
    """Find the web session of a request; ``done`` is given it, or the response to a request without one."""
    request = exchange.request
    for name, value in request.cookies:
        key = _KEY.fullmatch(value) if name == COOKIE else None
        session = place.web.find(key[1], request.peer, place.entrance) if key is not None else None
        if session is not None:
            done(session)
            return
    offered = request.header(b"authorization")
    if offered[:6].lower() == b"basic ":
        _by_basic(place, exchange, offered[6:], done)
        return
    session = _by_certificate(place, request) if not offered else None
    done(unknown(request) if session is None else session)


def unknown(request: Request, detail: str = "Log in first.") -> Response:
    """The response to a request without valid credentials."""
    # A page's own requests have this header; a login window would belong to nothing that its user has done.
    by_script = request.header(b"sec-fetch-mode") not in (b"", b"navigate")
    return problem(401, detail, headers=(_SESSION if by_script else _BASIC,))


def refused(request: Request, data: bytes) -> Response:
    """The response to a login that was refused with this answer."""
    answer = json.answer(data)
    status = status_of(data, answer.kind, answer.text)
    text = answer.text.decode("utf-8", "replace")
    if status in (401, 422):
        return unknown(request, text or "The login was not completed.")
    return problem(status, text)


def _by_basic(place: Place, exchange: Exchange, encoded: bytes, done: Found) -> None:
    request = exchange.request
    try:
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except binascii.Error:
        name, colon, secret = b"", b"", b""
    if not colon or _CONTROL.search(name + secret):
        done(problem(400, "Authorization: Basic is malformed"))
        return

    def judged(session: WebSession | None, data: bytes) -> None:
        done(refused(request, data) if session is None else session)

    exchange.judged()
    exchange.on_gone(place.web.basic(request.peer, place.entrance, name, secret, judged))


def _by_certificate(place: Place, request: Request) -> WebSession | None:
    """The session of the user whose certificate the client has, if that is enough to log in.

    Its requests find the same session again, from the same address.
    """
    identity = request.peer.certificate
    user = place.hub.ctx.users.of_certificate(identity) if identity is not None else None
    if identity is None or user is None:
        return None
    origin = (identity.sha256, request.peer.address)
    known = place.by_certificate.get(origin)
    session = place.web.find(known, request.peer, place.entrance) if known is not None else None
    if session is None:
        entered = place.web.enter(request.peer, place.entrance, user.name.encode(), "certificate")
        if isinstance(entered, str):
            return None
        session = entered
        place.keep_certificate(origin, session.key)
    return session
