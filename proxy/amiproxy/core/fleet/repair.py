"""Repair: events that an edge has missed, from its question to the agent until it has them all."""

# mypyc: compiled

from typing import Final

from amiproxy.core.fleet.wire import Head, WireError

#: Seconds after which an agent that has not answered is asked again, and how often in all.
AGAIN_AFTER: Final = 2.0
ATTEMPTS: Final = 2
#: Seconds after which it is asked again if there was nobody to answer.
_SOON: Final = 0.5
#: Bytes of later events that are kept meanwhile.
ROOM: Final = 8 << 20

_BLANK_LINE: Final = b"\r\n\r\n"


def check(head: Head, body: bytes) -> None:
    """Raise WireError if the body does not have as many events as the head says."""
    if not body.endswith(_BLANK_LINE) or body.count(_BLANK_LINE) != head.events:
        raise WireError("events are not counted right")


def without(count: int, body: bytes) -> bytes:
    """The body without its first ``count`` events."""
    return body.split(_BLANK_LINE, count)[count]


class Repair:
    """What is known of one gap.  Times are monotonic seconds."""

    __slots__ = ("_kept", "_room", "asked", "attempts", "begin", "since")

    def __init__(self) -> None:
        #: The number of the first event that the agent was asked for last.
        self.begin = 0
        #: How often it was asked for this one, when first, and when last or when it answered last.
        self.attempts = 0
        self.since = self.asked = 0.0
        #: Later events that have arrived.
        self._kept: list[tuple[Head, bytes]] = []
        self._room = ROOM

    def ask(self, want: int, now: float) -> None:
        """The agent is asked for all events from this number on."""
        if self.begin != want:
            self.begin = want
            self.attempts = 0
            self.since = now
        self.attempts += 1
        self.asked = now

    def may_ask(self, want: int) -> bool:
        """Whether the agent may be asked: for other events than last time, or once more for the same."""
        return self.begin != want or self.attempts < ATTEMPTS

    def unanswered(self, now: float) -> None:
        """There was nobody to answer."""
        self.asked = now - AGAIN_AFTER + _SOON

    def keep(self, head: Head, body: bytes) -> bool:
        """Keep events that arrived meanwhile; returns whether there is room for them."""
        self._room -= len(body)
        self._kept.append((head, body))
        return self._room >= 0

    def take(self) -> list[tuple[Head, bytes]]:
        """Remove and return what was kept, in order."""
        kept = sorted(self._kept, key=_first_of)
        self._kept.clear()
        self._room = ROOM
        return kept


def _first_of(kept: tuple[Head, bytes]) -> int:
    return kept[0].first
