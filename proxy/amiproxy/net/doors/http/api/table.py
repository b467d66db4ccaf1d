"""All routes of the JSON interface."""

from functools import cache
from typing import Any, Final

import msgspec

from amiproxy.net.doors.http.api.call import Call
from amiproxy.net.doors.http.api.openapi import document
from amiproxy.net.doors.http.api.route import Access, Route
from amiproxy.net.doors.http.api.routes import actions, events, operating, sessions, state


@cache
def _document() -> bytes:
    # Kept: it takes milliseconds, and anybody may ask for it.
    return msgspec.json.encode(document(ROUTES))


def _openapi(call: Call) -> None:
    call.answer_tagged(_document(), _document())


ROUTES: Final = (
    *sessions.ROUTES,
    *actions.ROUTES,
    *state.ROUTES,
    *events.ROUTES,
    *operating.ROUTES,
    Route(
        "GET",
        "/openapi.json",
        "get_openapi",
        "Show this document",
        Access.OPEN,
        _openapi,
        answers=dict[str, Any],
        tag="about",
    ),
)
