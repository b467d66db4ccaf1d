"""Problem: an error as ``application/problem+json`` (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec

from amiproxy.net.doors.http.responses import Headers, Response

PROBLEM_JSON: Final = b"application/problem+json"
#: Seconds after which a client may try again that was refused because of load or a lost link.
RETRY_AFTER: Final = 1
_TITLES: Final[Mapping[int, str]] = {
    **{status.value: status.phrase for status in HTTPStatus},
    413: "Content Too Large",
    422: "AMI answered with an error",
}


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a request was not done.  ``response`` is what AMI answered, if the request became an AMI action."""

    status: int
    title: str
    detail: str = ""
    response: dict[str, str | list[str]] = {}


class Refused(Exception):
    """The request is refused; ``status`` is that of HTTP.  The text may quote names, but no values."""

    def __init__(self, status: int, detail: str = "", *, headers: Headers = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers

    @property
    def response(self) -> Response:
        """The response that says so."""
        return problem(self.status, str(self), headers=self.headers)


def problem(status: int, detail: str = "", *, response: bytes = b"", headers: Headers = ()) -> Response:
    """The response for an error; ``response`` is a JSON object, or b"" for none."""
    members = Problem(status, _TITLES[status], detail)
    if response:
        body = msgspec.json.encode({**msgspec.to_builtins(members), "response": msgspec.Raw(response)})
    else:
        body = msgspec.json.encode(members)
    fixed = (b"Content-Type", PROBLEM_JSON), (b"Cache-Control", b"no-store")
    retry = ((b"Retry-After", b"%d" % RETRY_AFTER),) if status in (429, 503) else ()
    return Response(status, (*fixed, *retry, *headers), body)
