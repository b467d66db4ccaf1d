"""Subscriptions: all of them, which clients are in which, and which servers' events they get."""

# mypyc: compiled

from collections.abc import Iterator

from amiproxy.ami.privilege import may_read
from amiproxy.core.audit.stats import Stats
from amiproxy.core.fanout.eventview import EventView
from amiproxy.core.fanout.inflow import Inflow
from amiproxy.core.fanout.subscription import Member, Subscription
from amiproxy.core.learning.recorder import Recorder


class Subscriptions:
    """All subscriptions of one hub, and the inflow of each of its servers.

    A client of several servers is a member of one subscription, so it is sent the events of all its servers
    in one write.
    """

    __slots__ = ("_inflows", "_readers", "_reading", "_stats", "by_key", "recorder")

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self._inflows: dict[str, Inflow] = {}
        #: The subscriptions by what their members have in common: view and encoding.  Always the same dict.
        self.by_key: dict[object, Subscription] = {}
        #: By classes, for the proxy's own events: the subscriptions that may read them, and the number of
        #: their members.  Cleared when a subscription, or a member, comes or goes.
        self._reading: dict[int, tuple[Subscription, ...]] = {}
        self._readers: dict[int, int] = {}
        #: Records which events each user is sent; see ``record``.
        self.recorder: Recorder | None = None

    # -- servers -----------------------------------------------------------

    def add(self, server: str) -> Inflow:
        """Begin to take the events of the server with this name; returns the server's ``EventReceiver``."""
        inflow = self._inflows[server] = Inflow(server, self._stats)
        inflow.record(self.recorder)
        for subscription in self.by_key.values():
            for sight in subscription.view.sights:
                if sight.server == server and not subscription.view.own_only:
                    inflow.join(subscription, sight)
        return inflow

    def remove(self, server: str) -> None:
        """Pass on no more events of this server, which has been removed."""
        inflow = self._inflows.pop(server)
        for subscription in self.by_key.values():
            inflow.leave(subscription)
        inflow.count()

    def of(self, server: str) -> Inflow:
        """The inflow of the server with this name."""
        return self._inflows[server]

    def _inflows_of(self, view: EventView) -> Iterator[Inflow]:
        for sight in () if view.own_only else view.sights:
            inflow = self._inflows.get(sight.server)
            if inflow is not None:
                yield inflow

    # -- members -----------------------------------------------------------

    def subscribe(self, member: Member) -> None:
        """Move a member to the subscription that matches its view and its encoding.

        It is sent the events that were pending for it.
        """
        earlier = self.leave(member)
        if earlier:
            member.deliver(earlier)
        view, encoding = member.view, member.encoding
        if view.is_empty:
            return
        subscription = self.by_key.get((view, encoding))
        if subscription is None:
            subscription = Subscription(view, encoding)
            self.by_key[subscription.key] = subscription
            self._reading.clear()
            for sight in () if view.own_only else view.sights:
                if sight.server in self._inflows:
                    self._inflows[sight.server].join(subscription, sight)
        for inflow in self._inflows_of(view):
            inflow.members_change()
        self._readers.clear()
        subscription.join(member)
        member.subscription = subscription

    def resume(self, member: Member) -> None:
        """As ``subscribe``, for a member that has been sent, until now, what it missed of the same view.

        Of calls that turn out to be its own it gets the earlier events too: in what it missed, they were left
        out.
        """
        self.subscribe(member)
        if member.subscription is not None:
            for inflow in self._inflows_of(member.view):
                inflow.reach_back(member.subscription)

    def subscribe_again(self, member: Member) -> None:
        """Move a member whose rights may have changed, unless its view and its encoding are the same."""
        view, subscription = member.view, member.subscription
        if view.is_empty if subscription is None else subscription.key == (view, member.encoding):
            return
        self.subscribe(member)

    def leave(self, member: Member) -> bytes:
        """Remove a member from its subscription, if it has one; returns the events pending for it, joined."""
        subscription = member.subscription
        if subscription is None:
            return b""
        for inflow in self._inflows_of(subscription.view):
            inflow.members_change()
        self._readers.clear()
        member.subscription = None
        earlier = subscription.take(member)
        subscription.leave(member)
        if not subscription.members:
            del self.by_key[subscription.key]
            self._reading.clear()
            for inflow in self._inflows_of(subscription.view):
                inflow.leave(subscription)
        return earlier

    # -- the proxy's own events ----------------------------------------------

    def reading(self, classes: int) -> tuple[Subscription, ...]:
        """Those whose classes admit an event of the proxy itself that needs these."""
        found = self._reading.get(classes)
        if found is None:
            subscriptions = self.by_key.values()
            found = tuple(s for s in subscriptions if may_read(s.view.own.mask, classes))
            self._reading[classes] = found
        return found

    def readers(self, classes: int) -> int:
        """The number of their members; filters are ignored."""
        found = self._readers.get(classes)
        if found is None:
            found = self._readers[classes] = sum(len(s.members) for s in self.reading(classes))
        return found

    # -- counts ------------------------------------------------------------

    def count(self) -> None:
        """Bring the counts of events in ``stats``, and the recording, up to date."""
        for inflow in self._inflows.values():
            inflow.count()

    @property
    def deliveries(self) -> int:
        """The number of events put into outboxes since the start; see ``EventCounts.delivered``."""
        self.count()
        return sum(self._stats.delivered.values())

    def record(self, recorder: Recorder | None) -> None:
        """Record from now on which events each user is sent; None ends that."""
        self.recorder = recorder
        for inflow in self._inflows.values():
            inflow.record(recorder)
