"""Kept: one kind of a server's state, and how well it is known."""

# mypyc: compiled

from collections.abc import Callable
from typing import Final, NamedTuple

from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.kind import Drift, Kind, Maker
from amiproxy.core.history.state.seeding import Seeding

#: Its lists have not been answered since the link came up.
SEEDING: Final = "seeding"
#: They were answered a moment ago: for a moment, events may tell older values than they did.
SETTLING: Final = "settling"
READY: Final = "ready"
#: Asterisk has answered a list with an error: it lacks the module, or the proxy's account the class.
UNAVAILABLE: Final = "unavailable"


class Standing(NamedTuple):
    """How well a kind is known, for operators."""

    kind: str
    #: SEEDING, SETTLING, READY or UNAVAILABLE.
    standing: str
    items: int
    #: When its lists were answered last, in monotonic seconds; None if they were not since the link came up.
    seeded: float | None
    #: Why the last seeding failed; "" if it did not.
    reason: str


class Lost(NamedTuple):
    """A kind as it was when the link was lost."""

    #: The keys of its items then.
    keys: frozenset[bytes]
    #: Its instance of then, moved by the events since the link is back.
    kind: Kind


class Kept:
    """One kind.

    While it settles after an audit, the instance before it is moved by the events as well: what the two
    differ in at the end was told by the list, and by no event.
    """

    __slots__ = (
        "_clock",
        "_make",
        "before",
        "failures",
        "kind",
        "lost",
        "name",
        "reason",
        "seeded",
        "seeding",
        "standing",
    )

    def __init__(self, make: Maker, clock: Callable[[], float]) -> None:
        self._make = make
        self._clock = clock
        self.kind: Kind = make(clock)
        self.name = self.kind.name
        self.standing = SEEDING
        #: The instance that only events have moved since an audit, while that is not over.
        self.before: Kind | None = None
        #: What was there when the link was lost; see ``State.losses``.
        self.lost: Lost | None = None
        #: The lists that are being asked.
        self.seeding: Seeding | None = None
        self.seeded: float | None = None
        #: Rounds of its lists that have failed since the last that did not.
        self.failures = 0
        self.reason = ""

    @property
    def is_known(self) -> bool:
        """Whether ``kind`` holds all that exists."""
        return self.standing in {READY, SETTLING}

    @property
    def may_be_audited(self) -> bool:
        """Whether its lists can be compared with what events have told."""
        return self.standing == UNAVAILABLE or (self.standing == READY and self.before is None)

    @property
    def status(self) -> Standing:
        """How well it is known."""
        return Standing(self.name, self.standing, len(self.kind), self.seeded, self.reason)

    def take(self, fields: Fields) -> None:
        """Take an event that this kind handles."""
        if self.seeding is not None and self.seeding.missed is not None:
            self.seeding.missed.append(fields)
        self.kind.events[fields.name](fields)
        if self.before is not None:
            self.before.events[fields.name](fields)
        if self.lost is not None:
            self.lost.kind.events[fields.name](fields)

    def adopt(self, seeding: Seeding) -> None:
        """Replace the items by those that the lists have told."""
        fresh = self._make(self._clock)
        fresh.inherit(self.kind)
        fresh.replace(seeding.answers)
        if seeding.missed:
            fresh.replay(seeding.missed)
        self.before = self.kind if seeding.is_audit and self.standing == READY else None
        self.kind = fresh
        self.standing = SETTLING
        self.seeded = self._clock()
        self.failures = 0
        self.reason = ""

    def settle(self) -> Drift | None:
        """The time is over in which events may tell older values; returns what an audit has found."""
        self.standing = READY
        if self.before is None:
            return None
        return self.kind.told_otherwise(self.before.by_key(), self.kind.by_key())

    def refuse(self, reason: str) -> None:
        """Asterisk does not have this kind."""
        self.forget()
        self.standing = UNAVAILABLE
        self.reason = reason

    def lose(self) -> None:
        """Put the present one aside as what was there when the link was lost."""
        self.lost = Lost(frozenset(item.key for item in self.kind.items()), self.kind)

    def forget(self) -> None:
        """Forget all items: the link is lost."""
        self.kind = self._make(self._clock)
        self.standing = SEEDING
        self.before = None
        self.seeding = None
        self.seeded = None
        self.failures = 0
        self.reason = ""
