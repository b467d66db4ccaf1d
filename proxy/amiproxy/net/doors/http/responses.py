"""Response: what a handler answers, and its bytes on the wire."""

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from amiproxy.net.doors.http.requests import Request

Headers = tuple[tuple[bytes, bytes], ...]

#: Sent with every response whose handler has not set the header itself.  ``same-origin`` and not
#: ``no-referrer``: with the latter Chromium sends ``Origin: null`` with a form of our own page.
SECURITY_HEADERS: Headers = (
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Referrer-Policy", b"same-origin"),
    (b"X-Frame-Options", b"DENY"),
    (
        b"Content-Security-Policy",
        b"default-src 'none'; form-action 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    ),
)
TEXT = b"text/plain; charset=utf-8"
#: Statuses whose responses never have a body.
_BODILESS = frozenset({204, 304})


class Response(NamedTuple):
    """``headers`` keep their order and case.  ``close``: end the connection after this response."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    close: bool = False

    def has(self, name: bytes) -> bool:
        """Whether there is a header with this name, which is in lower case."""
        return any(key.lower() == name for key, _ in self.headers)

    def plus(self, extra: Headers) -> "Response":
        """This response with those of ``extra`` at its end whose names it does not have yet."""
        return self._replace(headers=(*self.headers, *(one for one in extra if not self.has(one[0].lower()))))


def is_known(request: Request, etag: bytes) -> bool:
    """Whether the client has this version already, whose tag has quotes: the answer is 304."""
    known = [one.strip() for one in b",".join(request.values(b"if-none-match")).split(b",")]
    return etag in known or b"*" in known or b"W/" + etag in known


def plain(status: int, text: str, *extra: tuple[bytes, bytes], close: bool = False) -> Response:
    """A response with one line of text, which must not contain what the client sent."""
    headers = (b"Content-Type", TEXT), (b"Cache-Control", b"no-store"), *extra
    return Response(status, headers, f"{text}\n".encode(), close)


def encoded(response: Response, *, head_only: bool, close: bool) -> bytes:
    """The bytes of a response.  ``head_only``: it answers HEAD; ``close``: the connection ends behind it.

    Date, Content-Length and Connection are added if the response does not have them.
    """
    added: list[tuple[bytes, bytes]] = []
    if not response.has(b"date"):
        added.append((b"Date", _date(int(time.time()))))
    if not response.has(b"content-length") and response.status not in _BODILESS:
        added.append((b"Content-Length", b"%d" % len(response.body)))
    if close and not response.has(b"connection"):
        added.append((b"Connection", b"close"))
    lines = [b"HTTP/1.1 %d %s" % (response.status, phrase_of(response.status))]
    lines += [b"%s: %s" % pair for pair in (*response.headers, *added)]
    body = b"" if head_only or response.status in _BODILESS else response.body
    return b"\r\n".join((*lines, b"", body))


def phrase_of(status: int) -> bytes:
    """The reason phrase of a status."""
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b"Unknown"


@lru_cache(maxsize=4)
def _date(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode()
