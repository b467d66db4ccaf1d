"""Announcements: the proxy's own events, and which clients get them.

A client that is bound to a server is sent them in the form that this server would give them.  A client of
several servers is sent each of them once.  What happens to the link to a server, and what a client of it
does, is sent only to clients that may use that server; events about the link have its name if there are
several.
"""

# mypyc: compiled

from collections.abc import Callable, Collection
from typing import NamedTuple

from amiproxy.ami import message
from amiproxy.ami.privilege import may_read, required_classes
from amiproxy.ami.relay import BROADCAST, BROADCAST_HEAD
from amiproxy.ami.stamp import stamp_of, stamped
from amiproxy.core.audit.stats import Stats
from amiproxy.core.calls.callfacts import CallFacts, read_facts
from amiproxy.core.calls.scope import admits_event_of_no_call
from amiproxy.core.fanout.subscription import Member, Subscription
from amiproxy.core.fanout.subscriptions import Subscriptions
from amiproxy.core.model.rules import Scope
from amiproxy.core.ports import Scheduler
from amiproxy.core.servers.server import Server
from amiproxy.core.servers.servers import Servers

#: Writes an event, given the headers from ``Origin.headers`` that follow its Privilege.
Write = Callable[[list[tuple[bytes, bytes]]], bytes]


class LinkNews(NamedTuple):
    """A ProxyUpstream event that was sent to the clients with class system, and its short form for others.

    The short form does not say why the link was lost.
    """

    #: The clients that were sent the event.
    members: list[Member]
    #: The short form for clients of this server, and that for clients of several.
    short: bytes
    short_named: bytes


