"""Parts: the answer to one request, which arrives in parts."""

# mypyc: compiled

from amiproxy.ami.framing import UpstreamFramer
from amiproxy.core.fleet.wire import LAST, REFUSED, Head


class Parts:
    """The parts of one answer, which have to arrive in order.

    A part that was lost is not sent again: what was executed may not be executed twice, and only its
    execution would write the answer again.
    """

    __slots__ = ("_framer", "_next", "complete", "is_missing", "refused")

    def __init__(self) -> None:
        self._next = 0
        self._framer: UpstreamFramer | None = None
        #: Whether the last part has arrived, and all others before it.
        self.complete = False
        #: Whether the agent says that it has not executed the action.
        self.refused = False
        #: Whether a part was lost, or is not one: the rest of the answer cannot be had.
        self.is_missing = False

    @property
    def begun(self) -> bool:
        """Whether the first part has arrived."""
        return self._next > 0

    def take(self, head: Head, body: bytes) -> list[bytes]:
        """A part has arrived; returns its messages, which are the next of the answer.

        They are none if the part has arrived before, or ``is_missing`` or ``complete`` is set.
        """
        if self.complete or self.is_missing or head.first < self._next:
            return []
        if head.first > self._next or (head.flags & REFUSED and head.first):
            self.is_missing = True
            return []
        self._next += 1
        messages = self._cut(body)
        if messages is None:
            self.is_missing = True
            return []
        self.complete = bool(head.flags & (LAST | REFUSED))
        self.refused = bool(head.flags & REFUSED)
        return messages

    def _cut(self, body: bytes) -> list[bytes] | None:
        """The messages in a part; None if they are not whole."""
        framer = self._framer
        if framer is None:
            framer = self._framer = UpstreamFramer()
        # As long as the engines let through: the agent has already left out what is too long.
        framer.limit = framer.longest = len(body)
        messages = framer.feed(body)
        return None if framer.inside else messages
