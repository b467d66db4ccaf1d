"""EventCounts: how many events one source had, and what became of them."""

# mypyc: compiled

from collections import Counter


class EventCounts:
    """Counts since the start of the process, each by the mask of the privilege classes that the events need.

    They only rise.
    """

    __slots__ = ("classes", "delivered", "filtered", "unread")

    def __init__(self) -> None:
        #: Events received.
        self.classes: Counter[int] = Counter()
        #: Events that no session could see.
        self.unread: Counter[int] = Counter()
        #: How often filters kept an event from a subscription.
        self.filtered: Counter[int] = Counter()
        #: The sum over all events of the sessions that each was meant for.  A session that ended before the
        #: next flush is counted too.
        self.delivered: Counter[int] = Counter()
