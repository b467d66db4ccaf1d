"""Side doors: the places of one door that is not for manager clients, and who goes when it is full.

The metrics port, the control socket and the plain port of ``ami-proxy connect``
have few places each.  Nobody who keeps one without need shuts out anybody else:
a newcomer displaces whoever has asked for nothing for the longest time, and work
of the ordinary kind leaves places free for those who have not asked yet.
"""

from collections import Counter
from collections.abc import Hashable
from enum import Enum, auto
from typing import Generic, TypeVar

Guest = TypeVar("Guest", bound=Hashable)


class Want(Enum):
    """What a guest asks for."""

    #: Work that is done while there is room for it.
    ORDINARY = auto()
    #: Work that is always done, and quickly: a health check, what ends a session or the service.
    URGENT = auto()
    #: An answer that goes on and on.
    STREAM = auto()


class _Stage(Enum):
    IDLE = auto()
    TAKING = auto()
    WORKING = auto()
    URGENT = auto()
    STREAMING = auto()


class SideDoor(Generic[Guest]):
    """``places`` for guests, of which ``working`` may be doing ordinary work; ``streams`` beside them."""

    def __init__(self, places: int, working: int, streams: int = 0) -> None:
        self._places = places
        self._working = working
        self._streams = streams
        #: With the network address, or whatever else tells guests apart.  Who changed its stage last is last.
        self._guests: dict[Guest, tuple[Hashable, _Stage]] = {}

    def __len__(self) -> int:
        return len(self._guests)

    def enter(self, guest: Guest, group: Hashable = None) -> Guest | None:
        """Let the guest in; who has to go for that, or None.

        It is the guest itself when everybody is served.  Otherwise it is of the group that
        has the most guests who could go, and of these the one that has been idle for longest;
        when nobody is idle, the one that has been taking its answer for longest.
        """
        leaving = None
        if self._count(_Stage.STREAMING, others=True) >= self._places:
            leaving = self._first(_Stage.IDLE) or self._first(_Stage.TAKING)
            if leaving is None:
                return guest
            self.leave(leaving)
        self._guests[guest] = group, _Stage.IDLE
        return leaving

    def ask(self, guest: Guest, want: Want) -> bool:
        """The guest asks for something; whether that is done now.  Without room for it, it stays idle."""
        if guest not in self._guests:
            return False
        if want is Want.ORDINARY:
            return self._move(guest, _Stage.WORKING, self._working)
        if want is Want.STREAM:
            return self._move(guest, _Stage.STREAMING, self._streams)
        return self._move(guest, _Stage.URGENT, self._places)

    def answered(self, guest: Guest) -> None:
        """All that is left is that the guest takes its answer, and goes."""
        self._move(guest, _Stage.TAKING, self._places)

    def rest(self, guest: Guest) -> None:
        """The guest has its answer, and may ask again."""
        self._move(guest, _Stage.IDLE, self._places)

    def leave(self, guest: Guest) -> None:
        """The guest is gone, or has to go."""
        self._guests.pop(guest, None)

    def _move(self, guest: Guest, stage: _Stage, most: int) -> bool:
        if guest not in self._guests:
            return False
        group, before = self._guests[guest]
        if before is not stage and self._count(stage) >= most:
            return False
        del self._guests[guest]
        self._guests[guest] = group, stage
        return True

    def _count(self, stage: _Stage, *, others: bool = False) -> int:
        return sum((found is stage) is not others for _, found in self._guests.values())

    def _first(self, stage: _Stage) -> Guest | None:
        at_stage = [(guest, group) for guest, (group, found) in self._guests.items() if found is stage]
        if not at_stage:
            return None
        sizes = Counter(group for _, group in at_stage)
        # Of equals, the first: that is the one with the oldest guest.
        fullest = max(sizes, key=sizes.__getitem__)
        return next(guest for guest, group in at_stage if group == fullest)
