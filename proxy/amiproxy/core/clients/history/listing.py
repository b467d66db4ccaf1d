"""Listing: one snapshot, written in slices for all clients that share it."""

# mypyc: compiled

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from amiproxy.ami import message
from amiproxy.ami.stamp import stamped
from amiproxy.core.clients.history.asking import COMPLETE
from amiproxy.core.history.showing import Showing
from amiproxy.core.history.state.item import Item
from amiproxy.core.servers.sharing.flight import LINE, MARK, Flight

#: Items between two readings of the clock.
_AT_ONCE: Final = 16


class Part(NamedTuple):
    """What exists at one server; ``showing`` judges and writes it."""

    showing: Showing
    items: list[Item]


class Listing:
    """Writes the items of several servers as one list into a flight."""

    __slots__ = ("_flight", "_items", "_last", "_next", "_parts", "_shown", "_stamp", "seconds")

    def __init__(
        self, flight: Flight, parts: Sequence[Part], last: list[tuple[bytes, bytes]], stamp: bytes
    ) -> None:
        """``last`` are the headers of the last event behind the number of items.

        ``stamp`` is the end of the response and of the last event; b"" for none.
        """
        self._flight = flight
        self._parts = [part for part in parts if part.items]
        self._last = last
        self._stamp = stamp
        #: The number of the next item of the first part, and how many items were written.
        self._next = self._shown = 0
        #: How long the writing has taken so far.
        self.seconds = 0.0
        headers = (b"EventList", b"start"), (b"Message", b"Snapshot will follow")
        self._write(message.response(b"Success", MARK, *headers))

    @property
    def flight(self) -> Flight:
        """Where it is written."""
        return self._flight

    def write(self, clock: Callable[[], float], seconds: float) -> bool:
        """Write on, for this time or until a piece is full; returns whether a piece is, or all is written.

        ``clock`` returns monotonic seconds.
        """
        began = clock()
        flight = self._flight
        full = flight.size
        while self._parts and flight.size == full:
            self._write_some()
            if clock() - began >= seconds:
                break
        if not self._parts:
            self._end()
        self.seconds += clock() - began
        return not self._parts or flight.size != full

    def _write_some(self) -> None:
        part = self._parts[0]
        items = part.items[self._next : self._next + _AT_ONCE]
        self._next += len(items)
        if self._next >= len(part.items):
            self._next = 0
            del self._parts[0]
        written = [raw for raw in [part.showing.written(item, LINE) for item in items] if raw]
        self._shown += len(written)
        if written:
            self._flight.reply(b"".join(written))

    def _end(self) -> None:
        counted = (b"EventList", b"Complete"), (b"ListItems", b"%d" % self._shown)
        self._write(message.event(COMPLETE, (b"ActionID", MARK), *counted, *self._last))
        self._flight.finished()

    def _write(self, raw: bytes) -> None:
        self._flight.reply(stamped(raw, self._stamp) if self._stamp else raw)
