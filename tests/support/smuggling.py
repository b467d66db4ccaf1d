"""Requests whose end two servers may see at different places, with another request hidden in them."""

from collections.abc import Sequence
from typing import Final

#: Each hides a login of a user called smuggled in what another server may take for a body, or the reverse.
HIDDEN: Final = (
    b"GET /rawman?action=login&username=smuggled&secret=x HTTP/1.1\r\nHost: pbx.example.org\r\n\r\n"
)
PAIRS: Final[Sequence[tuple[str, bytes]]] = [
    (
        "both lengths",
        b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % (5 + len(HIDDEN)),
    ),
    ("two lengths", b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN)),
    ("a folded coding", b"Content-Length: 0\r\nTransfer-Encoding:\r\n chunked\r\n\r\n"),
    ("a blank before the colon", b"Content-Length : %d\r\n\r\n" % len(HIDDEN)),
    ("another coding", b"Transfer-Encoding: xchunked\r\n\r\n"),
    ("a coding in a list", b"Transfer-Encoding: chunked, identity\r\n\r\n"),
    ("a bare LF", b"X: y\nContent-Length: %d\r\n\r\n" % len(HIDDEN)),
    ("a bare CR", b"X: y\rContent-Length: %d\r\n\r\n" % len(HIDDEN)),
    ("a NUL", b"X: \0\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN)),
    ("a signed length", b"Content-Length: +%d\r\n\r\n" % len(HIDDEN)),
    ("a length in hexadecimal", b"Content-Length: 0x0\r\n\r\n"),
    ("a list of lengths", b"Content-Length: 0, %d\r\n\r\n" % len(HIDDEN)),
]
