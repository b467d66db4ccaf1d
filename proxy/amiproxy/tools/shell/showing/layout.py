"""Chooses the columns of a list that fit the width, by what they say.  Pure arithmetic on texts."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len, set_cell_size

#: Blanks between two columns.
GAP: Final = 2
#: A column is at most this wide if that lets another one fit.
_WIDEST: Final = 32
#: Columns that people look at first, by the event of the list, in lower case.
_FIRST: Final = {
    "proxyserver": "Server Status Since Version SystemName Default",
    "coreshowchannel": "Channel ChannelStateDesc CallerIDNum ConnectedLineNum Application Exten Duration",
    "status": "Channel ChannelStateDesc CallerIDNum ConnectedLineNum Application Exten Seconds",
    "queuemember": "Queue Name Location Status Paused CallsTaken LastCall InCall Penalty",
    "queueparams": "Queue Calls Holdtime Completed Abandoned Strategy Max",
    "queueentry": "Queue Position Channel CallerIDNum CallerIDName Wait",
    "queuesummary": "Queue LoggedIn Available Callers HoldTime LongestHoldTime",
    "endpointlist": "ObjectName DeviceState ActiveChannels Aor Contacts",
    "contactlist": "ObjectName Uri Status RoundtripUsec ViaAddr",
    "aorlist": "ObjectName Contacts MaxContacts DefaultExpiration",
    "peerentry": "ObjectName IPaddress IPport Status Dynamic",
    "agents": "Agent Name Status LoggedInChan TalkingToChan",
    "parkedcall": "ParkeeChannel Parkinglot ParkingSpace ParkingTimeout ParkingDuration",
    "extensionstatus": "Exten Context Status StatusText Hint",
    "devicestatechange": "Device State",
    "bridgelistitem": "BridgeUniqueid BridgeType BridgeTechnology BridgeNumChannels",
    "confbridgelist": "Channel CallerIDNum CallerIDName Admin Muted AnsweredTime",
    "listdialplan": "Context Extension Priority Application AppData ExtensionLabel",
    "outboundregistrationdetail": "ObjectName ServerUri ClientUri Status NextReg",
}
#: The header with the server that a message is from.
_SERVER: Final = "Server"
_IDENTIFIER: Final = re.compile(r"(?:id|source)\Z", re.IGNORECASE)
_HUMP: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z]+")


class Layout(NamedTuple):
    """Columns that are shown, with their widths; those left out for want of room; those without a value."""

    shown: dict[str, int]
    left_out: list[str]
    empty: list[str]


def layout(event: str, cells: Mapping[str, Sequence[str]], width: int) -> Layout:
    """Choose among the columns of a list of ``event``, for a line of ``width`` characters.

    ``cells`` has the values of each column.  Columns that people look at first are preferred, then those
    whose values differ, ids last.  If the items are from several servers, these come first.
    """
    names = sorted(cells, key=lambda name: name != _SERVER)
    empty = [name for name in names if not any(cells[name])]
    wanted = _FIRST.get(event.lower(), "").split()
    longest = {name: max(map(wide, cells[name]), default=0) for name in names}

    def rank(name: str) -> tuple[int, int]:
        if name in wanted:
            return 0, wanted.index(name)
        values = cells[name]
        if name == _SERVER and any(value != values[0] for value in values):
            return 0, -1
        same = len(values) > 1 and all(value == values[0] for value in values)
        identifies = _IDENTIFIER.search(name) is not None and name != names[0]
        return 1 + same + 2 * identifies, names.index(name)

    widths: dict[str, int] = {}
    room = width + GAP  # the last column needs no gap
    ordered = sorted((name for name in names if name not in empty), key=rank)
    for name in ordered:
        needed = min(max(longest[name], header_width(name)), _WIDEST)
        if needed + GAP <= room:
            widths[name] = needed
            room -= needed + GAP
    # What is left goes to the columns whose values were cut, from the first on, then to headers on two lines.
    for whole in (longest.__getitem__, wide):
        for name in ordered:
            more = min(whole(name) - widths.get(name, 0), room) if name in widths else 0
            if more > 0:
                widths[name] += more
                room -= more
    chosen = {name: widths[name] for name in names if name in widths}
    return Layout(chosen, [name for name in names if name not in widths and name not in empty], empty)


def wide(text: str) -> int:
    """The columns that a text takes on a terminal."""
    return len(text) if text.isascii() else cell_len(text)


def fitted(text: str, width: int, *, right: bool = False) -> str:
    """The text in exactly this many columns; an ellipsis stands for what does not fit."""
    missing = width - wide(text)
    if missing < 0:
        return set_cell_size(text, width - 1) + "…"
    return " " * missing + text if right else text + " " * missing


def header_width(name: str) -> int:
    """The least width in which the header's name fits on two lines."""
    parts = _HUMP.findall(name) or [name]
    return min(
        max(cell_len("".join(parts[:cut])), cell_len("".join(parts[cut:])))
        for cut in range(1, len(parts) + 1)
    )


def header_lines(name: str, width: int) -> tuple[str, str]:
    """The header's name on two lines; the first is empty if it fits on one."""
    if wide(name) <= width:
        return "", name
    parts = _HUMP.findall(name) or [name]
    for cut in range(len(parts) - 1, 0, -1):
        if wide("".join(parts[:cut])) <= width:
            return "".join(parts[:cut]), "".join(parts[cut:])
    return "", name
