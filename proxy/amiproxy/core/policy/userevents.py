"""User events: Asterisk copies every line of the action into an event for all clients.

So a client could write ``Event``, ``Privilege`` or ``Response`` lines into other
clients' streams.  Only Asterisk may write headers with these names.
"""

from typing import Final

from amiproxy.ami.message import Action
from amiproxy.core.policy.verdict import PERMISSION_DENIED, Deny, Judged

#: Headers that say what a message is.  ``ActionID`` is missing: Asterisk copies it, the session restores it.
RESERVED: Final = frozenset(
    {b"event", b"eventlist", b"privilege", b"response", b"server", b"timestamp", b"sequencenumber"}
)
_REFUSED: Final = Deny(PERMISSION_DENIED, "user-event-header")


def userevent(user: Judged, action: Action) -> Deny | None:
    """Refuse a line of the payload that a client could take for a header of a message's frame.

    Some clients strip the blanks around a name, so lines with such blanks are refused as well.
    """
    return _REFUSED if any(map(_is_reserved, action.lines())) else None


def headers(_user: Judged, text: bytes) -> Deny | None:
    """The same for ``Name: value,Name: value``, as in the application UserEvent.

    For Asterisk a comma in quotes does not separate, but here the text after every comma is checked.
    """
    return _REFUSED if any(map(_is_reserved, text.translate(None, b'"\\').split(b","))) else None


def _is_reserved(line: bytes) -> bool:
    name, colon, _ = line.partition(b":")
    return bool(colon) and name.strip(b" \t").lower() in RESERVED
