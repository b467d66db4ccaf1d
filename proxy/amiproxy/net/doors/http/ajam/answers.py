"""Responses of AJAM, with the headers of Asterisk's in their order and spelling."""

import time
from email.utils import formatdate
from typing import Final

from amiproxy.ami.encodings.html import error_page
from amiproxy.net.doors.http.exchange import Exchange
from amiproxy.net.doors.http.responses import Headers, Response, phrase_of

#: As Asterisk's sample configuration has it.  Versions are for those who are logged in (CoreSettings).
_SERVER: Final = b"Asterisk"
_NO_CACHE: Final = (b"Cache-Control", b"no-cache, no-store")


def page(
    exchange: Exchange, content_type: bytes, body: bytes, *extra: tuple[bytes, bytes], status: int = 200
) -> Response:
    """A page of AJAM; ``extra`` headers come where Asterisk has those that only some pages have."""
    return _response(status, body, exchange.closes, (b"Content-type", content_type), *extra)


def refusal(status: int, text: str) -> Response:
    """A refusal of HTTP itself, with one line that says what is wrong."""
    return _error(status, text, False)


def unauthorized(exchange: Exchange, challenges: list[bytes]) -> Response:
    """401 with these challenges, in their order."""
    asked = tuple([(b"WWW-authenticate", challenge) for challenge in challenges])
    return _error(401, "", exchange.closes, *asked)


def _error(status: int, text: str, closes: bool, *extra: tuple[bytes, bytes]) -> Response:
    body = error_page(status, phrase_of(status), text.encode(), _SERVER)
    return _response(status, body, closes, *extra, (b"Content-type", b"text/html"))


def _response(status: int, body: bytes, closes: bool, *headers: tuple[bytes, bytes]) -> Response:
    connection: Headers = ((b"Connection", b"close"),) if closes else ()
    return Response(
        status,
        (
            (b"Server", _SERVER),
            (b"Date", formatdate(time.time(), usegmt=True).encode()),
            *connection,
            _NO_CACHE,
            *headers,
            (b"Content-Length", b"%d" % len(body)),
        ),
        body,
    )
