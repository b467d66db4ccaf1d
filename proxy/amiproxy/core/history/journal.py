"""Journal: the last events of one server, for clients that resume.

Events are numbered from 1 in the order in which the server sent them, for all users alike.  A number counts
within one epoch only.  A new epoch begins whenever events may have been missed; all earlier ones are
forgotten then, so that nobody resumes across a gap.

If the events come from another process, which has a journal of its own, the numbers are those that they have
there (``begin_at``), so that a position at one of the two is one at the other.  An event that the other
process has numbered is then counted here even if it is not kept (``skip``, ``reach``): such a number is a
hole, where nothing is missing.
"""

# mypyc: compiled

import secrets
from bisect import bisect_right
from collections.abc import Callable
from typing import Final

from amiproxy.core.calls.call import Call
from amiproxy.core.model.limits import HistoryBounds
from amiproxy.core.ports import Sealer

#: Bytes that an event takes in addition to its own: those of the object, and its place in two lists.
EVENT_BYTES: Final = 72
#: Bytes that a call takes of which the journal has events, if nothing else holds it any more.
CALL_BYTES: Final = 2048
#: Bytes that a chunk takes in addition to its events.
CHUNK_BYTES: Final = 512
#: About the most bytes that ``after`` returns at once, and that are forgotten at once.
PIECE: Final = 64 << 10
#: What is forgotten at once is at most one part in this many of what the journal may hold.
_PARTS: Final = 16
#: The same for its seconds.
_GRAINS: Final = 256


class Entries:
    """Consecutive events of one epoch; empty if there are none yet after the position that was asked for."""

    __slots__ = ("calls", "epoch", "first", "raws")

    def __init__(self, epoch: int, first: int, raws: list[bytes], calls: list[Call | None]) -> None:
        self.epoch = epoch
        #: The number of the first of them.
        self.first = first
        #: The events as ``Inflow.pass_on`` was given them.
        self.raws = raws
        #: The call of each event; None if it belongs to none, or if calls were not followed.
        self.calls = calls

    @property
    def last(self) -> int:
        """The number of the last of them, or the one before ``first`` if they are empty."""
        return self.first + len(self.raws) - 1


class _Chunk:
    __slots__ = ("began", "calls", "epoch", "first", "is_held", "raws", "size")

    def __init__(self, epoch: int, first: int, began: float) -> None:
        self.epoch = epoch
        self.first = first
        #: When the first of its events arrived.
        self.began = began
        self.raws: list[bytes] = []
        #: May be shorter than ``raws``; the rest is None.
        self.calls: list[Call | None] = []
        #: With the calls whose last event so far is here.
        self.size = CHUNK_BYTES
        #: Whether the journal still has it.
        self.is_held = True


def _first_of(chunk: _Chunk) -> int:
    return chunk.first


