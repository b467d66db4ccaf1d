"""Audiences: for each event head (name and classes), the cached subscriptions that may receive its events.

The cache is dropped when subscriptions come or go.  It is bounded, because a dialplan can make up as
many event names as it likes.

Entries also count: an event increments one number of its head.  The sums by class are computed only
when they are read, or before the number of sessions by which a count is multiplied changes.
"""

# mypyc: compiled

from collections.abc import Callable

from amiproxy.core.audit.eventcounts import EventCounts
from amiproxy.core.fanout.subscription import Subscription

#: Most heads remembered.
_MOST = 4096


class Audience:
    """The subscriptions whose classes admit a head, except those whose scope is only some calls."""

    __slots__ = (
        "events",
        "filtered",
        "is_empty",
        "name",
        "named",
        "numbered",
        "plain",
        "required",
        "withheld",
    )

    def __init__(
        self,
        name: bytes,
        required: int,
        plain: tuple[Subscription, ...],
        named: tuple[Subscription, ...],
        is_empty: bool,
        numbered: tuple[Subscription, ...] = (),
    ) -> None:
        self.name = name
        #: The mask of the classes that its events require.
        self.required = required
        #: Those that get the events as the server writes them, and those that get them with its name.
        self.plain = plain
        self.named = named
        #: Those that get them with their position, whether with its name or without.
        self.numbered = numbered
        #: Whether no subscription's classes admit it, not even those of one with a scope.
        self.is_empty = is_empty
        #: Events since the last ``count``.
        self.events = 0
        #: How often since then the filters of a subscription dropped an event.
        self.filtered = 0
        #: How many deliveries to sessions those drops prevented.
        self.withheld = 0


class Audiences:
    """``by_head`` is for look-ups only, and always the same dict."""

    __slots__ = ("_counts", "_passing", "by_head", "stale", "watch")

    def __init__(self, counts: EventCounts) -> None:
        self._counts = counts
        self.by_head: dict[bytes, Audience] = {}
        #: The audience of the current event, if that is not remembered.
        self._passing: Audience | None = None
        #: The caller sets this with the first event of an audience that has none; without it, ``count`` does
        #: nothing.
        self.stale = False
        #: Called with each audience before its counts are added up and reset.
        self.watch: Callable[[Audience], None] | None = None

    def remember(self, head: bytes, audience: Audience) -> None:
        """Use this audience for all further events of this head: the first two lines, with line ends."""
        if len(self.by_head) >= _MOST:
            self.forget()
        self.by_head[head] = audience
        self.stale = True

    def once(self, audience: Audience) -> None:
        """Use this audience for the current event only; the next ``count`` includes it."""
        self.count()
        self._passing = audience
        self.stale = True

    def forget(self) -> None:
        """Drop all audiences, because subscriptions came or went."""
        self.count()
        self.by_head.clear()

    def count(self) -> None:
        """Bring the counts up to date; due also before a session joins or leaves."""
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
        counts, required, events = self._counts, audience.required, audience.events
        counts.classes[required] += events
        if audience.is_empty:
            counts.unread[required] += events
        counts.filtered[required] += audience.filtered
        reach = sum(len(subscription.members) for subscription in audience.plain)
        reach += sum(len(subscription.members) for subscription in audience.named)
        reach += sum(len(subscription.members) for subscription in audience.numbered)
        counts.delivered[required] += events * reach - audience.withheld
        audience.events = audience.filtered = audience.withheld = 0
