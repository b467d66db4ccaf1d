"""Audiences: who is asked about events of one head (name and classes), remembered until that changes.

A dialplan can make up as many event names as it likes, so there is a bound.
What is remembered also counts: one number more by head, and classes are added
up only when somebody wants to know, or before what they are multiplied by
changes.
"""

from collections.abc import Callable

from proxy.core.stats import Stats
from proxy.core.subscription import Subscription

#: Heads remembered.
_MOST = 4096


class Audience:
    """The subscriptions whose classes admit a head, but for those of some calls only."""

    __slots__ = ("events", "filtered", "is_empty", "name", "required", "subscriptions", "withheld")

    def __init__(
        self, name: bytes, required: int, subscriptions: tuple[Subscription, ...], is_empty: bool
    ) -> None:
        self.name = name
        #: The mask of the classes that it needs.
        self.required = required
        self.subscriptions = subscriptions
        #: Nobody's classes admit it, those of some calls only included.
        self.is_empty = is_empty
        #: Events since they were last counted.
        self.events = 0
        #: How often since then a subscription's filters kept one back.
        self.filtered = 0
        #: And how many sessions did not get one for that.
        self.withheld = 0


class Audiences:
    """``by_head`` is for looking up alone, and always the same object."""

    __slots__ = ("_passing", "_stats", "by_head", "stale", "watch")

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self.by_head: dict[bytes, Audience] = {}
        #: Of the event that passes now and is not remembered.
        self._passing: Audience | None = None
        #: To be set when events came: without it there is nothing to count.
        self.stale = False
        #: Is shown each audience before its events since the last time are added up and forgotten.
        self.watch: Callable[[Audience], None] | None = None

    def remember(self, head: bytes, audience: Audience) -> None:
        """It is the same for all further events of this head."""
        if len(self.by_head) >= _MOST:
            self.forget()
        self.by_head[head] = audience
        self.stale = True

    def once(self, audience: Audience) -> None:
        """It is for this event alone, and counted with the next."""
        self.count()
        self._passing = audience
        self.stale = True

    def forget(self) -> None:
        """Subscriptions came or went."""
        self.count()
        self.by_head.clear()

    def count(self) -> None:
        """Bring the events by class in ``stats`` up to date; before a session joins or leaves, too."""
        if not self.stale:
            return
        self.stale = False
        if self._passing is not None:
            self._add(self._passing)
            self._passing = None
        for audience in self.by_head.values():
            if audience.events:
                self._add(audience)

    def _add(self, audience: Audience) -> None:
        if self.watch is not None:
            self.watch(audience)
        stats, required, events = self._stats, audience.required, audience.events
        stats.classes[required] += events
        if audience.is_empty:
            stats.unread[required] += events
        stats.filtered[required] += audience.filtered
        reach = sum(len(subscription.members) for subscription in audience.subscriptions)
        stats.delivered[required] += events * reach - audience.withheld
        audience.events = audience.filtered = audience.withheld = 0
