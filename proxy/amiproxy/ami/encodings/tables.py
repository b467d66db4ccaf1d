"""Messages as AJAM shows them in XML and HTML: names with values, and text that is no header."""

import re
from typing import Final

#: The name under which lines without a colon are shown, with all lines of their message that follow.
OPAQUE: Final = b"Opaque-data"

_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
# Code points that XML 1.0 forbids, as far as UTF-8 can write them; HTML has no use for them either.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_SPECIAL: Final = re.compile(rb"[^\n\x20-\x7e]|[<>&\"']")
# What Asterisk removes at the end of a line.
_BLANKS: Final = bytes(range(0x21))

Rows = list[tuple[bytes, bytes]]


def rows(message: bytes) -> Rows:
    """The headers of one message, as name and value without the blanks around it; b"" has none.

    A line without a colon is the value of ``OPAQUE``, together with the lines after it.
    """
    found: Rows = []
    lines = [line for line in map(_trimmed, _LINE_END.split(message)) if line]
    for number, line in enumerate(lines):
        name, colon, value = line.partition(b":")
        if not colon:
            found.append((OPAQUE, b"\n".join(lines[number:])))
            break
        found.append((name, value.lstrip(_BLANKS)))
    return found


def escaped(text: bytes) -> bytes:
    """The text for an attribute in single quotes, or for an element: valid UTF-8 that XML 1.0 permits.

    U+FFFD stands for what is not.
    """
    if not _SPECIAL.search(text):
        return text
    readable = _FORBIDDEN.sub("\ufffd", text.decode("utf-8", "replace"))
    for special, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&apos;")):
        readable = readable.replace(special, entity)
    return readable.encode()


def _trimmed(line: bytes) -> bytes:
    return line.rstrip(_BLANKS)
