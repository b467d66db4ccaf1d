"""Stamp: the ``Server`` header that says which Asterisk a message is from, as its last header.

Asterisk writes no header of that name.  But callers can put line ends into many values (``identity``), and
everything in a UserEvent comes from its sender.  So any message may contain one, and be taken for a
message from another server.  Such lines are removed.  The same goes for the ``ProxySequence`` header, which
says where in its server's events an event stands.
"""

# mypyc: compiled

import re
from typing import Final

#: What may be around the name of a header without a client seeing another name: white space of any kind.  In
#: UTF-8 and Latin-1, some of it has bytes outside ASCII; no name that we know has any.
AROUND_NAME: Final = rb"[\x00-\x09\x0b-\x20\x7f-\xff]*+"
_NAME: Final = AROUND_NAME + rb"(?i:server)" + AROUND_NAME + rb":[^\n]*+"
#: The line end before a ``Server`` header, and the header without its own.  Some clients strip the white
#: space around a name, all ignore its case.
_FOREIGN: Final = re.compile(rb"\n" + _NAME + rb"(?=\n)")
#: The same in the first line, which Asterisk writes itself: one that lies may write anything.
_FOREIGN_FIRST: Final = re.compile(_NAME + rb"\n")
#: As ``_FOREIGN``, for ``ProxySequence``.
_FOREIGN_POSITION: Final = re.compile(
    rb"\n" + AROUND_NAME + rb"(?i:proxysequence)" + AROUND_NAME + rb":[^\n]*+(?=\n)"
)
_END: Final = b"\r\n\r\n"
#: How a response begins whose output is free text, not headers: that of a command up to Asterisk 13.
_FREE_TEXT: Final = b"Response: Follows"
#: What precedes the output.
_BEFORE_FREE_TEXT: Final = re.compile(
    rb"Response: Follows[^\n]*\n(?:Privilege: [^\n]*\n)?(?:ActionID: [^\n]*\n)?"
)
#: An empty line: many clients take it for the end of the message.
_BLANK_LINE: Final = re.compile(rb"\n(?=\r?\n)")
#: What some clients take for a line end, or for the end of the text.
_NOISE: Final = re.compile(rb"\r(?!\n)|\0")


def stamp_of(server: bytes) -> bytes:
    """The end of each message from the server of this name: the header and the blank line."""
    return b"Server: %b\r\n\r\n" % server


def stamped(raw: bytes, stamp: bytes) -> bytes:
    """An event or list item with this stamp (see ``stamp_of``), and with no other ``Server`` header.

    ``raw`` is the whole message, with the blank line, in which each line ends in CRLF.
    """
    # Nearly all messages do not contain the word, and finding that out takes less time than the pattern.
    if raw.lower().find(b"server") >= 0:
        raw = _FOREIGN.sub(b"", raw)
    return raw[:-2] + stamp


def numbered(raw: bytes, token: bytes) -> bytes:
    """An event with this token as its ``ProxySequence``, the last header, and with no other of that name.

    ``raw`` is as for ``stamped``, and not stamped yet.
    """
    if raw.lower().find(b"proxysequence") >= 0:
        raw = _FOREIGN_POSITION.sub(b"", raw)
    return b"%bProxySequence: %b\r\n\r\n" % (raw[:-2], token)


def stamped_response(raw: bytes, stamp: bytes) -> bytes:
    """A message of an answer with this stamp; otherwise as ``stamped``.

    In a ``Response: Follows`` the header comes before the output, because clients look for the end of the
    output at the end of the message.  A ``Server`` header in it gets ``Output:`` in front, as each line has
    from Asterisk 14 on, and an empty line gets a blank: what follows one could look like another server's
    message.
    """
    if not raw.startswith(_FREE_TEXT):
        return without_server(raw)[:-2] + stamp
    raw = _NOISE.sub(b"?", raw)
    before = _BEFORE_FREE_TEXT.match(raw)
    assert before is not None  # it has at least the line end before its blank line
    text = raw[before.end() - 1 :].removesuffix(b"\n").removesuffix(b"\r")
    text = _BLANK_LINE.sub(b"\n ", text)
    text = _FOREIGN.sub(lambda line: b"\nOutput: " + line[0][1:], text)
    # The line ends around the text are CRLF: clients that expect that would miss the header, or read on into
    # the next message.
    head = before[0].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return head + stamp[:-2] + text[1:].removesuffix(b"\n").removesuffix(b"\r") + _END


def stamped_all(data: bytes, stamp: bytes) -> bytes:
    """One or more whole messages of an answer, each with this stamp; otherwise as ``stamped_response``."""
    if data.find(_END) == len(data) - len(_END) or data.startswith(_FREE_TEXT):
        return stamped_response(data, stamp)
    return without_server(data).replace(_END, b"\r\n" + stamp)


def without_server(data: bytes) -> bytes:
    """One or more whole messages without their ``Server`` headers."""
    if data.lower().find(b"server") < 0:
        return data
    first = _FOREIGN_FIRST.match(data)
    while first is not None:
        data = data[first.end() :]
        first = _FOREIGN_FIRST.match(data)
    return _FOREIGN.sub(b"", data)