class Journal:
    """The last events of one server, within the bounds on their bytes and on their age.

    Both bounds hold whenever the journal is read.  Events are forgotten in chunks, so it may hold a little
    less than the bounds allow.  Times are monotonic seconds.
    """

    __slots__ = (
        "_bounds",
        "_chunk",
        "_chunk_room",
        "_chunks",
        "_clock",
        "_forgotten",
        "_grain",
        "_most",
        "_room",
        "_size",
        "began",
        "epoch",
        "last",
        "sealer",
    )

    def __init__(self, bounds: HistoryBounds, clock: Callable[[], float], sealer: Sealer) -> None:
        self._clock: Callable[[], float] = clock
        #: Makes the tokens from now on; it may be replaced.
        self.sealer = sealer
        self._chunks: list[_Chunk] = []
        #: The last one; with no chunk, one that is not in use.
        self._chunk = _Chunk(0, 1, 0.0)
        #: Bytes that still fit into it.
        self._room = 0
        self._size = 0
        #: The number of the newest event of this epoch; 0 if there is none yet.
        self.last = 0
        #: All events up to this number are forgotten, or were before the beginning.
        self._forgotten = 0
        #: 64 bits: random, or those of the process from which the events come.
        self.epoch = 0
        #: When the epoch began.
        self.began = 0.0
        self._bounds = bounds
        self._most = self._chunk_room = 0
        self._grain = 0.0
        self.adopt(bounds)
        self.begin()

    # -- writing -----------------------------------------------------------

    def append(self, raw: bytes) -> None:
        """Add the newest event, a whole message with its blank line."""
        cost = len(raw) + EVENT_BYTES
        if cost > self._room:
            self._begin_chunk()
        chunk = self._chunk
        chunk.raws.append(raw)
        chunk.size += cost
        self._room -= cost
        self._size += cost
        self.last += 1
        if self._size > self._most:
            self._shrink()

    def skip(self) -> None:
        """Count an event that is not kept."""
        self.reach(self.last + 1)

    def reach(self, last: int) -> None:
        """Count events that are not kept, until the newest one has this number."""
        self.last = max(self.last, last)
        self._room = 0  # the events of a chunk are consecutive

    def note(self, call: Call) -> None:
        """The event that was appended last belongs to this call."""
        chunk = self._chunk
        behind = len(chunk.raws) - len(chunk.calls)
        if behind <= 0:
            return  # the event was larger than the journal
        while behind > 1:
            chunk.calls.append(None)
            behind -= 1
        chunk.calls.append(call)
        if call.kept_in is not chunk:
            self._count(call, chunk)

    def _count(self, call: Call, chunk: _Chunk) -> None:
        """Count the call where its last event is, and nowhere else."""
        before = call.kept_in
        if isinstance(before, _Chunk) and before.is_held and before.epoch == self.epoch:
            before.size -= CALL_BYTES
            self._size -= CALL_BYTES
        call.kept_in = chunk
        chunk.size += CALL_BYTES
        self._size += CALL_BYTES
        if self._size > self._most:
            self._shrink()

    def begin(self) -> None:
        """Events may have been missed: begin a new epoch, and forget everything before."""
        self.begin_at(secrets.randbits(64), 0)

    def begin_at(self, epoch: int, last: int) -> None:
        """Begin this epoch of another process behind the event with this number, and forget everything."""
        self.epoch = epoch
        self.began = self._clock()
        self.last = self._forgotten = last
        self._chunks.clear()
        self._size = 0
        self._leave_chunk()

    def adopt(self, bounds: HistoryBounds) -> None:
        """Hold to other bounds from now on."""
        self._bounds = bounds
        self._most = bounds.bytes
        self._chunk_room = min(PIECE, bounds.bytes // _PARTS)
        self._grain = bounds.seconds / _GRAINS
        self._room = 0
        self._shrink()
        self._expire()

    def tick(self) -> None:
        """Forget what is too old; to be called about once a second."""
        if self._chunks and self._clock() - self._chunk.began >= self._grain:
            self._room = 0  # a chunk is forgotten when its first event is too old, so it must not last long
        self._expire()

    def _begin_chunk(self) -> None:
        self._chunk = _Chunk(self.epoch, self.last + 1, self._clock())
        self._chunks.append(self._chunk)
        self._room = self._chunk_room - CHUNK_BYTES
        self._size += CHUNK_BYTES

    def _leave_chunk(self) -> None:
        self._chunk = _Chunk(self.epoch, self.last + 1, 0.0)
        self._room = 0

    def _shrink(self) -> None:
        while self._size > self._most:
            self._forget_oldest()

    def _expire(self) -> None:
        if self._chunks:
            now = self._clock()
            while self._chunks and now - self._chunks[0].began > self._bounds.seconds:
                self._forget_oldest()

    def _forget_oldest(self) -> None:
        oldest = self._chunks.pop(0)
        oldest.is_held = False
        self._forgotten = oldest.first + len(oldest.raws) - 1
        self._size -= oldest.size
        if not self._chunks:
            self._leave_chunk()

    # -- reading -----------------------------------------------------------

    @property
    def bounds(self) -> HistoryBounds:
        """The bounds in force."""
        return self._bounds

    @property
    def first(self) -> int:
        """The number of the oldest event that is held, or of a hole before it.

        One more than ``last`` if there is neither.
        """
        self._expire()
        return self._forgotten + 1

    @property
    def size(self) -> int:
        """Bytes of the events that are held, with what they take in addition."""
        self._expire()
        return self._size

    @property
    def age(self) -> float:
        """Seconds since the oldest event that is held arrived; 0.0 if none is."""
        self._expire()
        return self._clock() - self._chunks[0].began if self._chunks else 0.0

    @property
    def events(self) -> int:
        """The number of events that are held, and of the holes between and around them."""
        return self.last + 1 - self.first

    def after(self, epoch: int, sequence: int) -> Entries | None:
        """The first events after this position, about ``PIECE`` bytes of them at most.

        They are empty if there are no later ones yet.  None if not all later events are held: because some
        are forgotten, or because the position is of another epoch or was never reached.
        """
        first = self.first
        if epoch != self.epoch or sequence > self.last or sequence < first - 1:
            return None
        place = bisect_right(self._chunks, sequence + 1, key=_first_of) - 1
        if place < 0 or sequence >= self._chunks[place].first + len(self._chunks[place].raws) - 1:
            place += 1  # a hole comes next, or there is nothing more here
        if place == len(self._chunks):
            return Entries(epoch, self.last + 1, [], [])
        chunk = self._chunks[place]
        start = max(sequence + 1 - chunk.first, 0)
        raws = chunk.raws[start:]
        calls = chunk.calls[start:]
        calls.extend([None] * (len(raws) - len(calls)))
        return Entries(epoch, chunk.first + start, raws, calls)

    def event(self, sequence: int) -> bytes:
        """The event with this number; b"" if it is not held."""
        self._expire()
        place = bisect_right(self._chunks, sequence, key=_first_of) - 1
        if place < 0:
            return b""
        chunk = self._chunks[place]
        start = sequence - chunk.first
        return chunk.raws[start] if start < len(chunk.raws) else b""

    def token(self, sequence: int) -> bytes:
        """The position of the event with this number, as clients see it.  ``last`` is the newest one's."""
        return self.sealer.seal(self.epoch, sequence)
