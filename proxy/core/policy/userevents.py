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
    return _REFUSED if any(map(is_reserved, action.lines())) else None


def is_reserved(line: bytes) -> bool:
    """Whether ``Name: value``, as UserEvent's arguments have it in the dialplan, is such a header."""
    name, colon, _ = line.partition(b":")
    return bool(colon) and name.strip(b' \t"').lower() in RESERVED
