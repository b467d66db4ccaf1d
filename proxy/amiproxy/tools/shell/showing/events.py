"""Renders live events, one line each."""

from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from amiproxy.ami.message import Message
from amiproxy.counted import count
from amiproxy.tools.shell.completion.seen import server_of
from amiproxy.tools.shell.showing.printable import shown

#: Headers that say little about what happened.
_DULL: Final = frozenset(
    b"""event privilege actionid sequencenumber file line func timestamp channelstate uniqueid linkedid
    language channelstatedesc bridgeuniqueid accountcode eventtv systemname""".split()
)
#: Events that say in which state a channel is now.
_OF_STATE: Final = frozenset({"Newchannel", "Newstate"})


def event(message: Message, at: str, width: int) -> Text:
    """An event on one line: the time ``at``, its name, and as many headers with a value as fit.

    If it is from one of several servers, this comes first.
    """
    name = shown(message.get(b"event"))
    line = Text(f"{at} ", style="dim")
    headers = message.headers
    if server := server_of(message):
        line.append(f"{shown(server)} ", style="not dim magenta")
        headers = headers[:-1]
    line.append(name, style="cyan")
    told = name in _OF_STATE
    for header, value in sorted(headers, key=lambda one: one[0] != b"Channel"):
        key = header.lower()
        dull = key in _DULL or key.endswith((b"uniqueid", b"linkedid"))
        if not value or (dull and not (told and key == b"channelstatedesc")):
            continue
        part = f" {shown(header)}={shown(value)}"
        room = width - line.cell_len
        if cell_len(part) > room:
            if room > 8:
                line.append(set_cell_size(part, room - 1) + "…", style="not dim")
            break
        line.append(part, style="not dim")
    return line


def unshown(number: int) -> Text:
    """The line about events that were only counted."""
    return Text(
        f"… {count(number, 'more event')}, too many to show; \\filter chooses some, \\events off ends them",
        style="dim",
    )
