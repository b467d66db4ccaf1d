"""Outbox: the bytes that wait for one client.

While the client reads, everything goes straight to its socket and nothing is stored.
Bytes that the socket does not accept wait here, up to a hard limit; a session past it
is a slow consumer, and is closed rather than waited for.  Users can choose a soft limit
instead (``slow_consumer: drop_events``): past it, events are dropped, and one event says
how many are missing; responses are never dropped.  An outbox can also *hold* what is
pushed, for the actions during which Asterisk itself delivers no events: all of it, or
the events of one of several servers.  And it can *keep back* all events until the client
has been sent something that must come before them, while answers pass.

Waiting bytes stay in the pieces in which they were pushed, so that an event for
hundreds of clients is in memory only once.  Only small pieces are joined, just before
they are sent, and only up to the size of one TLS record.
"""

# mypyc: compiled

from collections import deque
from typing import Final

from amiproxy.ami.message import event
from amiproxy.core.limitstate import Backlog
from amiproxy.core.model.encoding import AMI, Encoding
from amiproxy.core.ports import Sender

#: A soft limit larger than any outbox: no event is dropped.
NEVER: Final = 1 << 62
_END_OF_MESSAGE: Final = b"\r\n\r\n"
#: Bytes in one TLS record; the transport accepts pieces up to this size whole or not at all.
RECORD: Final = 16384
#: Bytes that one ``drain`` gives to the transport before other clients are served.
_DRAIN: Final = 256 << 10


