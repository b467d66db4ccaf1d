"""JSON events: AMI's events as the messages that WebSocket clients and event streams are sent.

``{"type": "event", "seq": "TOKEN", "server": "NAME", "data": {"Event": …}}``, with ``seq`` if the event has a
position, ``server`` in sessions with several servers, and ``id`` if it has an ActionID.  The proxy's own
events about the stream itself have types of their own: ``lost``, ``heartbeat`` and ``link``.
"""

# mypyc: compiled

import re
from typing import Final

from amiproxy.ami.encodings.json import action_id_of, event_object, quoted, sequence_of, server_of

_OWN: Final = b"Event: Proxy"
_DROPPED: Final = b"Event: ProxyEventsDropped\r\n"
_HEARTBEAT: Final = b"Event: ProxyHeartbeat\r\n"
_UPSTREAM: Final = b"Event: ProxyUpstream\r\n"
_COUNT: Final = re.compile(rb"\r\nCount: ([0-9]+)\r\n")
_POSITION: Final = re.compile(rb"\r\nSequence: ([A-Za-z0-9_-]+)\r\n")
_STATUS: Final = re.compile(rb"\r\nStatus: (Up|Down)\r\n")


def event_message(raw: bytes) -> bytes:
    """One event, a whole message of AMI, as a JSON text without line ends."""
    if raw.startswith(_OWN):
        own = _own_message(raw)
        if own:
            return own
    position, server = sequence_of(raw), server_of(raw)
    seq = b'"seq":"%b",' % position if position else b""
    # Asterisk copies the ActionID of some actions into an event for all, such as OriginateResponse.
    action_id = action_id_of(raw)
    id_ = b'"id":%b,' % quoted(action_id) if action_id else b""
    return b'{"type":"event",%b%b%b"data":%b}' % (id_, seq, _server(server), event_object(raw))


def _server(name: bytes) -> bytes:
    return b'"server":%b,' % quoted(name) if name else b""


def _own_message(raw: bytes) -> bytes:
    """The message of one of the proxy's events about the stream; b"" for any other event."""
    server = _server(server_of(raw))
    if raw.startswith(_HEARTBEAT):
        position = _POSITION.search(raw)
        seq = b'"seq":"%b",' % position[1] if position else b""
        return b'{%b%b"type":"heartbeat"}' % (seq, server)
    if raw.startswith(_DROPPED):
        count = _COUNT.search(raw)
        return b'{"type":"lost","count":%b}' % count[1] if count else b""
    if raw.startswith(_UPSTREAM):
        status = _STATUS.search(raw)
        if status:
            state = b"up" if status[1] == b"Up" else b"down"
            return b'{%b"type":"link","state":"%b","data":%b}' % (server, state, event_object(raw))
    return b""
