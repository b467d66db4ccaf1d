"""The shapes of answers to actions, and how a response is recognised among other messages."""

# mypyc: compiled

import re
from enum import Enum
from typing import Final, NamedTuple

# Before April 2025 app_rpt wrote the ActionID before the Response.
_RESPONSE: Final = re.compile(rb"(?:ActionID:[^\r\n]*\r?\n)?Response: ?([^\r\n]*)")


class AnswerKind(Enum):
    """The shapes that an answer may have."""

    RESPONSE = "one response, or an event list if the response announces one"
    LIST = "a response, followed by all messages with the ActionID"
    EVENT = "a response, followed by one event with the ActionID"
    ROWS = "anything, with or without ActionID"
    ANY = "unknown: all messages with the ActionID"


class Answer(NamedTuple):
    """The answer to one action.

    ``complete``: name of the event that completes its event list, b"" if not known.  ``own``: the
    action is Asterisk's own, so its answers can be relied on to have the known shape.
    """

    kind: AnswerKind
    complete: bytes = b""
    own: bool = False


#: The answer to an action that is not described.
UNKNOWN: Final = Answer(AnswerKind.ANY)


def response_of(raw: bytes) -> bytes:
    """The value of a message's ``Response``, which is its first header, or the second after its ActionID.

    b"" if the message is not a response.
    """
    found = _RESPONSE.match(raw)
    return found[1] if found else b""


def succeeded(raw: bytes) -> bool:
    """Whether the message is a response that begins with ``Success``."""
    return raw.startswith(b"Response: Success") or response_of(raw).startswith(b"Success")