class Announcements:
    """Puts the proxy's own events into subscriptions; they leave with the next flush.

    See ``Announcer`` in auditlog.py.  All events are well-formed.
    """

    __slots__ = ("_beats", "_counts", "_scheduler", "_servers", "_settle", "_stats", "_subscriptions")

    def __init__(
        self,
        subscriptions: Subscriptions,
        servers: Servers,
        stats: Stats,
        scheduler: Scheduler,
        settle: Callable[[], None],
    ) -> None:
        self._subscriptions = subscriptions
        self._servers = servers
        self._stats = stats
        self._counts = stats.events_of("")
        self._scheduler = scheduler
        self._settle: Callable[[], None] = settle
        #: When the next heartbeat is due, in monotonic seconds, by the seconds between two.
        self._beats: dict[float, float] = {}

    def readers(self, classes: int) -> int:
        """See ``Announcer``."""
        return self._subscriptions.readers(classes)

    def settle(self) -> None:
        """See ``Announcer``."""
        self._settle()

    def announce(self, write: Write, wall: float, sees: Collection[str] = ()) -> None:
        """See ``Announcer``."""
        forms = {"": write([])}
        event = _Own(forms[""])
        for subscription in self._subscriptions.reading(event.required):
            if sees and not _may_read_at(subscription, sees, event.required):
                continue
            name = subscription.view.own.server
            raw = forms.get(name)
            if raw is None:
                server = self._servers.find(name.encode())
                raw = forms[name] = forms[""] if server is None else write(server.origin.headers(wall))
            self._pass_on(event, raw, subscription)
        self._count(event)

    def tell(
        self, name: bytes, classes: bytes, *headers: tuple[bytes, bytes], sees: Collection[str] = ()
    ) -> None:
        """Send an event of these classes to all clients that may read it.  For ``sees`` see Announcer."""
        self.announce(
            lambda origin: message.event(name, (b"Privilege", classes), *origin, *headers),
            self._scheduler.wall(),
            sees,
        )

    def tell_upstream(self, server: Server, status: bytes, *headers: tuple[bytes, bytes]) -> LinkNews:
        """Send a ProxyUpstream event about the link to this server to clients that may read it.

        Clients of several servers need it to know what they see of this one.  So they are sent it whatever
        their classes and filters.
        """
        origin = server.origin.headers(self._scheduler.wall())
        facts = (b"Privilege", b"system,all"), *origin, (b"Status", status)
        short = message.event(b"ProxyUpstream", *facts)
        raw = message.event(b"ProxyUpstream", *facts, *headers)
        stamp = stamp_of(server.name.encode())
        named = stamped(raw, stamp)
        event = _Own(raw)
        told: list[Member] = []
        for subscription in self._subscriptions.by_key.values():
            view = subscription.view
            if not _sees(subscription, server):
                continue
            if view.named:
                self._deliver(event, named, subscription)
                told.extend(subscription.members)
            elif may_read(view.own.mask, event.required) and self._pass_on(event, raw, subscription):
                told.extend(subscription.members)
        self._count(event)
        return LinkNews(told, short, stamped(short, stamp))

    def tick(self, now: float) -> None:
        """Send the heartbeats if they are due; to be called about once a second, with monotonic seconds."""
        numbered = [one for one in self._subscriptions.by_key.values() if one.view.numbered]
        for seconds in {one.heartbeat for one in numbered}:
            if now < self._beats.get(seconds, 0.0):
                numbered = [one for one in numbered if one.heartbeat != seconds]
            else:
                self._beats[seconds] = now + seconds
        if numbered:
            for server in self._servers:
                self._beat(server, [one for one in numbered if _sees(one, server)])

    def _beat(self, server: Server, subscriptions: list[Subscription]) -> None:
        """Tell clients with numbered events how far the events of a server have come, even if it is quiet.

        They asked for it, so they are sent it whatever their classes and filters.
        """
        journal = server.journal
        if journal is None or not server.exchange.linked or not subscriptions:
            return
        origin = server.origin.headers(self._scheduler.wall())
        position = b"Sequence", journal.token(journal.last)
        raw = message.event(b"ProxyHeartbeat", (b"Privilege", b"system,all"), *origin, position)
        named = stamped(raw, stamp_of(server.name.encode()))
        event = _Own(raw)
        event.is_read = True
        for subscription in subscriptions:
            # Not recorded: a client is sent it whether or not it has the classes that it names.
            subscription.pending.append(named if subscription.view.named else raw)
            self._counts.delivered[event.required] += len(subscription.members)
        self._count(event)

    def _pass_on(self, event: "_Own", raw: bytes, subscription: Subscription) -> bool:
        """Send the event in this form to a subscription whose classes admit it, if scope and filters do too.

        Returns whether they do.
        """
        event.is_read = True
        scope = subscription.view.own.scope
        if scope is not None and not event.is_in(scope):
            return False
        if subscription.admits is None or subscription.admits(raw):
            self._deliver(event, raw, subscription)
            return True
        self._counts.filtered[event.required] += 1
        return False

    def _deliver(self, event: "_Own", raw: bytes, subscription: Subscription) -> None:
        event.is_read = True
        subscription.pending.append(raw)
        self._counts.delivered[event.required] += len(subscription.members)
        recorder = self._subscriptions.recorder
        if recorder is not None:
            for user in subscription.users:
                recorder.event(user, event.name, event.required, 1)

    def _count(self, event: "_Own") -> None:
        self._stats.events_in += 1
        self._counts.classes[event.required] += 1
        if not event.is_read:
            self._counts.unread[event.required] += 1


def _sees(subscription: Subscription, server: Server) -> bool:
    """Whether its members may use this server."""
    return any(sight.server == server.name for sight in subscription.view.sights)


def _may_read_at(subscription: Subscription, servers: Collection[str], required: int) -> bool:
    """Whether it may read events of these classes of any of these servers."""
    return any(
        sight.server in servers and may_read(sight.mask, required) for sight in subscription.view.sights
    )


class _Own:
    """One event, whatever its form."""

    __slots__ = ("_facts", "_raw", "is_read", "name", "required")

    def __init__(self, raw: bytes) -> None:
        assert BROADCAST.fullmatch(raw)
        head = BROADCAST_HEAD.match(raw)
        assert head is not None
        self._raw = raw
        self._facts: CallFacts | None = None
        self.name = head[2]
        #: The mask of the classes that it needs.
        self.required = required_classes(head[3])
        #: Whether the classes of any subscription admit it.
        self.is_read = False

    def is_in(self, scope: Scope) -> bool:
        """Whether a user with this scope sees it."""
        facts = self._facts
        if facts is None:
            facts = self._facts = read_facts(self._raw)
        return admits_event_of_no_call(scope, facts)
