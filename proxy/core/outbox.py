"""Outbox: the bytes that wait for one client.

Nothing is kept while the client takes what it is given.  What the socket does
not take waits here, up to a hard limit; who is past it is a slow consumer, and
is closed rather than waited for.  For a user who prefers it, events stop at a
soft limit instead, and one event tells how many are missing; answers never do.
An outbox can also *hold* what is pushed, for the actions during which Asterisk
itself delivers no events.

What waits stays in the pieces in which it came, so that what hundreds of clients
are sent is in memory once.  Only small pieces are joined, and only up to one
record of TLS, when they are about to leave.
"""

from collections import deque

from proxy.ami.message import event
from proxy.core.ports import Sender

#: More than any outbox holds: no event is dropped.
NEVER = 1 << 62
_END_OF_MESSAGE = b"\r\n\r\n"
#: What one record of TLS holds; the transport takes pieces up to this size whole or not at all.
RECORD = 16384
#: Bytes that one ``drain`` gives to the transport before other clients have their turn.
_DRAIN = 256 << 10


class Backlog:
    """What waits in all outboxes together, in bytes."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        self.size = 0


class Outbox:
    """Ordered bytes for one transport; ``size`` is what waits, ``sent`` what the socket took.

    Before an event is pushed, ``size`` is to be compared with ``closed_above``:
    if it is greater, the event is for ``drop``.
    """

    __slots__ = (
        "_backlog",
        "_chunks",
        "_dropped",
        "_held",
        "_held_size",
        "_soft",
        "closed_above",
        "limit",
        "ready",
        "sender",
        "sent",
        "size",
        "stuck_since",
        "write",
    )

    def __init__(self, sender: Sender, limit: int, backlog: Backlog | None = None) -> None:
        self.through(sender)
        #: Whether nothing waits and nothing is held: then, and only then, ``write`` and ``sender`` may
        #: be called past ``push``, and what they do not take is to be pushed.
        self.ready = True
        self._backlog = backlog if backlog is not None else Backlog()
        self._soft = NEVER
        self._dropped = 0
        #: The size past which this outbox takes no events; below any size while some are missing.
        self.closed_above = NEVER
        self._chunks: deque[bytes | memoryview] = deque()
        self._held: list[bytes] | None = None
        self._held_size = 0
        self.limit = limit
        self.size = 0
        self.sent = 0
        #: True at a tick when nothing moved since the last one; see ``stalled``.
        self.stuck_since: float | None = None

    def through(self, sender: Sender) -> None:
        """Everything goes there from now on."""
        self.sender = sender
        #: The sender's own.
        self.write = sender.write

    def push(self, data: bytes) -> bool:
        """Send, or queue behind what waits; False if the client is now past the limit."""
        if self._held is not None:
            self._held.append(data)
            self._held_size += len(data)
            self._backlog.size += len(data)
            # An asker that makes us hold more than its outbox may grow gets its events early instead.
            return self._held_size <= self.limit or self.release(b"")
        return self.answer(data)

    def answer(self, data: bytes) -> bool:
        """As ``push``, past what is held: answers are never kept back."""
        if self.size:
            self._chunks.append(data)
            self.size += len(data)
            self._backlog.size += len(data)
            return self.size <= self.limit
        taken = self.sender.send(data)
        self.sent += taken
        return taken == len(data) or self.keep(data, taken)

    def keep(self, data: bytes, taken: int) -> bool:
        """Queue what the transport did not take of ``data`` when nothing waited; False if past the limit."""
        self._chunks.append(_rest(data, taken))
        self.size = len(data) - taken
        self._backlog.size += self.size
        self.ready = False
        return self.size <= self.limit

    def hold(self) -> None:
        """Keep back what is pushed from now on, until ``release``."""
        if self._held is None:
            self._held = []
            self.ready = False

    @property
    def holding(self) -> bool:
        """Whether something pushed now would be kept back."""
        return self._held is not None

    @property
    def held(self) -> int:
        """Bytes kept back by ``hold``."""
        return self._held_size

    def release(self, head: bytes, tail: bytes = b"") -> bool:
        """Push ``head``, what was held, then ``tail``; False if that is past the limit."""
        held = self._held or []
        self._held = None
        self._backlog.size -= self._held_size
        self._held_size = 0
        self.ready = not self.size
        parts = [part for part in (head, *held, tail) if part]
        size = sum(map(len, parts))
        if size <= RECORD:
            return not size or self.push(b"".join(parts))
        waited = self.size
        self._chunks.extend(parts)
        self.size += size
        self._backlog.size += size
        if not waited:
            # Nobody calls us back for what the transport was not offered.
            self._give(NEVER)
            self.ready = not self.size
        return self.size <= self.limit

    def drain(self) -> bool:
        """The transport can take bytes again: give it what waits; True if it would take more now."""
        refused = self._give(_DRAIN)
        self.ready = not self.size and self._held is None
        if self._dropped and self.size <= self._soft // 2:
            self._tell_dropped()
        return self.size > 0 and not refused

    def _give(self, most: int) -> bool:
        """Give about ``most`` bytes of what waits to the transport; whether it has refused some."""
        chunks = self._chunks
        while chunks and most > 0:
            data = self._first()
            taken = self.sender.send(data)
            self.sent += taken
            self.size -= taken
            self._backlog.size -= taken
            most -= taken
            if taken:
                self.stuck_since = None
            if taken < len(data):
                chunks[0] = _rest(data, taken)
                return True
            chunks.popleft()
        return False

    def _first(self) -> bytes | memoryview:
        """The first piece that waits: a record at least, where that much waits.

        After a write that was not taken, TLS demands the same bytes first; more may follow.
        """
        chunks = self._chunks
        if len(chunks) > 1 and len(chunks[0]) < RECORD:
            parts: list[bytes | memoryview] = []
            room = RECORD
            while chunks and room:
                part = chunks.popleft()
                if len(part) > room:
                    chunks.appendleft(_rest(part, room))
                    part = memoryview(part)[:room]
                parts.append(part)
                room -= len(part)
            chunks.appendleft(b"".join(parts))
        return chunks[0]

    # -- events that are dropped -------------------------------------------

    def drop_events_past(self, soft: int) -> None:
        """Take no events while more than ``soft`` bytes wait (NEVER: take all); a gap is told at its end."""
        self._soft = soft
        if not self._dropped:
            self.closed_above = soft
        elif self.size <= soft // 2:
            self._tell_dropped()

    @property
    def in_gap(self) -> bool:
        """Whether events are missing that were not told of yet."""
        return self._dropped > 0

    def drop(self, events: bytes) -> int:
        """Count these whole events as missing; how many they are.

        From now on none is taken until half of the soft limit is free: one
        gap, and one event that tells of it, instead of many.
        """
        count = events.count(_END_OF_MESSAGE)
        if count:
            self._dropped += count
            self.closed_above = -1
        return count

    def _tell_dropped(self) -> None:
        told = event(b"ProxyEventsDropped", (b"Privilege", b"system,all"), (b"Count", b"%d" % self._dropped))
        self._dropped = 0
        self.closed_above = self._soft
        self.push(told)

    # -- ends --------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """All bytes in memory for this client, held ones too."""
        return self.size + self._held_size

    def discard(self) -> None:
        """Nothing of this will be sent any more."""
        self.ready = False
        self._backlog.size -= self.waiting
        self._chunks.clear()
        self._held = None
        self.size = self._held_size = 0

    def stalled(self, now: float, seconds: float) -> bool:
        """Whether the client has taken nothing for ``seconds``; to be asked at each tick."""
        if not self.size:
            self.stuck_since = None
            return False
        if self.stuck_since is None:
            self.stuck_since = now
        return now - self.stuck_since > seconds


def _rest(data: bytes | memoryview, taken: int) -> bytes | memoryview:
    """What is left behind the first ``taken`` bytes, without a copy, unless that is little.

    The end of a large piece does not keep all of it in memory.
    """
    if not taken:
        return data
    rest = memoryview(data)[taken:]
    return rest if len(rest) > RECORD else bytes(rest)
