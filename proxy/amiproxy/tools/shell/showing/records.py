"""Messages as headers with text values, without those that only frame the message."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from amiproxy.ami.message import Message
from amiproxy.tools.shell.showing.printable import shown

#: One message: (header, value) in order; a header may occur several times.
Record = list[tuple[str, str]]

_FRAME: Final = frozenset({b"actionid", b"eventlist"})


def record(message: Message, *hidden: bytes) -> Record:
    """The headers of a message without its ActionID, EventList and those ``hidden`` (in lower case)."""
    left_out = _FRAME.union(hidden)
    return [(shown(name), shown(value)) for name, value in message.headers if name.lower() not in left_out]


def output_lines(message: Message) -> list[bytes]:
    """The lines that a command printed.  A header's value has no blanks at its beginning, but these have."""
    lines = message.raw.replace(b"\r", b"").split(b"\n")
    return [line[len(b"Output: ") :] for line in lines if line.startswith(b"Output: ")]


def by_event(items: Iterable[Message]) -> Mapping[str, list[Record]]:
    """The items of a list by the event they are, in the order in which each event first occurs."""
    found: dict[str, list[Record]] = {}
    for item in items:
        name = shown(item.get(b"event") or b"Response")
        found.setdefault(name, []).append(record(item, b"event", b"privilege"))
    return found


def columns(records: Iterable[Record]) -> list[str]:
    """The names of all headers, in the order in which each first occurs."""
    return list(dict.fromkeys(name for one in records for name, _ in one))


def by_column(records: Sequence[Record], names: Iterable[str]) -> dict[str, list[str]]:
    """The cells of each of these columns, one for each record.

    Several values of one header are joined by a comma; a header that a record lacks is empty.
    """
    found: dict[str, list[str]] = {name: [""] * len(records) for name in names}
    for number, one in enumerate(records):
        for name, value in one:
            cells = found.get(name)
            if cells is not None:
                cells[number] = f"{cells[number]}, {value}" if cells[number] else value
    return found
