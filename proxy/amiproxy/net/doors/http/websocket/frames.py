"""Frames: what the server sends, as RFC 6455 §5.2 writes it: unmasked, in one piece, never compressed.

The bytes of a frame do not depend on its client, so that one frame of an event is sent to all.
"""

import re
from collections.abc import Iterator
from typing import Final

from amiproxy.ami.encodings.jsonevents import event_message
from amiproxy.core.model.encoding import Encoding

_TEXT: Final = 0x81
_BINARY: Final = 0x82
#: Payloads up to this length, and up to the next, have it in the first two bytes, or in two more.
_SHORT: Final = 125
_LONG: Final = 0xFFFF
#: Seconds between two heartbeats: a page cannot see the pings of the protocol.
HEARTBEAT: Final = 15.0
#: The classes of an event in JSON.  A quote within a value has a backslash in front, so this is no value.
_CLASSES: Final = re.compile(rb'"Privilege":"([^"]*),all"')


def text(payload: bytes) -> bytes:
    """A whole text message; ``payload`` is UTF-8."""
    return _head(_TEXT, len(payload)) + payload


def binary(payload: bytes) -> bytes:
    """A whole binary message."""
    return _head(_BINARY, len(payload)) + payload


def _head(first: int, length: int) -> bytes:
    if length <= _SHORT:
        return bytes((first, length))
    if length <= _LONG:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")


def payloads(data: bytes) -> Iterator[bytes]:
    """The payloads of these whole frames, which are ours."""
    place = 0
    while place < len(data):
        length = data[place + 1]
        place += 2
        if length > _SHORT:
            size = 2 if length == 126 else 8
            length = int.from_bytes(data[place : place + size], "big")
            place += size
        yield data[place : place + length]
        place += length


def count(data: bytes) -> int:
    """The number of messages in these whole frames."""
    return sum(1 for _ in payloads(data))


def _event(raw: bytes) -> bytes:
    return text(event_message(raw))


#: Events as JSON messages, one in a frame.
JSON: Final = Encoding("ami.json", _event, count, _CLASSES.findall, HEARTBEAT)
#: Events as Asterisk writes them, one in a frame.  They need not be UTF-8, so it is a binary one.
RAW: Final = Encoding("ami in frames", binary, count)
