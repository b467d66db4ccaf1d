"""User events: Asterisk copies every line of the action into an event for all.

So a client could write ``Event``, ``Privilege`` or ``Response`` lines into other
people's streams.  Those names are Asterisk's to write.
"""

from typing import Final

from proxy.ami.message import Action
from proxy.core.policy.verdict import PERMISSION_DENIED, Deny, Judged

#: Headers that say what a message is; ``ActionID`` is Asterisk's to copy and the session's to restore.
RESERVED: Final = frozenset(
    {b"event", b"eventlist", b"privilege", b"response", b"server", b"timestamp", b"sequencenumber"}
)
_REFUSED: Final = Deny(PERMISSION_DENIED, "user-event-header")


def userevent(user: Judged, action: Action) -> Deny | None:
    """No line of the payload that a reader could take for a header of a message's frame.

    Some readers take off the blanks around a name, so those count as well.
    """
    return _REFUSED if any(map(_is_reserved, action.lines())) else None


def headers(_user: Judged, text: bytes) -> Deny | None:
    """The same for ``Name: value,Name: value``, as the application UserEvent has them.

    Quotes hold a comma for Asterisk, but what begins behind any is looked at.
    """
    return _REFUSED if any(map(_is_reserved, text.translate(None, b'"\\').split(b","))) else None


def _is_reserved(line: bytes) -> bool:
    name, colon, _ = line.partition(b":")
    return bool(colon) and name.strip(b" \t").lower() in RESERVED
