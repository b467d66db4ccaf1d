"""A reader of server-sent events, as the HTML standard describes them; it shares no code with the product."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass
class Told:
    """One event: its name, ``message`` if it has none, and its JSON."""

    name: str
    data: Any
    last_id: str


class EventSource:
    """Events of a stream of lines; ``last_id`` and ``comments`` are those so far."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self.last_id = ""
        self.retry = 0
        self.comments = 0

    def events(self) -> Iterator[Told]:
        name, data, last_id = "message", [], ""
        for line in self._lines:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line:
                self.last_id = last_id or self.last_id
                if data:
                    yield Told(name, msgspec.json.decode("\n".join(data)), self.last_id)
                name, data = "message", []
            elif not field:
                self.comments += 1
            elif field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif field == "id":
                last_id = value
            elif field == "retry":
                self.retry = int(value)

    def until(self, name: str) -> Told:
        """The next event with this name, or of Asterisk's with this header ``Event``."""
        for told in self.events():
            if told.name == name or (told.name == "message" and told.data["data"]["Event"] == name):
                return told
        raise AssertionError(f"the stream ended before {name}")
