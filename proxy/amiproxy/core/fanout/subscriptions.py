"""Subscriptions: all of them, which clients are in which, and which events go to which.

The server hands each event over here, and it goes to the subscriptions that admit it.  An event is checked
once per subscription.  The subscriptions whose classes admit it are cached by the event's head (name and
classes), so that for most events the check is one look-up.
"""

# mypyc: compiled

from amiproxy.ami import privilege
from amiproxy.ami.relay import BROADCAST_HEAD
from amiproxy.core.audit.stats import Stats
from amiproxy.core.calls.callfacts import CallFacts
from amiproxy.core.calls.scope import Call, CallTracker, View
from amiproxy.core.fanout.audiences import Audience, Audiences
from amiproxy.core.fanout.subscription import Member, Subscription
from amiproxy.core.learning.recorder import Recorder


class Subscriptions:
    """All subscriptions of one hub; the ``EventReceiver`` of its server."""

    __slots__ = ("_audiences", "_readers", "_recorder", "_stats", "_views", "by_head", "by_key", "tracker")

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self._audiences = Audiences(stats)
        #: See ``EventReceiver``.
        self.by_head = self._audiences.by_head
        #: The subscriptions by what their members have in common: view and encoding.  Always the same dict.
        self.by_key: dict[object, Subscription] = {}
        #: Follows the calls of Asterisk; must be set before a member with a scope subscribes.
        self.tracker: CallTracker | None = None
        #: The subscriptions with a scope.
        self._views: dict[Subscription, View] = {}
        #: Number of members that may read events of these classes; cleared when a subscription changes.
        self._readers: dict[int, int] = {}
        self._recorder: Recorder | None = None

    # -- from the server; see EventReceiver --------------------------------------

    def forget(self) -> None:
        """See ``EventReceiver``."""
        self._audiences.forget()

    def audience_of(self, head: bytes, name: bytes, required: int, *, remember: bool) -> Audience:
        """The audience of a head that is not in ``by_head``, for its first event.  See ``EventReceiver``."""
        admitting = [s for s in self.by_key.values() if s.may_read(required)]
        audience = Audience(
            name, required, tuple(s for s in admitting if s not in self._views), not admitting
        )
        if remember:
            self._audiences.remember(head, audience)
        else:
            self._audiences.once(audience)
        return audience

    def pass_on(self, raw: bytes, audience: Audience) -> None:
        """Put an event into the subscriptions of its audience that admit it.

        ``raw`` is a well-formed event with its blank line.
        """
        self._stats.events_in += 1
        audience.events += 1
        self._audiences.stale = True
        for subscription in audience.subscriptions:
            if subscription.admits is None or subscription.admits(raw):
                subscription.pending.append(raw)
            else:
                audience.filtered += 1
                audience.withheld += len(subscription.members)

    def pass_on_scoped(self, raw: bytes, call: Call | CallFacts) -> None:
        """Put an event into subscriptions with a scope, perhaps along with earlier events of its call."""
        for subscription, view in self._views.items():
            for event in view.admit(call, raw):
                match = BROADCAST_HEAD.match(event)
                assert match is not None
                required = privilege.required_classes(match[3])
                if subscription.may_read(required) and (
                    subscription.admits is None or subscription.admits(event)
                ):
                    subscription.pending.append(event)
                    self._stats.delivered[required] += len(subscription.members)
                    if self._recorder is not None:
                        for user in _users_of(subscription):
                            self._recorder.event(user, match[2], required, 1)

    # -- members -----------------------------------------------------------

    def subscribe(self, member: Member) -> None:
        """Move a member to the subscription that matches its view and its encoding.

        It is sent the events that were pending for it.
        """
        self._audiences.count()
        earlier = self.leave(member)
        if earlier:
            member.deliver(earlier)
        view, encoding = member.view, member.encoding
        mask, filters, scope = view
        if not mask:
            return
        key = view, encoding
        subscription = self.by_key.get(key)
        if subscription is None:
            subscription = self.by_key[key] = Subscription(key, mask, filters, encoding)
            self._audiences.forget()
            if scope is not None and self.tracker is not None:
                self._views[subscription] = self.tracker.follow(scope)
        subscription.join(member)
        self._readers.clear()
        member.subscription = subscription

    def subscribe_again(self, member: Member) -> None:
        """Move a member whose rights may have changed, unless its view and its encoding are the same."""
        view, subscription = member.view, member.subscription
        if not view[0] if subscription is None else subscription.key == (view, member.encoding):
            return
        self.subscribe(member)

    def leave(self, member: Member) -> bytes:
        """Remove a member from its subscription, if it has one; returns the events pending for it, joined."""
        subscription = member.subscription
        if subscription is None:
            return b""
        self._audiences.count()
        member.subscription = None
        self._readers.clear()
        earlier = subscription.take(member)
        subscription.leave(member)
        if not subscription.members:
            del self.by_key[subscription.key]
            self._audiences.forget()
            view = self._views.pop(subscription, None)
            if view is not None and self.tracker is not None:
                self.tracker.unfollow(view)
        return earlier

    def about_to_get(self, raw: bytes) -> list[Member]:
        """The members for whom this event, the same object, is the last one pending."""
        subscriptions = [s for s in self.by_key.values() if s.pending and s.pending[-1] is raw]
        return [member for subscription in subscriptions for member in subscription.members]

    # -- counts ------------------------------------------------------------

    def readers(self, classes: int) -> int:
        """The number of members whose classes admit an event of these classes; filters are ignored."""
        found = self._readers.get(classes)
        if found is None:
            views = self.by_key.values()
            found = self._readers[classes] = sum(len(s.members) for s in views if s.may_read(classes))
        return found

    def count(self) -> None:
        """Bring the events by class in ``stats``, and the recording, up to date."""
        self._audiences.count()

    @property
    def deliveries(self) -> int:
        """The number of events put into outboxes since the start; see ``Stats.delivered``."""
        self._audiences.count()
        return sum(self._stats.delivered.values())

    def record(self, recorder: Recorder | None) -> None:
        """Record from now on which events each user is sent; None ends that."""
        self._audiences.count()  # earlier events are part of the earlier recording, or of none
        self._recorder = recorder
        self._audiences.watch = None if recorder is None else lambda audience: _record(recorder, audience)


def _users_of(subscription: Subscription) -> set[str]:
    """Names of the users whose clients are in the subscription."""
    return {member.payer for member in subscription.members}


def _record(recorder: Recorder, audience: Audience) -> None:
    """Record which users were sent the events of this audience since it was last counted."""
    for subscription in audience.subscriptions:
        for user in _users_of(subscription):
            recorder.event(user, audience.name, audience.required, audience.events)
