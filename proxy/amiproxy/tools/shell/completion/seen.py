"""Remembers values that answers and events had, so that they can be completed: channels, queues, contexts."""

import re
from collections import OrderedDict
from typing import Final

from amiproxy.ami.arguments import Kind
from amiproxy.ami.message import Message
from amiproxy.tools.shell.language.actions import SERVER

#: Values of one group that are remembered; the oldest is forgotten.
MOST: Final = 200
_LONGEST: Final = 100
#: Header in lower case -> the group that its values belong to.
_GROUPS: Final = {
    **dict.fromkeys((b"channel", b"parkeechannel", b"destchannel", b"bridgedchannel"), "channel"),
    **dict.fromkeys((b"queue",), "queue"),
    **dict.fromkeys((b"context",), "context"),
    **dict.fromkeys((b"exten", b"extension"), "extension"),
    **dict.fromkeys((b"bridgeuniqueid",), "bridge"),
    **dict.fromkeys((b"conference",), "conference"),
    **dict.fromkeys((b"mailbox",), "mailbox"),
    **dict.fromkeys((b"objectname", b"endpoint", b"endpointname"), "object"),
    **dict.fromkeys((b"stateinterface", b"interface", b"location"), "interface"),
    **dict.fromkeys((b"parkinglot",), "parking lot"),
    **dict.fromkeys((b"agent",), "agent"),
}
#: Kind of an argument -> the group of values that it takes.
_TAKES: Final = {
    **dict.fromkeys(
        (Kind.CHANNEL, Kind.CHANNEL_PREFIX, Kind.CHANNEL_PATTERN, Kind.CHANNEL_OR_ALL), "channel"
    ),
    Kind.COMEBACK: "channel",
    **dict.fromkeys((Kind.QUEUE,), "queue"),
    **dict.fromkeys((Kind.CONTEXT, Kind.CONTEXT_SHOWN), "context"),
    **dict.fromkeys((Kind.EXTENSION, Kind.EXTENSION_SHOWN), "extension"),
    **dict.fromkeys((Kind.BRIDGE, Kind.WHOLE_BRIDGE), "bridge"),
    **dict.fromkeys((Kind.CONFERENCE, Kind.WHOLE_CONFERENCE), "conference"),
    **dict.fromkeys((Kind.MAILBOX, Kind.MAILBOX_PATTERN), "mailbox"),
    **dict.fromkeys((Kind.OBJECT, Kind.OBJECT_OR_ALL, Kind.OBJECT_REACHED), "object"),
    **dict.fromkeys((Kind.INTERFACE, Kind.MEMBER, Kind.MEMBER_KEY, Kind.STATE_INTERFACE), "interface"),
    **dict.fromkeys((Kind.PARKING_LOT, Kind.PARKING_LOT_SHOWN), "parking lot"),
    Kind.AGENT: "agent",
}
#: The name of a server in proxy.yaml.
_SERVER: Final = re.compile(rb"[a-z0-9][a-z0-9-]{0,31}")
#: Events after which their channel is gone.
_ENDS: Final = frozenset({b"Hangup", b"ChannelHungup"})


class Seen:
    """The latest values of each group."""

    def __init__(self) -> None:
        self._values: dict[str, OrderedDict[str, None]] = {}
        #: Names of events that came.
        self.events: OrderedDict[str, None] = OrderedDict()
        #: Names of servers that messages were from, or that ProxyServers has listed.
        self.servers: OrderedDict[str, None] = OrderedDict()

    def look(self, message: Message) -> None:
        """Remember what an answer or event names."""
        name = message.get(b"event")
        if name:
            _keep(self.events, name)
        server = message.get(SERVER) if name == b"ProxyServer" else server_of(message)
        if _SERVER.fullmatch(server):
            _keep(self.servers, server)
        gone = name in _ENDS
        for header, value in message.headers:
            group = _GROUPS.get(header.lower())
            if group is None or not value or len(value) > _LONGEST:
                continue
            values = self._values.setdefault(group, OrderedDict())
            if gone and group == "channel":
                values.pop(value.decode(errors="replace"), None)
            else:
                _keep(values, value)

    def values(self, kind: Kind) -> list[str]:
        """Values of this kind, the latest first."""
        group = _TAKES.get(kind)
        return list(reversed(self._values.get(group, {}))) if group else []


def server_of(message: Message) -> bytes:
    """The name of the server that a message is from: its last header; b"" if it has none there."""
    if not message.headers:
        return b""
    name, value = message.headers[-1]
    return value if name.lower() == SERVER and _SERVER.fullmatch(value) else b""


def _keep(values: "OrderedDict[str, None]", value: bytes) -> None:
    text = value.decode(errors="replace")
    if not text.isprintable():
        return
    values[text] = None
    values.move_to_end(text)
    if len(values) > MOST:
        values.popitem(last=False)
