"""Events as server-sent events: the messages of the WebSocket, each in a chunk of its own.

Clients that read line by line get each event when it is complete; without chunks some wait for more bytes.
"""

import re
from typing import Final

from amiproxy.ami.encodings.json import quoted, sequence_of
from amiproxy.ami.encodings.jsonevents import event_message
from amiproxy.core.model.encoding import Encoding

#: Seconds between two signs of life.
HEARTBEAT: Final = 15.0
#: Keeps a connection alive, and shows its client that it is.
COMMENT: Final = b":\n\n"
_TYPE: Final = re.compile(rb'"type":"(lost|link|heartbeat)"')
_HEARTBEAT: Final = re.compile(rb"\r\nSequence: ([A-Za-z0-9_.-]+)\r\n")
#: The header behind the event's name; a value behind it cannot look like it, as its quotes are escaped.
_PRIVILEGE: Final = re.compile(rb'"data":\{"Event":"[^"]*","Privilege":"([^"]*?)(?:,all)?"')
_END: Final = b"Event: ProxySessionEnd\r\n"
#: Longer than what is before the type in a message that is not an event of Asterisk's.
_HEAD: Final = 200


def block(raw: bytes) -> bytes:
    """One event in AMI's form as a server-sent event, with its blank line."""
    if raw.startswith(_END):
        return b": session ended\n\n"
    data = event_message(raw)
    if not data.startswith(b'{"type":"event"'):
        found = _TYPE.search(data, 0, _HEAD)
        if found is not None:
            return named(found[1], data) if found[1] != b"heartbeat" else _heartbeat(raw)
    position = sequence_of(raw)
    return (b"id: %b\ndata: %b\n\n" % (position, data)) if position else b"data: %b\n\n" % data


def named(name: bytes, data: bytes, position: bytes = b"") -> bytes:
    """A server-sent event with a name, a JSON object, and perhaps the token of a position."""
    head = b"id: %b\n" % position if position else b""
    return head + b"event: %b\ndata: %b\n\n" % (name, data)


def link_down(server: bytes = b"") -> bytes:
    """That the link is down: to the server of the session, or to this one of several."""
    name = b'"server":%b,' % quoted(server) if server else b""
    return named(b"link", b'{%b"type":"link","state":"down"}' % name)


def chunk(data: bytes) -> bytes:
    """One chunk of a response of HTTP/1.1."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _heartbeat(raw: bytes) -> bytes:
    # A comment with a position: the client can resume from here, and no event reaches its page.
    found = _HEARTBEAT.search(raw)
    return b":\nid: %b\n\n" % found[1] if found is not None else COMMENT


def _count(data: bytes) -> int:
    return data.count(b"data: {")


def _classes(data: bytes) -> list[bytes]:
    return [found[1] for found in _PRIVILEGE.finditer(data)]


#: For clients of HTTP/1.1.
CHUNKED: Final = Encoding("sse", lambda raw: chunk(block(raw)), _count, _classes, HEARTBEAT)
#: For clients of HTTP/1.0, such as nginx by default: the connection ends with the response.
PLAIN: Final = Encoding("sse-plain", block, _count, _classes, HEARTBEAT)
