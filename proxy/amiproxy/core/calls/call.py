"""Call: what is known of one call, and who owns it."""

# mypyc: compiled

from array import array
from bisect import bisect_left
from typing import Final

from amiproxy.core.calls.callfacts import CallFacts
from amiproxy.core.model.rules import Scope
from amiproxy.core.policy import wildcard

#: Most devices remembered of one call; also most contexts, and most account codes.
# Not Final: a compiler would inline it, and tests could not lower it.
MAX_FACTS = 256
#: The verdict of a view that shows a call.
OWNED: Final = -1


class Call:
    """One call: the ids that name it, the facts known about its channels, and its first events."""

    __slots__ = (
        "accountcodes",
        "backlogs",
        "began",
        "claims",
        "contexts",
        "devices",
        "early",
        "early_bytes",
        "early_count",
        "enough",
        "gone",
        "grew",
        "ids",
        "joined",
        "joined_at",
        "kept_in",
        "live",
        "parts",
        "past",
        "revision",
        "verdicts",
    )

    def __init__(self, began: int = 0) -> None:
        #: The number of its first event; of the first one of both, if another was joined to it.
        self.began = began
        #: All ids that name the call: of its channels and bridges, and Linkedids; the last seen one last.
        self.ids: dict[bytes, None] = {}
        #: The ids of channels and bridges that still exist.
        self.live: set[bytes] = set()
        #: The ids of those that have ended, in the order of their ends; late events do not revive them.
        self.gone: dict[bytes, None] = {}
        #: Those of its channels, each with the number of the event that told it.
        self.devices: dict[bytes, int] = {}
        self.contexts: dict[bytes, int] = {}
        self.accountcodes: dict[bytes, int] = {}
        #: The call that this one was joined to, and the number of the event that joined them.
        self.joined: Call | None = None
        self.joined_at = 0
        #: Where the journal counts the bytes of this call.
        self.kept_in: object | None = None
        #: The number of the last event that joined another call to this one.
        self.grew = 0
        #: Grows with every new fact, so that a view only judges the call again after a change.
        self.revision = 0
        #: The first events, each with its number; those of a call that was joined to this one stay with it.
        self.early: list[tuple[int, bytes]] = []
        #: The calls that have been joined to this one, at any number of removes, and have first events.
        self.parts: tuple[Call, ...] = ()
        #: How many first events all of these have, and how many bytes these events have.
        self.early_count = self.early_bytes = 0
        #: Up to how many of them the tracker need not look again which it can drop.
        self.enough = 0
        #: The numbers of the first events that the journal had when the tracker forgot the call.
        self.past: array[int] | None = None
        #: The sizes of the first events that only claim to belong to this call, by event number.
        self.claims: dict[int, int] = {}
        #: View -> the revision that it last refused, or OWNED.
        self.verdicts: dict[object, int] = {}
        #: View -> events still to be shown, of a call that was joined to one that the view owns.
        self.backlogs: dict[object, list[tuple[int, bytes]]] = {}

    def learn(self, facts: "CallFacts | Call", number: int) -> None:
        """Add the facts from the event with this number, or those of a call that it joins to this one."""
        for known, new in (
            (self.devices, facts.devices),
            (self.contexts, facts.contexts),
            (self.accountcodes, facts.accountcodes),
        ):
            for value in new:
                if value not in known and len(known) < MAX_FACTS:
                    known[value] = number
                    self.revision += 1

    def first_events(self) -> list[tuple[int, bytes]]:
        """The first events of this call and of those that have been joined to it, in order."""
        if not self.parts:
            return self.early
        found = self.early[:]
        for part in self.parts:
            found.extend(part.early)
        found.sort()
        return found

    def drop(self, numbers: set[int]) -> None:
        """Drop the first events with these numbers."""
        for part in (self, *self.parts):
            part.early = [event for event in part.early if event[0] not in numbers]
        self.parts = tuple(part for part in self.parts if part.early)

    def has_kept(self, number: int) -> bool:
        """Whether the event with this number is one of the first events; those of ``parts`` do not count."""
        past = self.past
        if past is not None:
            at = bisect_left(past, number)
            return at < len(past) and past[at] == number
        at = bisect_left(self.early, (number, b""))
        return at < len(self.early) and self.early[at][0] == number

    def kept_up_to(self, number: int) -> list[tuple[int, bytes]]:
        """The first events up to this number; those of ``parts`` do not count.

        Of a call that the tracker has forgotten they are b"": the journal has them.
        """
        past = self.past
        if past is not None:
            return [(one, b"") for one in past if one <= number]
        return [event for event in self.early if event[0] <= number]

    def let_go(self, held_since: int) -> None:
        """The tracker forgets the call: keep what a journal needs that still holds its events.

        That is whose it was, and which events were kept; the journal has those from ``held_since`` on.
        """
        self.forget_ids()
        for part in (self, *self.parts):
            early, part.early = part.early, []
            part.past = array("q", [number for number, _ in early if number >= held_since])
        self.parts = tuple(part for part in self.parts if part.past)

    def forget_ids(self) -> None:
        """Forget everything but whose the call was, and its first events."""
        self.ids, self.live, self.gone = {}, set(), {}
        self.claims, self.verdicts, self.backlogs = {}, {}, {}


def owns(scope: Scope, call: Call) -> bool:
    """Whether a user with this scope owns the call, by what is known about it now."""
    return (
        any(wildcard.matches_channel(scope.channels, device) for device in call.devices)
        or any(wildcard.matches(scope.contexts, context) for context in call.contexts)
        or not call.accountcodes.keys().isdisjoint(map(str.encode, scope.accountcodes))
    )


def owned_since(scope: Scope, call: Call) -> int | None:
    """The number of the event that showed that a user with this scope owns the call; None if it does not.

    If the call has been joined to another, this is about its events before that.
    """
    codes = set(map(str.encode, scope.accountcodes))
    found = [at for device, at in call.devices.items() if wildcard.matches_channel(scope.channels, device)]
    found.extend(at for context, at in call.contexts.items() if wildcard.matches(scope.contexts, context))
    found.extend(at for code, at in call.accountcodes.items() if code in codes)
    if call.joined is not None and (later := owned_since(scope, call.joined)) is not None:
        found.append(max(later, call.joined_at))
    return min(found, default=None)
