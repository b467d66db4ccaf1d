"""What the answer to an action looks like, and how a response is told from other messages."""

import re
from enum import Enum
from typing import Final, NamedTuple

# Before April 2025 app_rpt wrote the ActionID in front of the Response.
_RESPONSE: Final = re.compile(rb"(?:ActionID:[^\r\n]*\r?\n)?Response: ?([^\r\n]*)")


class AnswerKind(Enum):
    """The shapes that an answer may have."""

    RESPONSE = "one response, or a list if it says so"
    LIST = "a response, and behind it whatever has the ActionID"
    EVENT = "a response, and one event with the ActionID behind it"
    ROWS = "anything, with or without ActionID"
    ANY = "not known: whatever has the ActionID"


class Answer(NamedTuple):
    """The answer to one action.

    ``complete``: name of the event that ends its list, b"" where none is known.  ``own``: the
    action is Asterisk's own, so that its answers keep to what is known of them.
    """

    kind: AnswerKind
    complete: bytes = b""
    own: bool = False


#: Of an action that nobody has described.
UNKNOWN: Final = Answer(AnswerKind.ANY)


def response_of(raw: bytes) -> bytes:
    """The value of a message's ``Response``, which is its first header, or the second behind its ActionID.

    b"" if the message is no response.
    """
    found = _RESPONSE.match(raw)
    return found[1] if found else b""
