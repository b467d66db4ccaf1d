"""Turns: the sockets of clients, of which one turn of the loop does a little.

A loop calls back for every socket that is ready before it looks at its timers
and at Asterisk again.  When a thousand clients come back, or go, at one moment,
that is a hundred milliseconds of handshakes in one piece, and the events of all
others wait for the last of them.  So client sockets are in a poll of their own,
which the loop watches as if it were one socket.  Those that are ready wait for
the turn of their user (``core/shares.py``), however many sockets one has.
"""

import asyncio
import select
from collections.abc import Callable
from typing import Final, Protocol

from proxy.core.shares import Share, Shares

#: Sockets that the kernel is asked for at once.
_AT_ONCE: Final = 512
_NOT_OUT: Final = ~select.EPOLLOUT
_NOT_IN: Final = ~select.EPOLLIN


class Watcher(Protocol):
    """Says that a socket is ready: this module's ``Turns``, or a loop."""

    def add_reader(self, fd: int, callback: Callable[[], None], /) -> None:
        """Call back while there is something to read, or an end; instead of what was called before."""

    def remove_reader(self, fd: int, /) -> object:
        """No more."""

    def add_writer(self, fd: int, callback: Callable[[], None], /) -> None:
        """Call back while there is room to write, or an end; instead of what was called before."""

    def remove_writer(self, fd: int, /) -> object:
        """No more."""


class _Watched:
    """One socket; called in its turn.

    The poll tells once that it is ready, and again only when it is asked again, behind
    the turn: else those that wait for theirs would be told of in every round of the loop.
    """

    __slots__ = ("_fd", "_poll", "asked", "is_told", "reader", "ready", "share", "writer")

    def __init__(self, poll: select.epoll, fd: int, share: Share) -> None:
        self._poll = poll
        self._fd = fd
        self.share = share
        self.reader: Callable[[], None] | None = None
        self.writer: Callable[[], None] | None = None
        #: What the poll is asked.
        self.asked = 0
        #: What the poll has told; while ``is_told`` it tells no more.
        self.ready = 0
        self.is_told = False

    def ask(self, what: int) -> None:
        """Ask the poll for this and for nothing else; 0: for nothing."""
        before, self.asked = self.asked, what
        if not what:
            # An end is told of in any case.
            self._poll.unregister(self._fd)
        elif not before:
            self._poll.register(self._fd, what | select.EPOLLONESHOT)
        elif not self.is_told:
            self._poll.modify(self._fd, what | select.EPOLLONESHOT)

    def __call__(self) -> None:
        what, reader = self.ready, self.reader
        try:
            # Either may be gone by now.  An end is for both.
            if what & _NOT_OUT and reader is not None:
                reader()
            if what != select.EPOLLIN and what & _NOT_IN and self.writer is not None:
                self.writer()
        finally:
            self.is_told = False
            if self.asked:
                self._poll.modify(self._fd, self.asked | select.EPOLLONESHOT)


class Turns:
    """A Watcher that serves by shares.  A descriptor is to be removed before it is closed.

    A callback may be called for nothing.
    """

    def __init__(self, shares: Shares) -> None:
        self.shares = shares
        self._poll = select.epoll()
        self._sockets: dict[int, _Watched] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def over(self) -> bool:
        """Whether this turn's time is used up: a callback that could do more leaves it to the next."""
        return self.shares.over

    @property
    def watched(self) -> bool:
        """Whether a loop has it among its sockets: as long as there is one to watch."""
        return self._loop is not None

    def add_reader(self, fd: int, callback: Callable[[], None], share: Share | None = None, /) -> None:
        """See Watcher.  ``share``: whose time it takes; without one, nobody's in particular."""
        found = self._socket(fd, share)
        found.reader = callback
        self._ask(fd, found, found.asked | select.EPOLLIN)

    def remove_reader(self, fd: int, /) -> None:
        """See Watcher."""
        found = self._sockets.get(fd)
        if found is not None:
            found.reader = None
            self._ask(fd, found, found.asked & ~select.EPOLLIN)

    def add_writer(self, fd: int, callback: Callable[[], None], share: Share | None = None, /) -> None:
        """See Watcher, and ``add_reader``."""
        found = self._socket(fd, share)
        found.writer = callback
        self._ask(fd, found, found.asked | select.EPOLLOUT)

    def remove_writer(self, fd: int, /) -> None:
        """See Watcher."""
        found = self._sockets.get(fd)
        if found is not None:
            found.writer = None
            self._ask(fd, found, found.asked & ~select.EPOLLOUT)

    def charge(self, fd: int, share: Share) -> None:
        """The time that this descriptor takes, if it is watched, is this share's from now on."""
        found = self._sockets.get(fd)
        if found is not None:
            found.share = share

    def _socket(self, fd: int, share: Share | None) -> _Watched:
        found = self._sockets.get(fd)
        if found is None:
            found = self._sockets[fd] = _Watched(self._poll, fd, share or self.shares.unknown)
        return found

    def _ask(self, fd: int, found: _Watched, what: int) -> None:
        if found.asked == what:
            return
        found.ask(what)
        if not what:
            del self._sockets[fd]
        if self._loop is None and self._sockets:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._poll.fileno(), self._turn)
        elif self._loop is not None and not self._sockets:
            self._loop.remove_reader(self._poll.fileno())
            self._loop = None

    def _turn(self) -> None:
        shares, sockets = self.shares, self._sockets
        told = self._poll.poll(0, _AT_ONCE)
        if len(told) == 1 and not shares.busy:
            fd, what = told[0]
            found = sockets[fd]
            found.ready = what
            found.is_told = True
            shares.serve(found.share, found)
            return
        for fd, what in told:
            found = sockets[fd]
            found.ready = what
            found.is_told = True
            shares.add(found.share, found)
        if not shares.is_due:
            shares.run()
