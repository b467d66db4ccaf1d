"""Deliveries: gives clients their parts of shared answers, in slices.

A client that is slow, or gone, holds up no other: each is given one piece at a time, as it takes them.
"""

# mypyc: compiled

from typing import Final, Protocol

from amiproxy.core.ports import Scheduler
from amiproxy.core.servers.answers.failures import CUT_OFF
from amiproxy.core.servers.requester import Asker
from amiproxy.core.servers.sharing.flight import Flight, Seat

#: Seconds of deliveries after which others are served.
SLICE: Final = 0.0005


class DeliveryOwner(Protocol):
    """What is told about deliveries: the hub."""

    def settle(self) -> None:
        """Send what is due."""

    def delivered(self, user: str, seconds: float) -> None:
        """Charge a user for a part of an answer that others have too."""

    def fault(self, error: Exception, where: str, **fields: object) -> None:
        """Log and count an internal error that does not end the service."""


class Deliveries:
    """The seats of some flights; an asker has one seat at most."""

    __slots__ = ("_due", "_owner", "_scheduler", "_seats", "_turn_due")

    def __init__(self, scheduler: Scheduler, owner: DeliveryOwner) -> None:
        self._scheduler = scheduler
        self._owner = owner
        self._seats: dict[Asker, Seat] = {}
        #: The seats for which there is something to do, in the order in which they are served.
        self._due: dict[Seat, None] = {}
        self._turn_due = False

    def __len__(self) -> int:
        """The number of clients that have not had all of their answer."""
        return len(self._seats)

    def add(self, flight: Flight, asker: Asker, action_id: bytes) -> None:
        """Give this client the answer of a flight, whose ``due`` must be that of these deliveries.

        To be called before the flight has any of the answer.
        """
        self._seats[asker] = flight.add(asker, action_id)

    def due(self, seat: Seat) -> None:
        """There is something to do for a seat."""
        self._due[seat] = None
        if not self._turn_due:
            self._turn_due = True
            self._scheduler.later(0, self._turn)

    # -- clients that leave ------------------------------------------------

    def abandon(self, asker: Asker) -> None:
        """The asker has left: drop its part of a shared answer."""
        seat = self._seats.get(asker)
        if seat is not None:
            self._vacate(seat)
            seat.flight.leave(seat)

    def dismiss(self, asker: Asker, text: bytes) -> None:
        """Give the asker what there is of its answer, and end it with this error, if it is not complete.

        ``text`` is the Message of the error.
        """
        seat = self._seats.get(asker)
        if seat is None:
            return
        flight = seat.flight
        flight.split()  # before it leaves: the new piece is for it, too
        while self._has(seat) and flight.has_more(seat):
            flight.deliver(seat)
        if self._has(seat):
            self._vacate(seat)
            flight.dismiss(seat, text)

    def _has(self, seat: Seat) -> bool:
        """Whether the client still awaits the answer; giving it a part of it may have ended that."""
        return self._seats.get(seat.asker) is seat

    def _vacate(self, seat: Seat) -> None:
        del self._seats[seat.asker]
        self._due.pop(seat, None)

    # -- one turn ----------------------------------------------------------

    def _turn(self) -> None:
        """Serve those that are due for one slice, a piece each at a time."""
        self._turn_due = False
        due, clock = self._due, self._scheduler.clock
        before = clock()
        until = before + SLICE
        try:
            while due and before < until:
                seat = next(iter(due))
                del due[seat]
                payer = seat.asker.payer
                try:
                    self._serve(seat)
                except Exception as error:
                    self._owner.fault(error, "shared answer")
                    self._give_up(seat)
                now = clock()
                self._owner.delivered(payer, now - before)
                before = now
        finally:
            if due:
                self.due(next(iter(due)))
        self._owner.settle()

    def _give_up(self, seat: Seat) -> None:
        """End the answer of a client that could not be given its part."""
        if self._has(seat):
            self._vacate(seat)
            seat.flight.leave(seat)
            seat.asker.failed(b"", CUT_OFF)

    def _serve(self, seat: Seat) -> None:
        flight = seat.flight
        if flight.has_more(seat):
            flight.deliver(seat)
            if not self._has(seat):
                return
        if flight.has_more(seat):
            if seat.ready:
                self._due[seat] = None
        elif flight.ended:
            self._vacate(seat)
            flight.finish(seat)
        elif seat.ready and flight.more is not None:
            flight.more()
