"""Recordings of real Asterisks: from each list on, the events lead to what the next list says.

A recording has the events of these kinds in order, and between them what a list said at that time.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from amiproxy.core.history.kinds.agents import Agents
from amiproxy.core.history.kinds.conferences import Conferences
from amiproxy.core.history.kinds.parked import Parked
from amiproxy.core.history.kinds.queues import Queues
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.kind import Drift, Kind
from tests.core.history.kinds.recorded import messages

RECORDINGS = [
    Path(__file__).parent / "recordings" / f"{name}-{version}.ami"
    for name in ("agents", "flows")
    for version in (22, 16)
]


class Player:
    """Plays a recording to the kinds."""

    def __init__(self) -> None:
        made: list[Kind] = [kind(lambda: 0.0) for kind in (Queues, Agents, Parked, Conferences)]
        self.kinds = {kind.name: kind for kind in made}
        self.lists = 0

    def play(self, recording: Path) -> Iterator[tuple[str, Drift]]:
        """Yields what each list but the first of its kind says otherwise."""
        listing, answers, seen = "", list[Fields](), set[str]()
        for paragraph in recording.read_text().split("\n\n"):
            first = paragraph.strip().split("\n")[0]
            if first.startswith("List: "):
                listing, answers = first.removeprefix("List: "), []
            elif first.startswith("End: "):
                drift = self.kinds[listing].replace(answers)
                if listing in seen:
                    yield listing, drift
                seen.add(listing)
                listing = ""
            elif listing:
                answers += messages(paragraph)
            else:
                for event in messages(paragraph):
                    self.take(event)

    def take(self, event: Fields) -> None:
        """Give an event to the kinds that handle it."""
        for kind in self.kinds.values():
            if event.name in kind.events:
                kind.events[event.name](event)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_the_events_lead_to_what_the_list_says(recording: Path) -> None:
    checks = 0
    for name, drift in Player().play(recording):
        assert drift == Drift(), name
        checks += 1
    assert checks >= 8


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_every_event_may_come_twice(recording: Path) -> None:
    """After a list, events come that it has told already."""

    class Twice(Player):
        def take(self, event: Fields) -> None:
            super().take(event)
            super().take(event)

    for name, drift in Twice().play(recording):
        assert drift == Drift(), name


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_copies_lead_to_the_same(recording: Path) -> None:
    """Before each event, each kind is replaced by one that has inherited from it."""

    class Inheriting(Player):
        def take(self, event: Fields) -> None:
            for name, kind in self.kinds.items():
                heir = type(kind)(lambda: 0.0)
                heir.inherit(kind)
                self.kinds[name] = heir
                if event.name in kind.events:
                    kind.events[event.name](event)  # must not change what the heir knows
            super().take(event)

    for name, drift in Inheriting().play(recording):
        assert drift == Drift(), name
