"""All routes of the JSON interface."""

from typing import Any, Final

import msgspec

from amiproxy.net.doors.http.api.call import Call
from amiproxy.net.doors.http.api.openapi import document
from amiproxy.net.doors.http.api.route import Access, Route
from amiproxy.net.doors.http.api.routes import actions, events, operating, sessions, state


def _openapi(call: Call) -> None:
    body = msgspec.json.encode(document(ROUTES))
    call.answer_tagged(body, body)


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
