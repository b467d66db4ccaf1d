"""Side server: common base of the control socket, the metrics endpoint and ``ami-proxy connect``.

Each connection is a visit, served by a task of its own.  ``core.admission.sidedoor`` decides
whether it gets a place, and which visit loses its place if all are taken.  A peer that
does not read its answer is waited for briefly, and not at all once it has lost its place.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Hashable

from amiproxy import log
from amiproxy.core.admission.sidedoor import SideDoor, Want
from amiproxy.net.admin.localsocket import credentials_of

#: Seconds within which a peer must read its last bytes.
_PATIENCE = 5.0


class Visit:
    """One connection and its place."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, door: "SideDoor[Visit]"
    ) -> None:
        self.reader = reader
        self.writer = writer
        self._door = door
        self._task = asyncio.current_task()
        self.is_displaced = False
        #: Its answer is complete, if not yet sent.
        self.has_answer = False

    def asks(self, want: Want) -> bool:
        """The peer requests something; returns whether it may be done now."""
        return self._door.ask(self, want)

    def is_answered(self) -> None:
        """The peer has made its last request, and is receiving the answer."""
        self.has_answer = True
        self._door.answered(self)

    def rests(self) -> None:
        """The peer has its answer, and may send another request."""
        self._door.rest(self)

    def displace(self) -> None:
        """Its place was given to another visit: end it."""
        self.is_displaced = True
        if self._task is not None:
            self._task.cancel()


class SideServer:
    """Serves on any number of listening sockets, which the caller must close.

    ``serve`` is called with each visit that gets a place.  ``refuse`` is called first: if it
    returns bytes, they are sent to the peer, which gets no place.  ``full`` is sent to a peer
    that gets no place because all are in use, and to one that loses its place before it has an
    answer.  ``is_full`` is called whenever all places were taken.  ``lost`` is the log event
    for a peer that disconnects before it has its answer.
    """

    def __init__(
        self,
        lost: str,
        serve: Callable[[Visit], Awaitable[None]],
        door: SideDoor[Visit],
        *,
        longest: int,
        full: bytes = b"",
        refuse: Callable[[asyncio.StreamWriter], bytes] = lambda _: b"",
        is_full: Callable[[], None] = lambda: None,
        patience: float = _PATIENCE,
    ) -> None:
        self._lost = lost
        self._serve = serve
        self._door = door
        self._longest = longest
        self._full = full
        self._refuse = refuse
        self._is_full = is_full
        self._patience = patience
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def visits(self) -> int:
        """Number of connections that have a place."""
        return len(self._door)

    async def start(self, sock: socket.socket) -> None:
        """Serve on this listening socket, TCP or Unix; may be called several times.

        The caller closes it after ``close``.
        """
        start = asyncio.start_unix_server if sock.family == socket.AF_UNIX else asyncio.start_server
        self._servers.append(await start(self._accepted, sock=sock, limit=self._longest))

    async def close(self) -> None:
        """Stop accepting, and end all connections."""
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        visit = Visit(reader, writer, self._door)
        try:
            await self._visited(visit)
        except (OSError, TimeoutError):
            log.say(log.DEBUG, self._lost)
        except asyncio.CancelledError:
            return  # by close() or displace(); no other code awaits this task
        finally:
            self._door.leave(visit)
            self._tasks.discard(task)
            # Has no effect if everything was sent; otherwise unsent bytes are discarded.
            writer.transport.abort()

    async def _visited(self, visit: Visit) -> None:
        writer = visit.writer
        last = self._refuse(writer)
        if not last and not self._admits(visit):
            last = self._full
        elif not last:
            try:
                await self._serve(visit)
            except asyncio.CancelledError:
                if not visit.is_displaced or visit.has_answer or writer.transport.get_write_buffer_size():
                    raise
                last = self._full
        visit.is_answered()
        if last:
            writer.write(last)
        writer.close()
        async with asyncio.timeout(self._patience):
            await writer.wait_closed()

    def _admits(self, visit: Visit) -> bool:
        """Give it a place, if need be that of another visit; returns whether it got one."""
        leaving = self._door.enter(visit, _group_of(visit.writer))
        if leaving is None:
            return True
        self._is_full()
        if leaving is not visit:
            leaving.displace()
        return leaving is not visit


def _group_of(writer: asyncio.StreamWriter) -> Hashable:
    """A key for the origin of a peer: its address, or its process on a Unix socket."""
    sock = writer.get_extra_info("socket")
    if sock.family == socket.AF_UNIX:
        return credentials_of(sock).pid
    with contextlib.suppress(OSError, IndexError, TypeError):
        return str(writer.get_extra_info("peername")[0])
    return None
