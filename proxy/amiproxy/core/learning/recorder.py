"""Recorder: which actions, arguments and events each user actually has, as shapes with counts.

A shape is an action with an example for each argument (``examples``), so that a thousand
calls to a thousand numbers are one shape.  Memory is bounded: past the bounds, new shapes are
only counted as lost.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from amiproxy.ami.actions import HISTORY, LOCAL
from amiproxy.ami.arguments import FRAME, Argument, Described
from amiproxy.ami.message import Action
from amiproxy.ami.privilege import class_names
from amiproxy.core.learning.examples import UNRECORDED, example

# Not Final: a compiler would inline them, and tests could not lower them.
#: Most different shapes and events kept of one user, and of all users together.
MAX_SHAPES = 2000
MAX_SHAPES_TOTAL = 50_000
#: Most bytes of these: an action may be as long as ``limits.action_bytes``.
MAX_BYTES = 2 << 20
MAX_BYTES_TOTAL = 32 << 20


class Shape(NamedTuple):
    """One action as a user sends it; ``headers`` are (name, example) in the action table's order."""

    user: str
    action: bytes
    headers: tuple[tuple[bytes, bytes], ...]

    def as_action(self) -> Action:
        """The shape as an action that the policy can judge."""
        return Action(((b"Action", self.action), *self.headers))


class Seen(NamedTuple):
    """One kind of event that a user was sent; ``classes`` is the mask of the classes that it needs."""

    user: str
    event: bytes
    classes: int


class Recorder:
    """What was seen since ``began``; ``until`` is when recording ends, 0 for never.

    Both are seconds since the epoch.
    """

    __slots__ = ("_bytes", "_bytes_of_user", "_of_user", "began", "events", "lost", "shapes", "until")

    def __init__(self, began: float, until: float = 0.0) -> None:
        self.began = began
        self.until = until
        self.shapes: dict[Shape, int] = {}
        self.events: dict[Seen, int] = {}
        #: Number of actions and events that were not kept because of the bounds.
        self.lost = 0
        self._of_user: dict[str, int] = {}
        self._bytes = 0
        self._bytes_of_user: dict[str, int] = {}

    def action(self, user: str, action: Action, described: Described | None) -> None:
        """Record an action of the user that was allowed, as the client sent it."""
        if action.key in HISTORY:
            return  # these depend on neither classes nor rules
        name = described.name if described is not None else action.name
        shape = Shape(user, name, () if described is None else _headers(action, described))
        self._count(self.shapes, shape, user, 1, _size(shape))

    def event(self, user: str, event: bytes, classes: int, events: int) -> None:
        """Record that the user was sent this number of events of this name."""
        self._count(self.events, Seen(user, event, classes), user, events, len(event))

    def _count(self, counts: dict[Any, int], key: Any, user: str, more: int, size: int) -> None:
        before = counts.get(key)
        if before is None:
            if not self._has_room(user, size):
                self.lost += more
                return
            self._of_user[user] = self._of_user.get(user, 0) + 1
            self._bytes_of_user[user] = self._bytes_of_user.get(user, 0) + size
            self._bytes += size
            before = 0
        counts[key] = before + more

    def _has_room(self, user: str, size: int) -> bool:
        return (
            self._of_user.get(user, 0) < MAX_SHAPES
            and len(self.shapes) + len(self.events) < MAX_SHAPES_TOTAL
            and self._bytes_of_user.get(user, 0) + size <= MAX_BYTES
            and self._bytes + size <= MAX_BYTES_TOTAL
        )

    def rows(self) -> Iterator[dict[str, Any]]:
        """All shapes and events with their counts, as one dict for JSON each."""
        for shape, count in self.shapes.items():
            headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in shape.headers]
            action = shape.action.decode("latin-1")
            yield {"user": shape.user, "action": action, "headers": headers, "count": count}
        for seen, count in self.events.items():
            event, classes = seen.event.decode("latin-1"), class_names(seen.classes)
            yield {"user": seen.user, "event": event, "classes": classes, "count": count}


def _size(shape: Shape) -> int:
    return len(shape.action) + sum(len(name) + len(value) for name, value in shape.headers)


def _headers(action: Action, described: Described) -> tuple[tuple[bytes, bytes], ...]:
    if action.key in LOCAL:
        return ()
    found: list[tuple[int, bytes, bytes]] = []
    for name, value in described.canonical(action).headers:
        key = name.lower()
        argument = None if key in FRAME else described.find(key)
        if argument is None or argument.kind in UNRECORDED:
            continue
        place = described.arguments.index(argument)
        found.append((place, _spelled(argument, name), _example(argument, value)))
    return tuple((name, value) for _, name, value in sorted(set(found)))


def _spelled(argument: Argument, name: bytes) -> bytes:
    return name if b"#" in argument.header else argument.header


def _example(argument: Argument, value: bytes) -> bytes:
    return value if argument.one_of else example(argument.kind, value)
