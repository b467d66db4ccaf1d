"""Numbering: the ``ProxySequence`` header, which says where in its server's events an event stands.

Asterisk writes no header of that name, but anybody who may send a UserEvent can.  Such lines are removed, so
that a client takes no position but the proxy's own.
"""

# mypyc: compiled

import re
from typing import Final

from amiproxy.ami.stamp import AROUND_NAME

#: A line end, and a ``ProxySequence`` header after it without its own.
_FOREIGN: Final = re.compile(rb"\n" + AROUND_NAME + rb"(?i:proxysequence)" + AROUND_NAME + rb":[^\n]*+(?=\n)")


def numbered(raw: bytes, token: bytes) -> bytes:
    """An event with this token as its last header, and with no other ``ProxySequence`` header.

    ``raw`` is the whole message, with the blank line, in which each line ends in CRLF.
    """
    # Nearly all messages do not contain the word, and finding that out takes less time than the pattern.
    if raw.lower().find(b"proxysequence") >= 0:
        raw = _FOREIGN.sub(b"", raw)
    return b"%bProxySequence: %b\r\n\r\n" % (raw[:-2], token)
