"""DroppedEvents: counts the events that slow clients did not get, by their classes.

The events of one flush are the same bytes object for all clients that miss it, so they are parsed only
once for all of these.
"""

from collections import Counter

from amiproxy.ami.privilege import required_classes
from amiproxy.core.model.encoding import AMI, Encoding


class DroppedEvents:
    """``classes`` counts missed events by the mask of their required classes, once for each session."""

    __slots__ = ("_last", "_of_last", "classes")

    def __init__(self) -> None:
        self.classes: Counter[int] = Counter()
        self._last = b""
        self._of_last: Counter[int] = Counter()

    def count(self, events: bytes, encoding: Encoding = AMI) -> None:
        """Count events that one session does not get: whole events, as this encoding writes them."""
        if events is not self._last:
            self._last = events
            self._of_last = Counter(map(required_classes, encoding.classes(events)))
        self.classes.update(self._of_last)

    @property
    def total(self) -> int:
        """Dropped events of all classes."""
        return sum(self.classes.values())