class Outbox:
    """Ordered bytes for one transport: ``size`` bytes wait, ``sent`` bytes were accepted by the socket.

    Before pushing an event, callers must compare ``size`` with ``closed_above``: if it is
    greater, they must call ``drop`` instead of ``push``.
    """

    __slots__ = (
        "_backlog",
        "_chunks",
        "_dropped",
        "_encoding",
        "_held",
        "_held_size",
        "_kept",
        "_kept_size",
        "_soft",
        "_stamped",
        "_stamped_size",
        "closed_above",
        "limit",
        "ready",
        "seen",
        "sender",
        "sent",
        "size",
        "stuck_since",
        "write",
    )

    def __init__(
        self, sender: Sender, limit: int, backlog: Backlog | None = None, encoding: Encoding = AMI
    ) -> None:
        self.through(sender)
        self._encoding = encoding
        #: Whether nothing waits and nothing is held.  Only then may callers bypass ``push`` and call
        #: ``write`` or ``sender`` directly; they must then pass what is not accepted to ``keep``.
        self.ready = True
        #: How many of its subscription's pending events the client has had.  Set by the subscription.
        self.seen = 0
        self._backlog = backlog if backlog is not None else Backlog()
        self._soft = NEVER
        self._dropped = 0
        #: The ``size`` above which this outbox accepts no events; -1 during a gap, so that it accepts none.
        self.closed_above = NEVER
        self._chunks: deque[bytes | memoryview] = deque()
        self._held: list[bytes] | None = None
        self._held_size = 0
        #: The events that ``hold_stamped`` holds back, by the last line of each; None if it holds none back.
        self._stamped: dict[bytes, list[bytes]] | None = None
        self._stamped_size = 0
        #: The events that ``keep_back`` keeps back; None if it keeps none back.
        self._kept: list[bytes] | None = None
        self._kept_size = 0
        self.limit = limit
        self.size = 0
        self.sent = 0
        #: Time of the first tick that found bytes waiting since the client last took any; see ``stalled``.
        self.stuck_since: float | None = None

    def through(self, sender: Sender) -> None:
        """Send everything through this sender from now on."""
        self.sender = sender
        #: The sender's ``write``, kept here to save a lookup on the hot path.
        self.write = sender.write

    def push(self, data: bytes) -> bool:
        """Send the data, or queue it behind the waiting bytes; False if the client is past the hard limit."""
        if self._kept is not None:
            self._keep(self._kept, data)
            return self._kept_size <= self.limit
        if self._held is not None:
            self._held.append(data)
            self._held_size += len(data)
            self._backlog.size += len(data)
            # If the held events exceed the outbox's limit, they are sent before the response instead.
            return self._held_size <= self.limit or self.release(b"")
        if self._stamped is not None:
            data = self.sift(data)
        return not data or self.answer(data)

    def answer(self, data: bytes) -> bool:
        """As ``push``, but not held back by ``hold``: for responses, which go ahead of held events."""
        if self.size:
            self._chunks.append(data)
            self.size += len(data)
            self._backlog.size += len(data)
            return self.size <= self.limit
        taken = self.sender.send(data)
        self.sent += taken
        return taken == len(data) or self.keep(data, taken)

    def keep(self, data: bytes, taken: int) -> bool:
        """Queue the part of ``data`` after the ``taken`` bytes that the transport accepted.

        To be called only while nothing waits.  False if the client is now past the hard limit.
        """
        self._chunks.append(_rest(data, taken))
        self.size = len(data) - taken
        self._backlog.size += self.size
        self.ready = False
        return self.size <= self.limit

    def hold(self) -> None:
        """Hold back what is pushed from now on, until ``release``."""
        if self._held is None:
            self._held = []
            self.ready = False

    @property
    def holding(self) -> bool:
        """Whether ``push`` would hold its data back now."""
        return self._held is not None

    @property
    def held(self) -> int:
        """Bytes held back by ``hold``."""
        return self._held_size

    def release(self, head: bytes, tail: bytes = b"") -> bool:
        """Push ``head``, the held bytes, then ``tail``; False if the client is now past the hard limit."""
        held = self._held or []
        self._held = None
        self._backlog.size -= self._held_size
        self._held_size = 0
        self.ready = self._is_empty
        parts = [part for part in (head, *held, tail) if part]
        size = sum(map(len, parts))
        if size <= RECORD:
            return not size or self.answer(b"".join(parts))
        waited = self.size
        self._chunks.extend(parts)
        self.size += size
        self._backlog.size += size
        if not waited:
            # ``writable`` is only called after the transport has refused bytes, so offer it everything.
            self._give(NEVER)
            self.ready = self._is_empty
        return self.size <= self.limit

    @property
    def _is_empty(self) -> bool:
        return not self.size and self._held is None and self._stamped is None and self._kept is None

    # -- the events of one server -------------------------------------------

    def hold_stamped(self, stamp: bytes) -> None:
        """Hold back the events that end with this stamp from now on, until ``release_stamped``.

        See ``stamp_of``.  All events that are pushed must be stamped, and in AMI's form.
        """
        if self._stamped is None:
            self._stamped = {}
        self._stamped.setdefault(stamp.removesuffix(_END_OF_MESSAGE), [])
        self.ready = False

    def sift(self, data: bytes) -> bytes:
        """Keep or hold back those of these events that ``keep_back`` or ``hold_stamped`` says.

        Returns the others, joined.
        """
        if self._kept is not None:
            self._keep(self._kept, data)
            return b""
        stamped = self._stamped
        if stamped is None:
            return data
        passed: list[bytes] = []
        for event_ in data.split(_END_OF_MESSAGE)[:-1]:
            held = stamped.get(event_[event_.rfind(b"\n") + 1 :])
            if held is None:
                passed.append(event_ + _END_OF_MESSAGE)
            else:
                held.append(event_ + _END_OF_MESSAGE)
                size = len(event_) + len(_END_OF_MESSAGE)
                self._stamped_size += size
                self._backlog.size += size
        if self._stamped_size > self.limit:
            passed += [event_ for held in stamped.values() for event_ in held]
            self._held_none()
        return b"".join(passed)

    def release_stamped(self, stamp: bytes) -> bool:
        """Push the events that ``hold_stamped`` has held back; False as for ``push``."""
        stamped = self._stamped
        if stamped is None:
            return True
        held = stamped.pop(stamp.removesuffix(_END_OF_MESSAGE), [])
        size = sum(map(len, held))
        self._stamped_size -= size
        self._backlog.size -= size
        if not stamped:
            self._held_none()
        return not held or self.push(b"".join(held))

    def _held_none(self) -> None:
        self._backlog.size -= self._stamped_size
        self._stamped_size = 0
        self._stamped = None
        self.ready = self._is_empty

    # -- all events, while answers pass --------------------------------------

    def keep_back(self) -> None:
        """Keep back all events that are pushed from now on, until ``let_go``; answers pass."""
        if self._kept is None:
            self._kept = []
            self.ready = False

    def _keep(self, kept: list[bytes], data: bytes) -> None:
        kept.append(data)
        self._kept_size += len(data)
        self._backlog.size += len(data)

    @property
    def kept(self) -> int:
        """Bytes kept back by ``keep_back``."""
        return self._kept_size

    def let_go(self) -> bytes:
        """End ``keep_back``; returns the events that were kept back, joined, for the caller to push."""
        kept = b"".join(self._kept or [])
        self._backlog.size -= self._kept_size
        self._kept_size = 0
        self._kept = None
        self.ready = self._is_empty
        return kept

    def drain(self) -> bool:
        """Send waiting bytes, now that the transport accepts bytes again; True if it could take more now."""
        refused = self._give(_DRAIN)
        self.ready = self._is_empty
        if self._dropped and self.size <= self._soft // 2:
            self._tell_dropped()
        return self.size > 0 and not refused

    def _give(self, most: int) -> bool:
        """Give about ``most`` of the waiting bytes to the transport; returns whether it refused some."""
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
        """The first waiting piece, joined with the next ones up to a TLS record if it is smaller.

        After a write that was not accepted, TLS requires the next write to begin with the same
        bytes; more may follow them.
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
        """Accept no events while more than ``soft`` bytes wait; NEVER: accept all.

        An event reports each gap at its end.
        """
        self._soft = soft
        if not self._dropped:
            self.closed_above = soft
        elif self.size <= soft // 2:
            self._tell_dropped()

    @property
    def in_gap(self) -> bool:
        """Whether events have been dropped that the client has not been told about yet."""
        return self._dropped > 0

    def drop(self, events: bytes) -> int:
        """Count these whole events as dropped; returns their number.

        After that no event is accepted until half of the soft limit is free, so that there is
        one gap and one event that reports it, instead of many.
        """
        count = self._encoding.count(events)
        if count:
            self._dropped += count
            self.closed_above = -1
        return count

    def _tell_dropped(self) -> None:
        told = event(b"ProxyEventsDropped", (b"Privilege", b"system,all"), (b"Count", b"%d" % self._dropped))
        self._dropped = 0
        self.closed_above = self._soft
        render = self._encoding.render
        self.push(told if render is None else render(told))

    # -- ends --------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """All bytes in memory for this client, including the held ones."""
        return self.size + self._held_size + self._stamped_size + self._kept_size

    def discard(self) -> None:
        """Drop everything: the session is over."""
        self.ready = False
        self._backlog.size -= self.waiting
        self._chunks.clear()
        self._held = self._stamped = self._kept = None
        self.size = self._held_size = self._stamped_size = self._kept_size = 0

    def stalled(self, now: float, seconds: float) -> bool:
        """Whether the client has taken nothing for ``seconds``; to be called at each tick.

        ``now`` is in monotonic seconds.
        """
        if not self.size:
            self.stuck_since = None
            return False
        if self.stuck_since is None:
            self.stuck_since = now
        return now - self.stuck_since > seconds


def _rest(data: bytes | memoryview, taken: int) -> bytes | memoryview:
    """The data after the first ``taken`` bytes: a view if it is long, a copy if it is short.

    The copy keeps a short rest from holding a large piece in memory.
    """
    if not taken:
        return data
    rest = memoryview(data)[taken:]
    return rest if len(rest) > RECORD else bytes(rest)
