"""Missed: the events that clients did not get because they read too slowly, by the classes of each.

Those of one flush are one object for all who miss it, so they are looked at
once for all of them.
"""

from collections import Counter

from proxy.ami.privilege import required_classes
from proxy.ami.relay import BROADCAST_HEAD


class Missed:
    """``classes`` counts by the mask of the classes that an event needs, once for each session."""

    __slots__ = ("_last", "_of_last", "classes")

    def __init__(self) -> None:
        self.classes: Counter[int] = Counter()
        self._last = b""
        self._of_last: Counter[int] = Counter()

    def count(self, events: bytes) -> None:
        """One session does not get these, whole events as they are relayed."""
        if events is not self._last:
            self._last = events
            # Nothing in a relayed event's body looks like its head.
            self._of_last = Counter(required_classes(head[3]) for head in BROADCAST_HEAD.finditer(events))
        self.classes.update(self._of_last)

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.classes.values())
