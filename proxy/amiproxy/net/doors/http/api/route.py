"""Route: one path and method of the JSON interface; the OpenAPI document says what it says."""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, NamedTuple

#: What all paths begin with.
BASE: Final = "/api/v1"


class Access(Enum):
    """Who may use a route; the value is for people."""

    OPEN = "everybody"
    SESSION = "users who are logged in"
    SYSTEM = "users with class system in read, at every server, and no scope"
    COMMAND = (
        "users with class command in write, at every server, and no scope and no list of commands or actions"
    )


class Parameter(NamedTuple):
    """A parameter of the query, or a part of the path; its value is text."""

    name: str
    text: str
    #: What a value matches as a whole; "" for any text.
    pattern: str = ""


class Route(NamedTuple):
    """One path and method.  ``handle`` is given a ``Call`` whose parameters and body fit."""

    method: str
    #: Below ``BASE``; ``{name}`` stands for one part.
    path: str
    #: Identifies the route in the OpenAPI document, and names the function of generated clients.
    name: str
    summary: str
    access: Access
    handle: Callable[[Any], None]
    #: The type of the JSON in an answer 200, as msgspec has it; None if the answer is not one JSON value.
    answers: Any = None
    tag: str = "state"
    #: What is in the path, in order.
    parts: tuple[Parameter, ...] = ()
    query: tuple[Parameter, ...] = ()
    #: The type of the JSON in the request; None if it has no body.
    body: Any = None
    #: The statuses of errors besides those that every route has.
    errors: tuple[int, ...] = ()
    #: The media type of an answer 200.
    media: str = "application/json"
    #: The status of success: 200, or 204 without a body.
    success: int = 200
    text: str = ""
