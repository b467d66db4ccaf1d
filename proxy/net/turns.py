"""Turns: the sockets of clients, of which one turn of the loop does a little.

A loop calls back for every socket that is ready before it looks at its timers
and at Asterisk again.  When a thousand clients come back, or go, at one moment,
that is a hundred milliseconds of handshakes in one piece, and the events of all
others wait for the last of them.  So client sockets are in a poll of their own,
which the loop watches as if it were one socket: a turn takes from it, one after
the other, what a short time allows, and the kernel keeps the rest, and the order.
"""

import asyncio
import select
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

#: Seconds for clients' sockets before the loop sees to its other business.  What has begun is finished.
_TURN: Final = 0.0005
#: Sockets that the kernel is asked for at once.
_AT_ONCE: Final = 8


class Watcher(Protocol):
    """Who says that a socket is ready: this module's ``Turns``, or a loop."""

    def add_reader(self, fd: int, callback: Callable[[], None], /) -> None:
        """Call back while there is something to read, or an end; instead of what was called before."""

    def remove_reader(self, fd: int, /) -> object:
        """No more."""

    def add_writer(self, fd: int, callback: Callable[[], None], /) -> None:
        """Call back while there is room to write, or an end; instead of what was called before."""

    def remove_writer(self, fd: int, /) -> object:
        """No more."""


class Turns:
    """A Watcher with a time for each turn.  A descriptor is to be removed before it is closed.

    Callbacks bear being called for nothing.
    """

    def __init__(self, seconds: float = _TURN) -> None:
        self._seconds = seconds
        self._poll = select.epoll()
        self._readers: dict[int, Callable[[], None]] = {}
        self._writers: dict[int, Callable[[], None]] = {}
        #: What the poll is asked, by descriptor.
        self._asked: dict[int, int] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._until = 0.0
        #: Told of, and not called yet.
        self._ready: deque[tuple[int, int]] = deque()

    @property
    def over(self) -> bool:
        """Whether this turn's time is used up: who could do more leaves it to the next."""
        return time.monotonic() >= self._until

    @property
    def watched(self) -> bool:
        """Whether a loop has it among its sockets: as long as there is one to watch."""
        return self._loop is not None

    def add_reader(self, fd: int, callback: Callable[[], None], /) -> None:
        """See Watcher."""
        self._readers[fd] = callback
        self._ask(fd, self._asked.get(fd, 0) | select.EPOLLIN)

    def remove_reader(self, fd: int, /) -> None:
        """See Watcher."""
        if self._readers.pop(fd, None) is not None:
            self._ask(fd, self._asked.get(fd, 0) & ~select.EPOLLIN)

    def add_writer(self, fd: int, callback: Callable[[], None], /) -> None:
        """See Watcher."""
        self._writers[fd] = callback
        self._ask(fd, self._asked.get(fd, 0) | select.EPOLLOUT)

    def remove_writer(self, fd: int, /) -> None:
        """See Watcher."""
        if self._writers.pop(fd, None) is not None:
            self._ask(fd, self._asked.get(fd, 0) & ~select.EPOLLOUT)

    def _ask(self, fd: int, what: int) -> None:
        before = self._asked.get(fd, 0)
        if before == what:
            return
        if not what:
            # Not asked for nothing: an end is told of in any case, and would be again and again.
            del self._asked[fd]
            self._poll.unregister(fd)
        elif not before:
            self._poll.register(fd, what)
            self._asked[fd] = what
        else:
            self._poll.modify(fd, what)
            self._asked[fd] = what
        if self._loop is None and self._asked:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._poll.fileno(), self._turn)
        elif self._loop is not None and not self._asked:
            self._loop.remove_reader(self._poll.fileno())
            self._loop = None

    def _look(self) -> bool:
        self._ready.extend(self._poll.poll(0, _AT_ONCE))
        return bool(self._ready)

    def _turn(self) -> None:
        self._until = time.monotonic() + self._seconds
        # The kernel puts who was told of last in its queue: who is left over comes first the next time.
        # By then it may have closed, and another have its descriptor, who is called for nothing.
        while self._ready or self._look():
            fd, what = self._ready.popleft()
            # An end is everybody's business.
            if what & ~select.EPOLLOUT and (callback := self._readers.get(fd)) is not None:
                callback()
            if what & ~select.EPOLLIN and (callback := self._writers.get(fd)) is not None:
                callback()
            if self.over:
                return
