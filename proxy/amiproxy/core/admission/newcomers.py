"""Newcomers: connections that have not logged in, and which of them is closed to make room.

A connection holds a place from when it is accepted until it has sent its login.  Then its secret waits
in the queue of the verifier, and a refusal waits for its delay of one second in a set of its own, so that
neither takes a place from connections that still have to send a login.  When all places are taken,
``core.admission.displacement`` chooses the connection to close: one of the fullest network, and of those
the least advanced.

Two rules protect against abuses of that order.  Half of the places are for connections at their
handshake and half for those that were greeted, as long as both are wanted: otherwise an attacker
that fills all places with greeted connections would have each newcomer evicted at once, as the
least advanced.  And a quarter of the places is reserved for addresses that logged in recently.
"""

# mypyc: compiled

from collections.abc import Callable, Hashable, Mapping
from itertools import count
from typing import Final

from amiproxy.core.admission.acquaintances import Acquaintances
from amiproxy.core.admission.displacement import Displacement, Networks, Rank, fullness
from amiproxy.core.admission.networks import networks_around

#: The stages, the least advanced first.  The client has sent nothing; it has begun the handshake; the
#: handshake is done and the client was greeted; the client has sent an action other than Login.
SILENT: Final = 0
HELLO: Final = 1
GREETED: Final = 2
SPOKE: Final = 3
STAGES: Final[Mapping[int, str]] = {SILENT: "silent", HELLO: "handshake", GREETED: "greeted", SPOKE: "spoke"}
#: How many connections a connection counts for, by its stage.  A legitimate client sends data at once, and
#: the kernel reports its connection only then, so silent connections usually belong to a flood.
_WEIGHTS: Final = (16, 1, 1, 1)
#: One of this many places is reserved for addresses that logged in recently.
_RESERVE: Final = 4


class _Side:
    """Connections at their handshake (``early``), and connections that were greeted (``late``)."""

    __slots__ = ("early", "late")

    def __init__(self) -> None:
        self.early = Displacement(_WEIGHTS)
        self.late = Displacement(_WEIGHTS)

    def __len__(self) -> int:
        return len(self.early) + len(self.late)

    def first(self, places: int) -> Rank | None:
        """The rank of the connection that is closed first; None if there is no connection."""
        early, late = self.early.first(), self.late.first()
        if early is None or late is None:
            return early or late
        if fullness(early) != fullness(late):
            return min(early, late)
        return early if 2 * len(self.early) >= places else late


class _Newcomer:
    """A connection that holds a place."""

    __slots__ = ("known", "networks", "number", "stage")

    def __init__(self, number: int, networks: Networks, known: bool, stage: int) -> None:
        self.number = number
        self.networks = networks
        self.known = known
        self.stage = stage


class Newcomers:
    """All connections that have not logged in.  Each is identified by its transport, or anything hashable."""

    def __init__(self) -> None:
        #: Addresses that logged in recently.
        self.acquaintances = Acquaintances()
        self._numbers = count(1)
        self._holders: dict[Hashable, _Newcomer] = {}
        self._by_number: dict[int, Hashable] = {}
        self._unknown = _Side()
        self._known = _Side()
        #: Connections between ``enter`` and ``leave``.
        self._present: set[Hashable] = set()
        #: Connections whose refusal is delayed, with the call that sends it; the oldest first.
        self._refused: dict[Hashable, Callable[[], None]] = {}
        #: Connections that linger after the end of their session; the oldest first.
        self._departing: dict[Hashable, None] = {}

    def __len__(self) -> int:
        """The number of places that are taken."""
        return len(self._holders)

    def enter(self, who: Hashable, address: str, now: float, stage: int = SILENT) -> None:
        """A connection was accepted, and takes a place.  ``now`` is in monotonic seconds."""
        known = self.acquaintances.knows(address, now)
        newcomer = _Newcomer(next(self._numbers), networks_around(address), known, stage)
        self._present.add(who)
        self._holders[who] = newcomer
        self._by_number[newcomer.number] = who
        self._displacement(newcomer).add(newcomer.number, newcomer.networks, newcomer.stage)

    def stage(self, who: Hashable) -> int:
        """The stage of a connection that holds a place.  Raises KeyError if it does not hold one."""
        return self._holders[who].stage

    def advance(self, who: Hashable, stage: int) -> None:
        """The connection has reached this stage.  Ignored if it holds no place or is more advanced."""
        newcomer = self._holders.get(who)
        if newcomer is None or newcomer.stage >= stage:
            return
        before = self._displacement(newcomer)
        newcomer.stage = stage
        after = self._displacement(newcomer)
        if before is after:
            before.advance(newcomer.number, stage)
        else:
            before.remove(newcomer.number)
            after.add(newcomer.number, newcomer.networks, stage)

    def judge(self, who: Hashable) -> None:
        """The connection has sent its login, so it gives up its place."""
        newcomer = self._holders.pop(who, None)
        if newcomer is not None:
            del self._by_number[newcomer.number]
            self._displacement(newcomer).remove(newcomer.number)

    def refuse(self, who: Hashable, tell: Callable[[], None], most: int) -> Callable[[], None] | None:
        """The login was refused.  ``tell`` sends the refusal, and the caller calls it after the delay.

        When more than ``most`` refusals are waiting, the ``tell`` of the oldest is returned, for the caller
        to call now.
        """
        self.judge(who)
        if who in self._present:
            self._refused[who] = tell
        if len(self._refused) <= most:
            return None
        return self._refused.pop(next(iter(self._refused)))

    def admit(self, who: Hashable, address: str, now: float) -> None:
        """The connection has logged in.  ``now`` is in monotonic seconds."""
        self.acquaintances.note(address, now)
        self._forget(who)

    def depart(self, who: Hashable) -> None:
        """The session has ended; its connection may linger."""
        self._forget(who)
        if who in self._present:
            self._departing[who] = None

    def leave(self, who: Hashable) -> None:
        """The connection is closed."""
        self._forget(who)
        self._present.discard(who)
        self._departing.pop(who, None)

    def victim(self, places: int) -> Hashable | None:
        """The connection to close to free its place for another one; None if no place is taken.

        ``places`` is the number of places that there are.  The caller closes the connection, and calls
        ``leave``.
        """
        unknown, known = self._unknown.first(places), self._known.first(places)
        if unknown is None or known is None:
            rank = unknown or known
        elif len(self._known) <= places // _RESERVE:
            rank = unknown
        else:
            rank = known if fullness(known) < fullness(unknown) else unknown
        return None if rank is None else self._by_number[rank[-1]]

    def dispensable(self, places: int) -> Hashable | None:
        """The connection to close for another one: one that is ending anyway, or otherwise ``victim``."""
        for over in (self._departing, self._refused):
            for who in over:
                return who
        return self.victim(places)

    def _displacement(self, newcomer: _Newcomer) -> Displacement:
        side = self._known if newcomer.known else self._unknown
        return side.early if newcomer.stage < GREETED else side.late

    def _forget(self, who: Hashable) -> None:
        self.judge(who)
        self._refused.pop(who, None)
