"""Outbox: the bytes that wait for one client.

Nothing is kept while the client takes what it is given.  What the socket does
not take waits here, up to a hard limit; who is past it is a slow consumer, and
is closed rather than waited for.  An outbox can also *hold* what is pushed, for
the actions during which Asterisk itself delivers no events.
"""

from collections import deque

from proxy.core.ports import Transport


class Outbox:
    """Ordered bytes for one transport; ``size`` is what waits, ``sent`` what the socket took."""

    __slots__ = ("_chunks", "_held", "_held_size", "_transport", "limit", "sent", "size", "stuck_since")

    def __init__(self, transport: Transport, limit: int) -> None:
        self._transport = transport
        self._chunks: deque[bytes] = deque()
        self._held: list[bytes] | None = None
        self._held_size = 0
        self.limit = limit
        self.size = 0
        self.sent = 0
        #: True at a tick when nothing moved since the last one; see ``stalled``.
        self.stuck_since: float | None = None

    def push(self, data: bytes) -> bool:
        """Send, or queue behind what waits; False if the client is now past the limit."""
        if self._held is not None:
            self._held.append(data)
            self._held_size += len(data)
            # An asker that makes us hold more than its outbox may grow gets its events early instead.
            return self._held_size <= self.limit or self.release(b"")
        if self.size:
            self._chunks.append(data)
            self.size += len(data)
            return self.size <= self.limit
        taken = self._transport.send(data)
        self.sent += taken
        if taken < len(data):
            self._chunks.append(data[taken:])
            self.size = len(data) - taken
            return self.size <= self.limit
        return True

    def hold(self) -> None:
        """Keep back what is pushed from now on, until ``release``."""
        if self._held is None:
            self._held = []

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
        self._held_size = 0
        data = b"".join((head, *held, tail))
        return not data or self.push(data)

    def drain(self) -> None:
        """The transport can take bytes again: give it what waits."""
        chunks = self._chunks
        while chunks:
            # The same bytes first, as TLS demands after a write that was not taken; more may follow.
            data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            taken = self._transport.send(data)
            self.sent += taken
            self.size -= taken
            chunks.clear()
            if taken < len(data):
                chunks.append(data[taken:])
                if taken == 0:
                    return
            self.stuck_since = None

    def stalled(self, now: float, seconds: float) -> bool:
        """Whether the client has taken nothing for ``seconds``; to be asked at each tick."""
        if not self.size:
            self.stuck_since = None
            return False
        if self.stuck_since is None:
            self.stuck_since = now
        return now - self.stuck_since > seconds
