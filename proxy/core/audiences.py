"""Audiences: who is asked about events of one head (name and classes), remembered until that changes.

A dialplan can make up as many event names as it likes, so there is a bound.
What is remembered also counts: one number more by head, and classes are added
up only when somebody wants to know, or when it is forgotten.
"""

from proxy.core.stats import Stats
from proxy.core.subscription import Subscription

#: Heads remembered.
_MOST = 4096


class Audience:
    """The subscriptions whose classes admit a head, but for those of some calls only."""

    __slots__ = ("events", "filtered", "is_empty", "required", "subscriptions")

    def __init__(self, required: int, subscriptions: tuple[Subscription, ...], is_empty: bool) -> None:
        #: The mask of the classes that it needs.
        self.required = required
        self.subscriptions = subscriptions
        #: Nobody's classes admit it, those of some calls only included.
        self.is_empty = is_empty
        #: Events since they were last counted.
        self.events = 0
        #: How often since then a subscription's filters kept one back.
        self.filtered = 0


class Audiences:
    """``by_head`` is for looking up alone, and always the same object."""

    __slots__ = ("_stats", "by_head")

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self.by_head: dict[bytes, Audience] = {}

    def remember(self, head: bytes, audience: Audience) -> None:
        """It is the same for all further events of this head."""
        if len(self.by_head) >= _MOST:
            self.forget()
        self.by_head[head] = audience

    def forget(self) -> None:
        """Subscriptions came or went."""
        self.count()
        self.by_head.clear()

    def count(self) -> None:
        """Bring the events by class in ``stats`` up to date."""
        for audience in self.by_head.values():
            self.add(audience)

    def add(self, audience: Audience) -> None:
        """Count the events of one head, remembered or not."""
        self._stats.classes[audience.required] += audience.events
        if audience.is_empty:
            self._stats.unread[audience.required] += audience.events
        self._stats.filtered[audience.required] += audience.filtered
        audience.events = audience.filtered = 0
