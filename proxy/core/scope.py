"""Scope: who sees which call.

A user with a scope sees the events of its own calls, all legs of them and from
their first event on, and nothing of other calls.  A call is whatever Asterisk
links: channels with one Linkedid, the two ends of a dial or of a Local channel,
those in one bridge.  Whose it is may show late (a call comes in on a trunk and
rings PJSIP/100 a second later), so a call's first events are kept, and whoever
turns out to own it is given them, in order and once.

For every event the switchboard calls ``CallTracker.feed`` once, then
``View.admit`` once for each subscription that has a scope.  It gives the events
to deliver now; classes, masks and filters are still to be asked about each.
"""

from collections.abc import Iterable
from itertools import chain
from typing import Final

from proxy.config.rules import Scope
from proxy.core.callfacts import CallFacts, read_facts
from proxy.core.policy import wildcard

# None of these is Final: a compiler would write it into the code, where no test can lower it.

#: A call's first events that are kept until its owner is known, and their bytes.
MAX_EARLY_EVENTS = 128
MAX_EARLY_BYTES = 128 * 1024
#: The same for all calls together.
MAX_EARLY_TOTAL = 16 * 1024 * 1024
#: What part of each of these events may take that only claim to be of a call (UserEvent): whoever may
#: write one can claim a stranger's, whose own first events must not find the room taken.
CLAIMS_PART = 4
#: Calls known at a time; over it the oldest is forgotten.
MAX_CALLS = 20_000
#: Ended calls still known, for the events that come after a hangup (Cdr, CEL, OriginateResponse).
MAX_ENDED = 512
#: Ids remembered of one call, such as a conference that never ends; over it those who have left it
#: longest ago are forgotten, then the longest unheard of.
MAX_IDS = 2048
#: The same for all calls together; over it whole calls are forgotten.
MAX_IDS_TOTAL = 200_000
#: Devices, contexts and account codes remembered of one call.
MAX_FACTS = 256

_OWNED: Final = -1


class Call:
    """One call: the ids that name it, what is known of its channels, its first events."""

    __slots__ = (
        "accountcodes",
        "backlogs",
        "claims",
        "contexts",
        "devices",
        "early",
        "early_bytes",
        "gone",
        "ids",
        "live",
        "revision",
        "verdicts",
    )

    def __init__(self) -> None:
        #: Everything that names the call: ids of its channels and bridges, Linkedids; the last heard of last.
        self.ids: dict[bytes, None] = {}
        #: The channels and bridges among them that are still there.
        self.live: set[bytes] = set()
        #: Those that are no more, in the order of their ends; late events do not revive them.
        self.gone: dict[bytes, None] = {}
        self.devices: set[bytes] = set()
        self.contexts: set[bytes] = set()
        self.accountcodes: set[bytes] = set()
        #: Grows with every new fact, so that a view judges a call again only then.
        self.revision = 0
        self.early: list[tuple[int, bytes]] = []
        self.early_bytes = 0
        #: The sizes of those among them that only claim to be of this call, by their number.
        self.claims: dict[int, int] = {}
        #: View -> the revision it last refused, or _OWNED.
        self.verdicts: dict[View, int] = {}
        #: View -> events of a call that was joined to one it owns, still to be shown.
        self.backlogs: dict[View, list[tuple[int, bytes]]] = {}

    def learn(self, facts: "CallFacts | Call") -> None:
        """Add what an event says, or what is known of a call that this one is joined to."""
        for known, new in (
            (self.devices, facts.devices),
            (self.contexts, facts.contexts),
            (self.accountcodes, facts.accountcodes),
        ):
            for value in new:
                if value not in known and len(known) < MAX_FACTS:
                    known.add(value)
                    self.revision += 1


class View:
    """One scope looking on: what a subscription asks about each event.  Made by ``CallTracker.follow``."""

    __slots__ = ("_scope", "_since")

    def __init__(self, scope: Scope, since: int) -> None:
        self._scope = scope
        #: Events up to this one are from before the view: never shown.
        self._since = since

    def admit(self, call: Call | CallFacts, raw: bytes) -> Iterable[bytes]:
        """The events to deliver now, in order: none, this one, or earlier ones and this one.

        ``call`` is what ``feed`` returned for the event, ``raw`` the very object it was
        given.  To be called once for each event, before classes and filters are asked about.
        """
        if not isinstance(call, Call):
            return (raw,) if self._admits_event_of_no_call(call) else ()
        verdict = call.verdicts.get(self, 0)
        if verdict == _OWNED:
            backlog = call.backlogs.pop(self, None)
            return (*(event for _, event in sorted(backlog)), raw) if backlog else (raw,)
        if verdict == call.revision:
            return ()
        if not self._owns(call):
            call.verdicts[self] = call.revision
            return ()
        call.verdicts[self] = _OWNED
        return (*(event for _, event in self.earlier(call) if event is not raw), raw)

    def earlier(self, call: Call) -> list[tuple[int, bytes]]:
        """The call's first events since this view began, numbered."""
        return [numbered for numbered in call.early if numbered[0] > self._since]

    def _owns(self, call: Call) -> bool:
        scope = self._scope
        return (
            any(wildcard.matches_channel(scope.channels, device) for device in call.devices)
            or any(wildcard.matches(scope.contexts, context) for context in call.contexts)
            or not call.accountcodes.isdisjoint(map(str.encode, scope.accountcodes))
        )

    def _admits_event_of_no_call(self, facts: CallFacts) -> bool:
        if facts.ids or facts.linked or facts.unclear:
            return False  # of a call, and nobody knows whose
        if self._scope.more_events and facts.of_no_call:
            return True
        return any(wildcard.matches_channel(self._scope.channels, device) for device in facts.devices)


