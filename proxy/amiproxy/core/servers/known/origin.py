"""Origin: the headers that Asterisk writes after Privilege in each event, so that our events have them too.

With ``timestampevents`` in manager.conf that is a Timestamp, with ``systemname`` in
asterisk.conf a SystemName, in this order (Asterisk's manager.c,
``__manager_event_sessions_va``).  Events that it writes directly to one session, such
as the FullyBooted after a login, have neither.
"""

import re
from typing import Final

#: With ``debug = on`` in manager.conf there are four more headers in between.  No text from a caller
#: can come this early in an event.
_FRAME: Final = re.compile(
    rb"Event: [^\r\n]*\r\nPrivilege: [^\r\n]*\r\n"
    rb"(Timestamp: \d+\.\d+\r\n)?"
    rb"(?:SequenceNumber: \d+\r\nFile: [^\r\n]*\r\nLine: \d+\r\nFunc: [^\r\n]*\r\n)?"
    rb"(?:SystemName: ([^\r\n]*)\r\n)?"
)


class Origin:
    """The origin headers that Asterisk is configured to send, learnt from the link's events."""

    __slots__ = ("_system_name", "_timestamps")

    def __init__(self) -> None:
        self._system_name = b""
        self._timestamps = False

    def learn(self, raw: bytes) -> None:
        """Learn from a well-formed event that Asterisk sent to all sessions, or from one with ``headers``."""
        frame = _FRAME.match(raw)
        assert frame is not None
        self._timestamps = frame[1] is not None
        self._system_name = frame[2] or b""

    def headers(self, wall: float) -> list[tuple[bytes, bytes]]:
        """The headers to write after Privilege in one of our events; ``wall`` is seconds since the epoch."""
        headers = [(b"Timestamp", b"%.6f" % wall)] if self._timestamps else []
        if self._system_name:
            headers.append((b"SystemName", self._system_name))
        return headers
