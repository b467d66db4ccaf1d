"""Inflow: which subscriptions get which events of one server.

The server hands over each event, and it goes to the subscriptions that may see it.  It is checked once for
each subscription.  Those whose classes admit it are cached by the event's head (name and classes), so that
for most events the check is one look-up.

Nothing here is shared between servers: calls at two servers may have the same ids.
"""

# mypyc: compiled

from typing import Final

from amiproxy.ami import privilege
from amiproxy.ami.relay import BROADCAST_HEAD
from amiproxy.core.audit.stats import Stats
from amiproxy.core.calls.call import Call
from amiproxy.core.calls.callfacts import CallFacts
from amiproxy.core.calls.scope import CallTracker, View
from amiproxy.core.fanout.audiences import Audience, Audiences
from amiproxy.core.fanout.eventview import Sight
from amiproxy.core.fanout.forms import Forms
from amiproxy.core.fanout.subscription import Subscription
from amiproxy.core.history.journal import Journal
from amiproxy.core.learning.recorder import Recorder

#: A client of several servers is sent this event of each server that it may use, whatever its classes: it
#: ends the time in which events may have been missed.
_BOOTED: Final = b"FullyBooted"


class Inflow:
    """The events of one server; the ``EventReceiver`` of that server."""

    __slots__ = (
        "_audiences",
        "_forms",
        "_journal",
        "_readers",
        "_recorder",
        "_sights",
        "_stats",
        "_tracker",
        "_views",
        "by_head",
        "counts",
        "server",
    )

    def __init__(self, server: str, stats: Stats) -> None:
        """``server`` is the server's name."""
        self.server = server
        self._stats = stats
        self.counts = stats.events_of(server)
        self._audiences = Audiences(self.counts)
        #: See ``EventReceiver``.
        self.by_head = self._audiences.by_head
        self._sights: dict[Subscription, Sight] = {}
        #: Of the subscriptions that have a scope here.
        self._views: dict[Subscription, View] = {}
        #: Follows the calls of this server; None while no user has a scope.
        self._tracker: CallTracker | None = None
        #: Number of members that may read events of these classes; cleared when a subscription changes.
        self._readers: dict[int, int] = {}
        self._recorder: Recorder | None = None
        self._forms = Forms(server)
        #: Records the events of this server; None while no user needs it.
        self._journal: Journal | None = None

    # -- from the server; see EventReceiver --------------------------------------

    def forget(self) -> None:
        """See ``EventReceiver``."""
        self._audiences.forget()

    def audience_of(self, head: bytes, name: bytes, required: int, *, remember: bool) -> Audience:
        """The audience of a head that is not in ``by_head``, for its first event.  See ``EventReceiver``."""
        is_empty = True
        plain: list[Subscription] = []
        named: list[Subscription] = []
        numbered: list[Subscription] = []
        has_journal = self._journal is not None
        for subscription, sight in self._sights.items():
            is_named = subscription.view.named
            always = is_named and name == _BOOTED
            if not always and not privilege.may_read(sight.mask, required):
                continue
            is_empty = False
            if not always and sight.scope is not None:
                continue
            if has_journal and subscription.view.numbered:
                numbered.append(subscription)
            else:
                (named if is_named else plain).append(subscription)
        audience = Audience(name, required, tuple(plain), tuple(named), is_empty, tuple(numbered))
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
        journal = self._journal
        if journal is not None:
            journal.append(raw)
        events = audience.events
        if not events:
            self._audiences.stale = True
        audience.events = events + 1
        for subscription in audience.plain:
            admits = subscription.admits
            if admits is None or admits(raw):
                subscription.pending.append(raw)
            else:
                audience.filtered += 1
                audience.withheld += len(subscription.members)
        if audience.named:
            self._pass_on_stamped(self._forms.named(raw), audience)
        if audience.numbered and journal is not None:
            self._pass_on_numbered(raw, journal.token(journal.last), audience)

    def _pass_on_stamped(self, event: bytes, audience: Audience) -> None:
        always = audience.name == _BOOTED
        for subscription in audience.named:
            admits = subscription.admits
            if always or admits is None or admits(event):
                subscription.pending.append(event)
            else:
                audience.filtered += 1
                audience.withheld += len(subscription.members)

    def _pass_on_numbered(self, raw: bytes, token: bytes, audience: Audience) -> None:
        for subscription in audience.numbered:
            admits = subscription.admits
            named = subscription.view.named
            # Filters see the event without its number: whether a client asked for it makes no difference to
            # which events it is sent.
            if (
                (named and audience.name == _BOOTED)
                or admits is None
                or admits(self._forms.named(raw) if named else raw)
            ):
                subscription.pending.append(self._forms.numbered(raw, token, named=named))
            else:
                audience.filtered += 1
                audience.withheld += len(subscription.members)

    def pass_on_scoped(self, raw: bytes, call: Call | CallFacts) -> None:
        """Put an event into subscriptions with a scope, perhaps along with earlier events of its call."""
        journal = self._journal
        if journal is not None and isinstance(call, Call):
            journal.note(call)
        for subscription, view in self._views.items():
            is_named = subscription.view.named
            for one in view.admit(call, raw):
                match = BROADCAST_HEAD.match(one)
                assert match is not None
                required = privilege.required_classes(match[3])
                if not privilege.may_read(self._sights[subscription].mask, required):
                    continue
                if is_named and match[2] == _BOOTED:
                    continue  # ``pass_on`` has sent it
                event = self._forms.named(one) if is_named else one
                if subscription.admits is None or subscription.admits(event):
                    if journal is not None and subscription.view.numbered:
                        # An earlier event comes before this one, so a client that has had only the earlier
                        # one has to be sent this one when it resumes.
                        token = journal.token(journal.last - (one is not raw))
                        event = self._forms.numbered(one, token, named=is_named)
                    subscription.pending.append(event)
                    self.counts.delivered[required] += len(subscription.members)
                    if self._recorder is not None:
                        for user in subscription.users:
                            self._recorder.event(user, match[2], required, 1)

    # -- subscriptions -----------------------------------------------------

    def join(self, subscription: Subscription, sight: Sight) -> None:
        """Send events to a subscription from now on: those that its sight and its filters admit."""
        self._audiences.forget()
        self._sights[subscription] = sight
        self._view_calls(subscription, sight)

    def leave(self, subscription: Subscription) -> None:
        """Send it no more events."""
        self._audiences.forget()
        self._readers.clear()
        self._sights.pop(subscription, None)
        view = self._views.pop(subscription, None)
        if view is not None and self._tracker is not None:
            self._tracker.unfollow(view)

    def members_change(self) -> None:
        """To be called before a member joins or leaves a subscription: its events so far are counted."""
        self._audiences.count()
        self._readers.clear()

    def keep(self, journal: Journal | None) -> None:
        """Record events in this journal from the next one on; None ends that.  See ``EventReceiver``."""
        if journal is not self._journal:
            self._audiences.forget()
            self._journal = journal

    def follow(self, tracker: CallTracker) -> None:
        """Show subscriptions with a scope the calls that this tracker follows, from the next event on.

        Without a tracker, they get no events.
        """
        if self._tracker is None:
            self._tracker = tracker
            for subscription, sight in self._sights.items():
                self._view_calls(subscription, sight)

    def reach_back(self, subscription: Subscription) -> None:
        """Show it the earlier events too of calls that turn out to be its own; see ``View.reach_back``.

        Members that do not know positions are not affected by others who do.
        """
        view = self._views.get(subscription)
        if view is not None and (subscription.view.numbered or len(subscription.members) == 1):
            view.reach_back()

    def _view_calls(self, subscription: Subscription, sight: Sight) -> None:
        if sight.scope is not None and self._tracker is not None:
            self._views[subscription] = self._tracker.follow(sight.scope)

    # -- counts ------------------------------------------------------------

    def readers(self, classes: int) -> int:
        """The number of members whose classes admit an event of these classes; filters are ignored."""
        found = self._readers.get(classes)
        if found is None:
            found = self._readers[classes] = sum(
                len(subscription.members)
                for subscription, sight in self._sights.items()
                if privilege.may_read(sight.mask, classes)
            )
        return found

    def count(self) -> None:
        """Bring ``counts``, and the recording, up to date."""
        self._audiences.count()

    def record(self, recorder: Recorder | None) -> None:
        """Record from now on which events each user is sent; None ends that."""
        self._audiences.count()  # earlier events are part of the earlier recording, or of none
        self._recorder = recorder
        self._audiences.watch = None if recorder is None else lambda audience: _record(recorder, audience)


def _record(recorder: Recorder, audience: Audience) -> None:
    """Record which users were sent the events of this audience since it was last counted."""
    for subscription in audience.plain + audience.named + audience.numbered:
        for user in subscription.users:
            recorder.event(user, audience.name, audience.required, audience.events)
