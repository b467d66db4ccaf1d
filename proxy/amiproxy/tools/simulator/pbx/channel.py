"""Channels, and the headers that describe them in events.

Names and order of the headers are Asterisk 22's (``ast_manager_build_channel_state_string``).
Text is str internally; ``encode`` makes bytes of it and keeps bytes that were not UTF-8.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

DOWN, RING, RINGING, UP, BUSY = 0, 4, 5, 6, 7
_STATES = {DOWN: "Down", RING: "Ring", RINGING: "Ringing", UP: "Up", BUSY: "Busy"}

#: Hangup causes (Q.850) that the call patterns use, with Asterisk's text.
CAUSES = {
    0: "Unknown",
    3: "No route to destination",
    16: "Normal Clearing",
    17: "User busy",
    19: "User alerting, no answer",
    34: "Circuit/channel congestion",
}

Headers = list[tuple[str, object]]


@dataclass(eq=False, slots=True)
class Channel:
    """One leg of a call."""

    name: str
    uniqueid: str
    linkedid: str
    created: float
    context: str
    exten: str
    state: int = DOWN
    priority: int = 1
    caller: tuple[str, str] = ("<unknown>", "<unknown>")
    connected: tuple[str, str] = ("<unknown>", "<unknown>")
    application: str = ""
    data: str = ""
    bridge: str = ""
    answered: float = 0.0
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def device(self) -> str:
        """The channel's device: the channel's name without the running number."""
        return self.name.rpartition("-")[0]

    @property
    def technology(self) -> str:
        """``PJSIP``, ``Local`` …"""
        return self.name.partition("/")[0]

    def snapshot(self, prefix: str = "") -> Headers:
        """The headers that describe the channel in an event; ``prefix`` comes before each name."""
        return [
            (f"{prefix}Channel", self.name),
            (f"{prefix}ChannelState", self.state),
            (f"{prefix}ChannelStateDesc", _STATES[self.state]),
            (f"{prefix}CallerIDNum", self.caller[0]),
            (f"{prefix}CallerIDName", self.caller[1]),
            (f"{prefix}ConnectedLineNum", self.connected[0]),
            (f"{prefix}ConnectedLineName", self.connected[1]),
            (f"{prefix}Language", "en"),
            (f"{prefix}AccountCode", ""),
            (f"{prefix}Context", self.context),
            (f"{prefix}Exten", self.exten),
            (f"{prefix}Priority", self.priority),
            (f"{prefix}Uniqueid", self.uniqueid),
            (f"{prefix}Linkedid", self.linkedid),
        ]

    def event(self, name: str, classes: str, *headers: tuple[str, object]) -> bytes:
        """An event about this channel, with ``headers`` after those of the channel."""
        return event(name, classes, *self.snapshot(), *headers)


def event(name: str, classes: str, *headers: tuple[str, object]) -> bytes:
    """A broadcast event, a whole message; ``classes`` without the ``all`` that Asterisk always adds."""
    return encode(f"Event: {name}", f"Privilege: {classes},all", *_lines(headers))


def item(name: str, *headers: tuple[str, object]) -> bytes:
    """An item of an event list: an event without ``Privilege``, a whole message."""
    return encode(f"Event: {name}", *_lines(headers))


def encode(*lines: str) -> bytes:
    """A message of these lines, its blank line included."""
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def _lines(headers: Iterable[tuple[str, object]]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers]
