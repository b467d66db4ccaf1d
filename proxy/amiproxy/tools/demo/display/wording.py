"""Describes an event in a few words: its name and what distinguishes it from others of that name."""

from types import MappingProxyType
from typing import Final

from amiproxy.tools.demo.client import Received

#: The headers worth showing, by the beginning of the event's name.  The first match is used.
_TELLING: Final = MappingProxyType(
    {
        "UserEvent": ("UserEvent", "Text"),
        "QueueMember": ("Queue", "MemberName"),
        "QueueCaller": ("Queue", "CallerIDNum"),
        "Queue": ("Queue",),
        "Agent": ("MemberName", "Queue"),
        "DTMF": ("Digit", "Channel"),
        "OriginateResponse": ("Response", "Channel"),
        "DialEnd": ("DialStatus", "DestChannel"),
        "Dial": ("DestChannel",),
        "Hangup": ("Channel", "Cause-txt"),
        "LocalBridge": ("LocalOneChannel",),
        "DeviceStateChange": ("Device", "State"),
    }
)
_ANY: Final = ("Channel",)

#: Every call has dozens of these.  They are received, checked and counted, but get no row.
_QUIET: Final = frozenset(
    {
        "BridgeCreate",
        "BridgeDestroy",
        "CEL",
        "DeviceStateChange",
        "DialBegin",
        "DialState",
        "ExtensionStatus",
        "HangupRequest",
        "LocalBridge",
        "NewCallerid",
        "NewConnectedLine",
        "Newstate",
        "QueueMemberStatus",
        "SoftHangupRequest",
    }
)


def is_quiet(event: Received) -> bool:
    """Whether the event would only clutter the screen."""
    return event.event in _QUIET


def describe(event: Received) -> str:
    """One line of plain text, without characters that a terminal might interpret."""
    names = next((names for start, names in _TELLING.items() if event.event.startswith(start)), _ANY)
    words = [event.event, *filter(None, map(event.get, names))]
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(words))
