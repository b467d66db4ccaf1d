"""Scope: which user sees which call.

A user with a scope sees the events of its own calls, on all their legs and from their
first event on, and nothing of other calls.  A call is whatever Asterisk links: channels
with one Linkedid, the two ends of a dial or of a Local channel, the channels in one
bridge.  It may take a while to show which user a call belongs to (it comes in on a trunk
and rings PJSIP/100 a second later).  So the first events of each call are kept, and a user
that turns out to own the call gets them then, in order and once.

For every event the server calls ``CallTracker.feed`` once, and ``Subscriptions`` then calls
``View.admit`` once for each subscription that has a scope.  ``admit`` returns the events to deliver
now; the caller must still check privilege classes, event mask and filters for each of them.
"""

# mypyc: compiled

from collections.abc import Iterable
from itertools import chain
from typing import Final

from amiproxy.core.calls.call import OWNED, Call, owned_since, owns
from amiproxy.core.calls.callfacts import CallFacts, read_facts
from amiproxy.core.model.rules import Scope
from amiproxy.core.policy import wildcard

# None of these is Final: a compiler would inline them, and tests could not lower them.

#: Most first events of a call that are kept until its owner is known, and most bytes of them.  When calls are
#: joined, it may have more: what a client that resumes is sent must not depend on when it does, so none is
#: dropped that the journal holds.
MAX_EARLY_EVENTS = 128
MAX_EARLY_BYTES = 128 * 1024
#: The same for all calls together.
MAX_EARLY_TOTAL = 16 * 1024 * 1024
#: Events that only claim to belong to a call (UserEvent) may fill 1/CLAIMS_PART of each of these limits.
#: A client that may send UserEvents can claim another user's call, and must not use up the room for the
#: call's own first events.
CLAIMS_PART = 4
#: Most calls known at a time; past it the oldest is forgotten.
MAX_CALLS = 20_000
#: Most ended calls still known, for the events that follow a hangup (Cdr, CEL, OriginateResponse).
MAX_ENDED = 512
#: Most ids remembered of one call, such as a conference that never ends.  Past it, the ids that ended
#: longest ago are forgotten first, then those not seen for longest.
MAX_IDS = 2048
#: The same for all calls together; past it whole calls are forgotten.
MAX_IDS_TOTAL = 200_000

#: A number that no event reaches.
NONE_HELD: Final = 1 << 62


class View:
    """Decides for a subscription with a scope which events it sees.  Made by ``CallTracker.follow``."""

    __slots__ = ("_began", "_scope", "_since")

    def __init__(self, scope: Scope, since: int) -> None:
        self._scope = scope
        #: Number of the last event before the view began; events up to it are not shown.
        self._since = self._began = since

    def reach_back(self) -> None:
        """Show earlier events too of calls that turn out to be the user's from now on.

        For clients that were sent what they missed: of the calls that were known to be the user's, no others.
        """
        self._since = 0

    def admit(self, call: Call | CallFacts, raw: bytes) -> Iterable[bytes]:
        """The events to deliver now, in order: none, this one, or earlier ones and this one.

        ``call`` is what ``feed`` returned for the event, ``raw`` the same object that ``feed`` was
        given.  To be called once for each event, before classes and filters are checked.
        """
        if not isinstance(call, Call):
            return (raw,) if admits_event_of_no_call(self._scope, call) else ()
        verdict = call.verdicts.get(self, 0)
        if verdict == OWNED:
            backlog = call.backlogs.pop(self, None)
            return (*(event for _, event in sorted(backlog)), raw) if backlog else (raw,)
        if verdict == call.revision:
            return ()
        if not owns(self._scope, call):
            call.verdicts[self] = call.revision
            return ()
        call.verdicts[self] = OWNED
        return (*(event for _, event in self.earlier(call) if event is not raw), raw)

    def earlier(self, call: Call) -> list[tuple[int, bytes]]:
        """The first events of a call that the user owns which have not been shown, each with its number."""
        since = self._began if self._has_shown(call) else self._since
        return [numbered for numbered in call.first_events() if numbered[0] > since]

    def settle(self, call: Call) -> None:
        """The call is about to be joined to another: record whether its events so far have been shown."""
        if self not in call.verdicts and self._has_shown(call):
            call.verdicts[self] = OWNED

    def _has_shown(self, call: Call) -> bool:
        """Whether the call was known to be the user's when a view began that reaches back."""
        if self._since == self._began:
            return False
        return (owned_since(self._scope, call) or self._began + 1) <= self._began


