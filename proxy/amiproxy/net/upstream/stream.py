"""Stream: a connection to Asterisk that has logged in, as the core uses it.

It cuts what arrives into messages for its switchboard, and sends actions.  A slow client never delays it,
because Asterisk drops a manager connection that is not read.  Reading pauses only while the messages would
have to wait for the next flush anyway.

This is a part of its own because all events pass here: it is compiled, unlike the rest of a conversation.
"""

# mypyc: compiled

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from amiproxy.ami.framing import UpstreamFramer
from amiproxy.net.upstream.slices import PIECE, MessageSlices
from amiproxy.net.upstream.switchboard import Switchboard
from amiproxy.net.upstream.turns import Turns

#: Bytes per read when ``read_pending`` reads what arrived during a pause.
_READ_BYTES: Final = 1 << 16
#: Maximum number of such reads before the flush.
_READS_AT_ONCE: Final = 16


class Owner(Protocol):
    """The conversation that a stream is part of."""

    def put(self, data: bytes) -> None:
        """Write to the socket, encrypted if the connection is."""

    def recycle(self, reason: str) -> None:
        """See Upstream."""


class Stream:
    """See Upstream in core/ports.py.  For ``turns`` see ``Link``."""

    __slots__ = (
        "_clock",
        "_descriptor",
        "_due",
        "_framer",
        "_is_behind",
        "_listening",
        "_loop",
        "_outgoing",
        "_owner",
        "_paused",
        "_server",
        "_slices",
        "_transport",
        "_turns",
        "last_received",
        "last_sent",
        "received",
    )

    def __init__(
        self,
        server: Switchboard,
        owner: Owner,
        loop: asyncio.AbstractEventLoop,
        turns: Turns | None,
        received: Callable[[bytes], None],
        seconds: float,
    ) -> None:
        """``seconds`` is the length of one slice of a large read."""
        self._server = server
        self._owner = owner
        #: Takes bytes that were read from the socket; the owner replaces it.
        self.received = received
        self._loop = loop
        self._clock: Callable[[], float] = loop.time
        self._turns = turns
        self._framer = UpstreamFramer(
            server.limits.upstream_message_bytes, server.limits.upstream_unfinished_bytes
        )
        self._transport: asyncio.Transport | None = None
        self._descriptor = -1
        self._outgoing: list[bytes] = []
        #: Messages that were read but not yet handed over; meanwhile nothing more is read.
        self._slices = MessageSlices(server, time.perf_counter, self._cut_waiting, seconds)
        self._due = False
        #: The core has asked to pause reading.
        self._paused = False
        #: The last read before a flush was full, so that more waits than one such read takes: reading goes on
        #: although it is paused, or no more than that would be handled in each interval between two flushes.
        self._is_behind = False
        self._listening = True
        #: When the last complete message arrived: bytes of a message without end do not count.
        self.last_received = self.last_sent = loop.time()

    def through(self, transport: asyncio.Transport, descriptor: int) -> None:
        """The connection is made; ``descriptor`` is its socket's."""
        self._transport = transport
        self._descriptor = descriptor

    @property
    def is_inside(self) -> bool:
        """Whether the stream is in the middle of a message."""
        return self._framer.inside

    # -- from Asterisk -----------------------------------------------------

    def cut(self, data: bytes) -> list[bytes]:
        """The messages that ``data`` completes; those that are too long are left out."""
        framer = self._framer
        discarded = framer.discards
        messages = framer.feed(data)
        # The end of a skipped message counts as a sign of life: the Pong may have been part of it.
        if messages or framer.cut or (discarded and not framer.discards):
            self.last_received = self._clock()
        return messages

    def relay(self, data: bytes) -> None:
        """Hand over what was read."""
        if self._turns is None or (len(data) <= PIECE and not self._slices.waits):
            messages = self.cut(data)
            self.take(messages, self._framer.cut, self._framer.sound)
            return
        self._slices.add_uncut(data)
        if not self._due:
            self._hand_over()

    def _cut_waiting(self, data: bytes) -> None:
        messages = self.cut(data)
        self._slices.add(messages, self._framer.cut, self._framer.sound)

    def take(self, messages: Sequence[bytes], cut: Sequence[tuple[int, bytes]], sound: bool) -> None:
        """Hand over messages; for ``cut`` and ``sound`` see ``UpstreamFramer``."""
        if not cut and not self._slices.waits:
            # The usual case: few messages, and none waiting before them.
            taken = self._server.from_upstream(messages, sound) if messages else 0
            if taken < len(messages):
                self._slices.add(messages[taken:], (), sound)
                self._go_on()
            return
        self._slices.add(messages, cut, sound)
        if not self._due:
            self._hand_over()

    def _hand_over(self) -> None:
        self._due = False
        try:
            self._slices.run()
        finally:
            self._go_on()

    def _go_on(self) -> None:
        if self._slices.waits:
            self._due = True
            if self._turns is None:
                self._loop.call_soon(self._hand_over)
            else:
                self._turns.ask(self, self._hand_over)
        self._listen()

    def finish(self) -> None:
        """Hand over at once all that was read, at the end of the connection."""
        self._slices.finish()

    # -- when to read ------------------------------------------------------

    def pause_reading(self) -> None:
        """See Upstream.  The kernel buffers incoming data, at most until the next flush is due."""
        self._paused = True
        if self._listening:
            self._listen()

    def read_pending(self) -> None:
        """See Upstream."""
        for _ in range(_READS_AT_ONCE):
            if not self._paused or self._slices.waits:
                return
            # After its end, the number of the descriptor may be another connection's.
            if self._transport is None or self._transport.is_closing():
                return
            try:
                data = os.read(self._descriptor, _READ_BYTES)
            except BlockingIOError:
                self._is_behind = False
                break
            except OSError:
                data = b""
            if not data:
                self.resume_reading()  # end of the stream, or an error: the loop will find out
                return
            self._is_behind = len(data) == _READ_BYTES
            self.received(data)
            if not self._is_behind:
                break
        self._listen()

    def resume_reading(self) -> None:
        """See Upstream."""
        self._paused = False
        if not self._listening:
            self._listen()

    def _listen(self) -> None:
        """Resume or pause reading, as the state requires; paused, the kernel keeps incoming data in order."""
        listening = (not self._paused or self._is_behind) and not self._slices.waits
        if listening == self._listening or self._transport is None or self._transport.is_closing():
            return
        self._listening = listening
        if listening:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    # -- to Asterisk -------------------------------------------------------

    def send(self, data: bytes) -> None:
        """See Upstream.  Messages of one turn of the loop are written together."""
        if not self._outgoing:
            self._loop.call_soon(self._write)
            if self._turns is not None:
                self._turns.sent(self)
        self._outgoing.append(data)

    def _write(self) -> None:
        self.resume_reading()  # the response must not wait
        self.last_sent = self._clock()
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        if self._transport is not None and not self._transport.is_closing():
            self._owner.put(data)

    def recycle(self, reason: str) -> None:
        """See Upstream."""
        self._owner.recycle(reason)
