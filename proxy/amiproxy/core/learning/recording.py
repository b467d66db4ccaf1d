"""A recording as a file: one JSON object per line, first the head, then shapes and events."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from amiproxy.ami.errors import UnknownPrivilege
from amiproxy.ami.privilege import parse_classes
from amiproxy.core.learning.recorder import Seen, Shape

#: The value of ``format`` in the head of a recording.
FORMAT: Final = "ami-proxy-learn-1"


class BadRecording(Exception):
    """The file is not a valid recording; the text says what is wrong, and in which line."""


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user: str
    count: int = 1
    action: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    event: str | None = None
    classes: str = ""


class Recording(NamedTuple):
    """A recording: its head, and how often each shape and each event was seen."""

    head: dict[str, Any]
    shapes: dict[Shape, int]
    events: dict[Seen, int]

    def users(self) -> list[str]:
        """The names of all users in the recording, sorted."""
        return sorted({shape.user for shape in self.shapes} | {seen.user for seen in self.events})

    def joined_with(self, other: "Recording") -> "Recording":
        """The sum of two recordings, such as from before and after a restart; the head is ``other``'s."""
        return Recording(other.head, _added(self.shapes, other.shapes), _added(self.events, other.events))


def _added(one: dict[Any, int], other: dict[Any, int]) -> dict[Any, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in (*one, *(k for k in other if k not in one))}


def from_rows(head: dict[str, Any], rows: Iterable[object]) -> Recording:
    """Build from rows as ``Recorder.rows`` returns them; raises BadRecording."""
    shapes: dict[Shape, int] = {}
    events: dict[Seen, int] = {}
    for number, raw in enumerate(rows, 2):
        try:
            row = msgspec.convert(raw, _Row)
            if row.action is not None:
                headers = tuple(
                    (name.encode("latin-1"), value.encode("latin-1")) for name, value in row.headers
                )
                shapes[Shape(row.user, row.action.encode("latin-1"), headers)] = row.count
            elif row.event is not None:
                events[Seen(row.user, row.event.encode("latin-1"), parse_classes(row.classes))] = row.count
        except (msgspec.ValidationError, UnicodeEncodeError, UnknownPrivilege) as error:
            raise BadRecording(f"line {number}: {error}") from None
    return Recording(head, shapes, events)


def parse(text: bytes) -> Recording:
    """Parse the text of a file; raises BadRecording."""
    lines = [line for line in text.split(b"\n") if line.strip()]
    try:
        head, *rows = [msgspec.json.decode(line) for line in lines] or [{}]
    except msgspec.DecodeError as error:
        raise BadRecording(f"not one JSON object per line: {error}") from None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise BadRecording(
            "the first line does not say that this is a recording; ami-proxy learn --save makes one"
        )
    return from_rows(head, rows)


def serialise(head: dict[str, Any], rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """The lines of a recording's file, each with its line end: the head, then the rows."""
    yield msgspec.json.encode({"format": FORMAT, **head}) + b"\n"
    for row in rows:
        yield msgspec.json.encode(row) + b"\n"
