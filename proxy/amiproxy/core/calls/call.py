"""Call: what is known of one call, and who owns it."""

# mypyc: compiled

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
        "gone",
        "grew",
        "ids",
        "joined",
        "joined_at",
        "kept_in",
        "live",
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
        #: The first events, each with its number.
        self.early: list[tuple[int, bytes]] = []
        self.early_bytes = 0
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

    def let_go(self) -> None:
        """The tracker forgets the call: keep only whose it was, for those that still hold its events."""
        self.ids, self.live, self.gone = {}, set(), {}
        self.early, self.claims, self.verdicts, self.backlogs = [], {}, {}, {}


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
