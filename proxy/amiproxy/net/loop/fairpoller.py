"""FairPoller: polls client sockets, and serves a few of the ready ones per turn of the loop.

An event loop calls back for every ready socket before it serves its timers and the
link again.  If a thousand clients reconnect or disconnect at once, that is a hundred
milliseconds of handshakes in one piece, and all events wait for the last of them.  So
client sockets are in an epoll of their own, which the loop watches like a single
socket.  Ready sockets are scheduled by the fair share of their user
(``core/limits/shares.py``), however many sockets a user has.
"""

import asyncio
import select
from collections.abc import Callable
from typing import Final

from amiproxy.core.limits.shares import Shares
from amiproxy.core.model.share import Share

#: Maximum number of ready sockets per call of epoll_wait().
_AT_ONCE: Final = 512
_NOT_OUT: Final = ~select.EPOLLOUT
_NOT_IN: Final = ~select.EPOLLIN


class _Watched:
    """One socket; ``Shares`` calls it when it is scheduled.

    EPOLLONESHOT reports readiness once, and the socket is armed again after it was served:
    otherwise sockets that wait for their turn would be reported in every round of the loop.
    """

    __slots__ = ("_fd", "_poll", "asked", "is_reported", "reader", "ready", "share", "writer")

    def __init__(self, poll: select.epoll, fd: int, share: Share) -> None:
        self._poll = poll
        self._fd = fd
        self.share = share
        self.reader: Callable[[], None] | None = None
        self.writer: Callable[[], None] | None = None
        #: The requested epoll events.
        self.asked = 0
        #: The events that the poll has reported; it reports no more while ``is_reported``.
        self.ready = 0
        self.is_reported = False

    def ask(self, what: int) -> None:
        """Set the requested epoll events; 0 unregisters the socket."""
        before, self.asked = self.asked, what
        if not what:
            # Unregister it, because epoll reports EPOLLHUP even for an empty mask.
            self._poll.unregister(self._fd)
        elif not before:
            self._poll.register(self._fd, what | select.EPOLLONESHOT)
        elif not self.is_reported:
            self._poll.modify(self._fd, what | select.EPOLLONESHOT)

    def __call__(self) -> None:
        what, reader = self.ready, self.reader
        try:
            # Either callback may have been removed by now.  EPOLLHUP and EPOLLERR are for both.
            if what & _NOT_OUT and reader is not None:
                reader()
            if what != select.EPOLLIN and what & _NOT_IN and self.writer is not None:
                self.writer()
        finally:
            self.is_reported = False
            if self.asked:
                self._poll.modify(self._fd, self.asked | select.EPOLLONESHOT)


class FairPoller:
    """Calls back for ready sockets, in the order of their users' fair shares.

    Remove a descriptor before closing it.  Callbacks must tolerate spurious calls.  Descriptors are added and
    removed in the running loop.
    """

    def __init__(self, shares: Shares) -> None:
        self.shares = shares
        self._poll = select.epoll()
        self._sockets: dict[int, _Watched] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def over(self) -> bool:
        """Whether this turn's time is used up; a callback with more work then leaves it to a later turn."""
        return self.shares.over

    @property
    def watched(self) -> bool:
        """Whether a loop watches the poll, which it does while the poll has sockets."""
        return self._loop is not None

    def add_reader(self, fd: int, callback: Callable[[], None], share: Share | None = None, /) -> None:
        """Call back while the socket is readable or at its end; replaces an earlier callback.

        ``share`` is charged for the time; the default is the share of unknown sockets.
        """
        found = self._socket(fd, share)
        found.reader = callback
        self._ask(fd, found, found.asked | select.EPOLLIN)

    def remove_reader(self, fd: int, /) -> None:
        """Stop calling the reader; ignored if there is none."""
        found = self._sockets.get(fd)
        if found is not None:
            found.reader = None
            self._ask(fd, found, found.asked & ~select.EPOLLIN)

    def add_writer(self, fd: int, callback: Callable[[], None], share: Share | None = None, /) -> None:
        """Call back while the socket is writable or at its end; otherwise as ``add_reader``."""
        found = self._socket(fd, share)
        found.writer = callback
        self._ask(fd, found, found.asked | select.EPOLLOUT)

    def remove_writer(self, fd: int, /) -> None:
        """Stop calling the writer; ignored if there is none."""
        found = self._sockets.get(fd)
        if found is not None:
            found.writer = None
            self._ask(fd, found, found.asked & ~select.EPOLLOUT)

    def charge(self, fd: int, share: Share) -> None:
        """Charge the time of this descriptor, if it is watched, to this share from now on."""
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
        reported = self._poll.poll(0, _AT_ONCE)
        if len(reported) == 1 and not shares.busy:
            fd, what = reported[0]
            found = sockets[fd]
            found.ready = what
            found.is_reported = True
            shares.serve(found.share, found)
            return
        for fd, what in reported:
            found = sockets[fd]
            found.ready = what
            found.is_reported = True
            shares.add(found.share, found)
        if not shares.is_due:
            shares.run()
