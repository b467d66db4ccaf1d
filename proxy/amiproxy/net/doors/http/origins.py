"""Which web pages may send requests: our own, and those of the configured origins.

A browser sends the user's cookie with requests that another site's page makes it send.  All browsers of today
say so in Sec-Fetch-Site, and older ones in Origin; a program that is no browser sends neither.
"""

import re
from collections.abc import Collection

from amiproxy.net.doors.http.requests import Request
from amiproxy.net.doors.http.responses import Headers, Response

_METHOD = re.compile(rb"[A-Z]{1,16}")
#: Seconds for which a browser may remember what it may send.
_PREFLIGHT_SECONDS = 600


def is_foreign(request: Request, allowed: Collection[str]) -> bool:
    """Whether the request was sent by a page that is neither ours nor of an allowed origin."""
    origins, sites = request.values(b"origin"), request.values(b"sec-fetch-site")
    if len(origins) > 1 or len(sites) > 1:
        return True
    origin = origins[0].decode("latin-1") if origins else ""
    if origin and origin in allowed:
        return False
    if sites:
        return sites[0] not in (b"same-origin", b"none")
    return bool(origin) and not _is_own(origin, request)


def _is_own(origin: str, request: Request) -> bool:
    scheme = "https" if request.secure else "http"
    host = request.header(b"host").decode("latin-1").lower()
    port = f":{443 if request.secure else 80}"
    return _without(origin.lower(), port) == f"{scheme}://{_without(host, port)}"


def _without(text: str, port: str) -> str:
    """The text without the default port: browsers leave it out of both headers, other clients may not."""
    return text.removesuffix(port)


def is_preflight(request: Request, allowed: Collection[str]) -> bool:
    """Whether a browser asks if a page of an allowed origin may send a request."""
    asked = request.header(b"access-control-request-method")
    return (
        request.method == "OPTIONS"
        and _METHOD.fullmatch(asked) is not None
        and request.header(b"origin").decode("latin-1") in allowed
    )


def preflight(request: Request, methods: Collection[str]) -> Response:
    """The answer to a preflight; see ``is_preflight``."""
    headers = (
        (b"Access-Control-Allow-Methods", ", ".join(methods).encode()),
        (b"Access-Control-Allow-Headers", b"Authorization, Content-Type, Last-Event-ID"),
        (b"Access-Control-Max-Age", b"%d" % _PREFLIGHT_SECONDS),
    )
    return Response(204, headers)


def sharing(request: Request, allowed: Collection[str]) -> Headers:
    """The headers with which a browser lets a page of an allowed origin read the response."""
    if not allowed:
        return ()
    vary = (b"Vary", b"Origin")
    origin = request.header(b"origin")
    if origin.decode("latin-1") not in allowed:
        return (vary,)
    return (
        (b"Access-Control-Allow-Origin", origin),
        (b"Access-Control-Allow-Credentials", b"true"),
        vary,
    )
