"""The JSON of requests and answers, as types; the OpenAPI document is made from them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Scalar = str | int | float | bool
#: One header of an action.
Header = Scalar | list[Scalar] | dict[str, Scalar]
#: The headers of an action.
Headers = dict[str, Header]
#: One AMI message: header -> value, or values of a header that occurs more than once.
Message = dict[str, str | list[str]]


class Credentials(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The account of a manager user."""

    username: Annotated[str, Meta(min_length=1, max_length=255)]
    secret: Annotated[str, Meta(max_length=1000)]


class Kick(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which sessions to end."""

    target: Annotated[
        str,
        Meta(min_length=1, max_length=255, description="the id of a session, or user:NAME for all of a user"),
    ]
    confirm: Annotated[Literal["kick"], Meta(description="says that this is meant")]


class Drain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That the service is to end."""

    confirm: Annotated[Literal["drain"], Meta(description="says that this is meant")]


class LogLevel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The level of the log until the next reload."""

    level: Literal["debug", "info", "warning", "error"]
    confirm: Annotated[Literal["log-level"], Meta(description="says that this is meant")]


class Explain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An action of a user, or an event: what would the proxy do with it?"""

    user: Annotated[str, Meta(min_length=1, max_length=255)]
    message: Annotated[Headers, Meta(description="the headers of the action or event, with Action or Event")]
    server: Annotated[
        str, Meta(max_length=255, description="of several servers the only one of the session")
    ] = ""


class Answer(msgspec.Struct, frozen=True):
    """The answer of AMI to an action, with the events that belong to it, such as the items of a list."""

    response: Message
    events: list[Message]


class Session(msgspec.Struct, frozen=True):
    """A session that has begun."""

    user: str


class Ticket(msgspec.Struct, frozen=True):
    """A ticket, with which one WebSocket can be opened within ``seconds``."""

    ticket: str
    seconds: int


class ServerRights(msgspec.Struct, frozen=True):
    """The rights at one server.  ``name`` is "asterisk" if the only server has none."""

    name: str
    up: Annotated[bool, Meta(description="whether the proxy is connected to it")]
    read: list[str]
    write: list[str]


class Me(msgspec.Struct, frozen=True):
    """The user of the session and its rights."""

    user: str
    servers: list[ServerRights]
    doors: list[str]
    may_see_status: Annotated[
        bool, Meta(description="whether the routes of operators that read are permitted")
    ]
    may_operate: Annotated[
        bool, Meta(description="whether the routes of operators that change are permitted")
    ]


class State(msgspec.Struct, frozen=True):
    """What exists now, by kind.  Events after ``seq`` are later than this."""

    seq: str
    kinds: list[str]
    kindsMissing: Annotated[list[str], Meta(description="not known now, or the user may see nothing of them")]  # noqa: N815 - as in messages of the WebSocket
    serversMissing: Annotated[list[str], Meta(description="servers that are not connected")]  # noqa: N815
    data: dict[str, list[Message]]


class Queue(msgspec.Struct, frozen=True):
    """One queue at each server that has one of this name, its members, and its callers in their order."""

    seq: str
    queues: list[Message]
    members: list[Message]
    entries: list[Message]


class Denials(msgspec.Struct, frozen=True):
    """Lines of the log, the oldest first."""

    denials: list[dict[str, str | int | float | bool]]


class Change(msgspec.Struct, frozen=True):
    """A change of users.yaml."""

    yaml: Annotated[str, Meta(description="keys of the user with their new values, null for those that go")]
    text: Annotated[str, Meta(description="what it opens besides the action, line by line; may be empty")]


class Denial(msgspec.Struct, frozen=True):
    """One denied action, without its secrets, and what would allow it."""

    id: int
    user: str
    rule: Annotated[str, Meta(description="the rule that denied it")]
    lines: Annotated[list[str], Meta(description="what the current rights say about it, check by check")]
    allowed: Annotated[bool, Meta(description="whether the current rights allow it")]
    change: Annotated[Change | None, Meta(description="the smallest change that would allow it, if any")]
    message: Annotated[str, Meta(description="why there is no change, or what to know about it")]


class Explanation(msgspec.Struct, frozen=True):
    """Whether the action is allowed (the event seen), and why, line by line."""

    allowed: bool
    lines: list[str]


class Kicked(msgspec.Struct, frozen=True):
    """The ids of the sessions that were ended."""

    kicked: list[str]


class Drained(msgspec.Struct, frozen=True):
    """What was open when the service began to end."""

    sessions: int
    in_flight: int


class Level(msgspec.Struct, frozen=True):
    """The levels of the log before and now."""

    before: str
    level: str


#: A summary of the service, or of a part of it, which grows with it.
Status = dict[str, Any]
#: The same, one for each session, listener or limit.
Statuses = list[dict[str, Any]]