def admits_event_of_no_call(scope: Scope, facts: CallFacts) -> bool:
    """Whether a user with this scope sees an event, with these facts, that belongs to no known call."""
    if facts.ids or facts.linked or facts.unclear:
        return False  # it belongs to a call, but the call's owner is unknown
    if scope.more_events and facts.of_no_call:
        return True
    return any(wildcard.matches_channel(scope.channels, device) for device in facts.devices)


class CallTracker:
    """Follows all calls; memory is bounded by the constants above.

    Feed it every event from the link's first one on, even while there are no views, so
    that a view which begins later knows the calls in progress.
    """

    __slots__ = (
        "_calls",
        "_claims_total",
        "_early_total",
        "_ended",
        "_known",
        "_views",
        "forgotten",
        "held_since",
        "number",
    )

    def __init__(self) -> None:
        self._calls: dict[bytes, Call] = {}
        self._known: dict[Call, None] = {}
        self._ended: dict[Call, None] = {}
        self._views: dict[View, None] = {}
        #: The number of the last event.
        self.number = 0
        #: The number of the first event that the journal holds, or an earlier one; ``NONE_HELD`` without a
        #: journal.  With one, first events are kept although there is no view: one that reaches back may
        #: follow.
        self.held_since = NONE_HELD
        self._early_total = self._claims_total = 0
        #: Number of calls that were forgotten before their end because a limit was reached.
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._known)

    def number_before(self, count: int) -> int:
        """The number of the event that came this many before the next one."""
        return self.number + 1 - count

    def hold(self, count: int | None) -> None:
        """The journal holds the last events, this many; None: there is no journal."""
        self.held_since = NONE_HELD if count is None else self.number_before(count)

    def follow(self, scope: Scope) -> View:
        """Make a view for one subscription, which begins with the next event."""
        view = View(scope, self.number)
        self._views[view] = None
        return view

    def unfollow(self, view: View) -> None:
        """End a view, which must not be used again."""
        self._views.pop(view, None)
        for call in self._known:
            call.verdicts.pop(view, None)
            call.backlogs.pop(view, None)

    def reset(self) -> None:
        """Forget every call but keep the views: the link is new, and Asterisk may have been restarted."""
        self._calls.clear()
        self._known.clear()
        self._ended.clear()
        self._early_total = self._claims_total = 0

    def feed(self, raw: bytes) -> Call | CallFacts:
        """Take one event; returns the call that it belongs to, or its facts if that call is not known.

        ``raw`` is a well-formed event with its blank line.
        """
        self.number += 1
        facts = read_facts(raw)
        call = self._locate(facts)
        if call is None:
            return facts
        if not facts.claims or self._may_claim(call, len(raw)):
            self._keep(call, raw, claims=facts.claims)
        if not facts.claims:
            call.learn(facts, self.number)
            self._settle(call, facts)
        return call

    def skip(self, count: int) -> None:
        """Count events that are numbered like the others and are not fed, because nobody is sent them."""
        self.number += count

    def shows(self, scope: Scope, facts: CallFacts) -> bool:
        """Whether a user with this scope may see something with these facts now; changes nothing.

        That is what belongs to a call that the user owns, or what ``admits_event_of_no_call`` admits.
        """
        is_known = False
        for name in (*facts.ids, *facts.linked):
            call = self._calls.get(name)
            if call is not None:
                is_known = True
                if owns(scope, call):
                    return True
        return not is_known and admits_event_of_no_call(scope, facts)

    def know(self, facts: CallFacts) -> None:
        """Take the facts of a channel or bridge that a list shows: it may have begun before the link."""
        call = self._locate(facts)
        if call is not None:
            call.learn(facts, self.number)
            self._settle(call, facts)

    def call_of(self, facts: CallFacts) -> Call | None:
        """The call that something with these facts belongs to; None if it is not known."""
        for name in (*facts.ids, *facts.linked):
            call = self._calls.get(name)
            if call is not None:
                return call
        return None

    def _locate(self, facts: CallFacts) -> Call | None:
        call: Call | None = None
        for name in (*facts.ids, *facts.linked):
            found = self._calls.get(name)
            if found is not None and found is not call:
                call = found if call is None else self._join(call, found)
        if facts.claims or not (facts.ids or facts.linked):
            return call
        if call is None:
            call = Call(self.number)
            self._known[call] = None
        for name in (*facts.ids, *facts.linked):
            call.ids.pop(name, None)
            call.ids[name] = None
            self._calls[name] = call
        self._make_room(call)
        return call

    def _join(self, one: Call, other: Call) -> Call:
        if len(other.ids) > len(one.ids):
            one, other = other, one
        for view in self._views:
            view.settle(one)
            view.settle(other)
            owns = one.verdicts.get(view) == OWNED
            if owns != (other.verdicts.get(view) == OWNED):
                # A view that owned one of the two now owns both, and still has to get the other's
                # first events.
                one.backlogs.setdefault(view, []).extend(view.earlier(other if owns else one))
                one.verdicts[view] = OWNED
        for shown, backlog in other.backlogs.items():
            one.backlogs.setdefault(shown, []).extend(backlog)
        for name in other.ids:
            self._calls[name] = one
        one.ids |= other.ids
        one.live |= other.live
        one.gone |= other.gone
        one.learn(other, self.number)
        one.began, one.grew = min(one.began, other.began), self.number
        one.revision += other.revision + 1
        one.parts = (*one.parts, *(part for part in (other, *other.parts) if part.early))
        other.parts = ()
        one.early_count += other.early_count
        one.early_bytes += other.early_bytes
        one.claims |= other.claims
        self._known.pop(other)
        self._ended.pop(other, None)
        other.joined, other.joined_at = one, self.number
        other.forget_ids()
        self._trim(one)
        return one

    def _trim(self, call: Call) -> None:
        """Drop first events above what one call may have: the last ones, but none that the journal holds."""
        if not (call.early_count > MAX_EARLY_EVENTS or call.early_bytes > MAX_EARLY_BYTES):
            return
        if call.early_count <= call.enough:
            return
        dropped: set[int] = set()
        size = 0
        for count, (number, raw) in enumerate(call.first_events(), 1):
            size += len(raw)
            if (count > MAX_EARLY_EVENTS or size > MAX_EARLY_BYTES) and number < self.held_since:
                dropped.add(number)
                call.early_count -= 1
                call.early_bytes -= len(raw)
                self._early_total -= len(raw)
                self._claims_total -= call.claims.pop(number, 0)
        call.drop(dropped)
        if self.held_since != NONE_HELD:
            # So that looking costs little for each event, however often others are joined to this call.
            call.enough = 2 * call.early_count

    def _may_claim(self, call: Call, size: int) -> bool:
        return (
            len(call.claims) < MAX_EARLY_EVENTS // CLAIMS_PART
            and sum(call.claims.values()) + size <= MAX_EARLY_BYTES // CLAIMS_PART
            and self._claims_total + size <= MAX_EARLY_TOTAL // CLAIMS_PART
        )

    def _keep(self, call: Call, raw: bytes, *, claims: bool) -> None:
        # Without views no event need be kept, unless one may follow that reaches back.
        if not self._views and self.held_since == NONE_HELD:
            return
        if call.early_count >= MAX_EARLY_EVENTS:
            return
        if call.early_bytes + len(raw) > MAX_EARLY_BYTES or self._early_total + len(raw) > MAX_EARLY_TOTAL:
            return
        call.early.append((self.number, raw))
        call.early_count += 1
        call.early_bytes += len(raw)
        self._early_total += len(raw)
        if claims:
            call.claims[self.number] = len(raw)
            self._claims_total += len(raw)

    def _settle(self, call: Call, facts: CallFacts) -> None:
        if facts.ended:
            call.live.discard(facts.ended)
            if facts.ended in call.ids:
                call.gone[facts.ended] = None
        elif not facts.records:
            call.live.update(name for name in facts.ids if name not in call.gone)
        while len(call.ids) > MAX_IDS:
            self._forget_id(call, next(iter(call.gone or call.ids)))
        if call.live:
            self._ended.pop(call, None)
        else:
            self._ended[call] = None
            if len(self._ended) > MAX_ENDED:
                self._forget(next(iter(self._ended)))

    def _make_room(self, call: Call) -> None:
        """Forget other calls until the limits are met: ended calls first, then the oldest."""
        while len(self._known) > MAX_CALLS or len(self._calls) > MAX_IDS_TOTAL:
            others = (known for known in chain(self._ended, self._known) if known is not call)
            oldest = next(others, None)
            if oldest is None:
                return
            self.forgotten += oldest not in self._ended
            self._forget(oldest)

    def _forget_id(self, call: Call, name: bytes) -> None:
        call.ids.pop(name)
        call.gone.pop(name, None)
        call.live.discard(name)
        del self._calls[name]

    def _forget(self, call: Call) -> None:
        self._known.pop(call)
        self._ended.pop(call, None)
        self._early_total -= call.early_bytes
        self._claims_total -= sum(call.claims.values())
        for name in call.ids:
            del self._calls[name]
        call.let_go(self.held_since)