class CallTracker:
    """Follows all calls; memory is bounded by the constants above.

    Feed it every event from the link's first one on, also while nobody looks:
    who looks later then knows the calls that are there.
    """

    __slots__ = (
        "_calls",
        "_claims_total",
        "_early_total",
        "_ended",
        "_known",
        "_number",
        "_views",
        "forgotten",
    )

    def __init__(self) -> None:
        self._calls: dict[bytes, Call] = {}
        self._known: dict[Call, None] = {}
        self._ended: dict[Call, None] = {}
        self._views: dict[View, None] = {}
        self._number = 0
        self._early_total = self._claims_total = 0
        #: Calls that were dropped before their end, for want of room.
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._known)

    def follow(self, scope: Scope) -> View:
        """A view for one subscription, from the next event on."""
        view = View(scope, self._number)
        self._views[view] = None
        return view

    def unfollow(self, view: View) -> None:
        """The view will not be asked again."""
        self._views.pop(view, None)
        for call in self._known:
            call.verdicts.pop(view, None)
            call.backlogs.pop(view, None)

    def reset(self) -> None:
        """Forget every call: the link is new, and with it perhaps Asterisk.  Views stay."""
        self._calls.clear()
        self._known.clear()
        self._ended.clear()
        self._early_total = self._claims_total = 0

    def feed(self, raw: bytes) -> Call | CallFacts:
        """The call that the event belongs to, or what little it says if it belongs to none that is known."""
        self._number += 1
        facts = read_facts(raw)
        call = self._locate(facts)
        if call is None:
            return facts
        if not facts.claims or self._may_claim(call, len(raw)):
            self._keep(call, raw, claims=facts.claims)
        if not facts.claims:
            call.learn(facts)
            self._settle(call, facts)
        return call

    def _locate(self, facts: CallFacts) -> Call | None:
        call: Call | None = None
        for name in (*facts.ids, *facts.linked):
            found = self._calls.get(name)
            if found is not None and found is not call:
                call = found if call is None else self._join(call, found)
        if facts.claims or not (facts.ids or facts.linked):
            return call
        if call is None:
            call = Call()
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
            owns = one.verdicts.get(view) == _OWNED
            if owns != (other.verdicts.get(view) == _OWNED):
                # Whoever owned one of the two now owns both, and is owed the other's first events.
                one.backlogs.setdefault(view, []).extend(view.earlier(other if owns else one))
                one.verdicts[view] = _OWNED
        for view, backlog in other.backlogs.items():
            one.backlogs.setdefault(view, []).extend(backlog)
        for name in other.ids:
            self._calls[name] = one
        one.ids |= other.ids
        one.live |= other.live
        one.gone |= other.gone
        one.learn(other)
        one.revision += other.revision + 1
        one.early = sorted(one.early + other.early)
        one.early_bytes += other.early_bytes
        one.claims |= other.claims
        while len(one.early) > MAX_EARLY_EVENTS or one.early_bytes > MAX_EARLY_BYTES:
            number, raw = one.early.pop()
            one.early_bytes -= len(raw)
            self._early_total -= len(raw)
            self._claims_total -= one.claims.pop(number, 0)
        self._known.pop(other)
        self._ended.pop(other, None)
        return one

    def _may_claim(self, call: Call, size: int) -> bool:
        return (
            len(call.claims) < MAX_EARLY_EVENTS // CLAIMS_PART
            and sum(call.claims.values()) + size <= MAX_EARLY_BYTES // CLAIMS_PART
            and self._claims_total + size <= MAX_EARLY_TOTAL // CLAIMS_PART
        )

    def _keep(self, call: Call, raw: bytes, *, claims: bool) -> None:
        # Nobody looks, so nobody can be owed it: a view is never shown what was before it.
        if not self._views or len(call.early) >= MAX_EARLY_EVENTS:
            return
        if call.early_bytes + len(raw) > MAX_EARLY_BYTES or self._early_total + len(raw) > MAX_EARLY_TOTAL:
            return
        call.early.append((self._number, raw))
        call.early_bytes += len(raw)
        self._early_total += len(raw)
        if claims:
            call.claims[self._number] = len(raw)
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
        """Forget others than this one: those that ended first, then the oldest."""
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
