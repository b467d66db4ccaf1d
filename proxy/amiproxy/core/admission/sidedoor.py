"""Side doors: admission to a port that is not for manager clients, and which connection makes room.

The metrics port, the control socket and the plain port of ``ami-proxy connect`` accept few
connections each.  Idle connections must not shut out others: a new connection displaces the
one that has been idle for longest, and ordinary requests leave some places free for
connections that have not sent a request yet.
"""

from collections import Counter
from collections.abc import Hashable
from enum import Enum, auto
from typing import Generic, TypeVar

Guest = TypeVar("Guest", bound=Hashable)


class Want(Enum):
    """The kind of a connection's request."""

    #: Work that is only done while there is room for it.
    ORDINARY = auto()
    #: Quick work that is always done: a health check, or a command that ends a session or the service.
    URGENT = auto()
    #: An answer without end.
    STREAM = auto()


class _Stage(Enum):
    IDLE = auto()
    TAKING = auto()
    WORKING = auto()
    URGENT = auto()
    STREAMING = auto()


class SideDoor(Generic[Guest]):
    """Holds at most ``places`` connections, and ``streams`` more that are streaming.

    Of the former, at most ``working`` may be doing ordinary work.
    """

    def __init__(self, places: int, working: int, streams: int = 0) -> None:
        self._places = places
        self._working = working
        self._streams = streams
        #: Each connection with its group (its network address, or whatever tells clients apart) and its
        #: stage; the one that changed its stage last is last.
        self._guests: dict[Guest, tuple[Hashable, _Stage]] = {}

    def __len__(self) -> int:
        return len(self._guests)

    def enter(self, guest: Guest, group: Hashable = None) -> Guest | None:
        """Admit a connection; returns the connection that must be closed for it, or None.

        That is the new connection itself if all others are being served.  Otherwise it is the one
        that has been idle for longest, in the group with the most idle connections; if no connection
        is idle, the same among those that are taking their answers.
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
        """Begin a request; False if there is no room for its kind, and then the connection stays as it is."""
        if guest not in self._guests:
            return False
        if want is Want.ORDINARY:
            return self._move(guest, _Stage.WORKING, self._working)
        if want is Want.STREAM:
            return self._move(guest, _Stage.STREAMING, self._streams)
        return self._move(guest, _Stage.URGENT, self._places)

    def answered(self, guest: Guest) -> None:
        """The answer is complete: all that is left is that the client takes it, and closes."""
        self._move(guest, _Stage.TAKING, self._places)

    def rest(self, guest: Guest) -> None:
        """The connection has its answer and is idle: it may send another request."""
        self._move(guest, _Stage.IDLE, self._places)

    def leave(self, guest: Guest) -> None:
        """Forget a connection that has closed or is being closed."""
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
        # max() returns the first of equals, which is the group with the oldest connection.
        fullest = max(sizes, key=sizes.__getitem__)
        return next(guest for guest, group in at_stage if group == fullest)
