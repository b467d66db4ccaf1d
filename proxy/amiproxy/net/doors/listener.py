"""Listener: accepts the connections of one listening socket.

It accepts a bounded number of connections per turn of the loop, so that a burst of connects does not
delay events.  What is spoken on a connection is up to its ``ConnectionFactory``.
"""

import asyncio
import errno
import select
import socket
from typing import Final

from amiproxy import log
from amiproxy.core.admission.networks import NetworkSet
from amiproxy.core.admission.newcomers import HELLO, SILENT
from amiproxy.core.model.networks import canonical
from amiproxy.core.ports import Peer
from amiproxy.net.doors.connection import ConnectionFactory
from amiproxy.net.doors.pool import ConnectionPool
from amiproxy.net.doors.proxyhandshake import ProxyProtocolHandshake
from amiproxy.net.sockets import keep_alive, reset

#: Maximum number of connections accepted in one turn; fewer if the turn's time is used up.
_ACCEPTS_PER_TURN: Final = 16
#: Seconds of pause when the process is out of file descriptors or the system is out of memory.
_EXHAUSTED_PAUSE: Final = 0.2
#: Minimum seconds between two log lines about the pause.
_EXHAUSTED_TOLD: Final = 10.0
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
#: Seconds for which a pending connection may go unaccepted before the listener counts as stuck.
_STUCK_AFTER: Final = 10.0
_NOBODY: Final = NetworkSet(())
#: What clients of a Unix socket count as: they are on this machine.
_LOCAL: Final = "127.0.0.1"


class Listener:
    """One listening socket.

    ``accept`` makes the connection of each accepted socket.  Connections from ``trusted`` networks must
    begin with a PROXY header, and count as the client that it names; others never send one.  Addresses in
    ``relays`` stand for many clients, whom each request names, so no limit per address applies to their
    connections.  Both may be replaced at any time.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        sock: socket.socket,
        accept: ConnectionFactory,
        trusted: NetworkSet = _NOBODY,
        relays: NetworkSet = _NOBODY,
    ) -> None:
        self.trusted = trusted
        self.relays = relays
        # Calls of _accept so far, and as of the last call of ``stuck``.
        self._turns = self._turns_seen = 0
        # When ``stuck`` last saw progress, or no pending connection.
        self._looked = 0.0
        self._pool = pool
        self._socket = sock
        self._connection = accept
        self._loop: asyncio.AbstractEventLoop | None = None
        self._resume: asyncio.TimerHandle | None = None
        self._told_exhausted = float("-inf")
        self._is_unix = sock.family == socket.AF_UNIX

    @property
    def address(self) -> tuple[str, int]:
        """The address it listens on, with the port that the system chose for 0; or a path, and 0."""
        name = self._socket.getsockname()
        return (name, 0) if self._is_unix else (name[0], name[1])

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start to accept connections."""
        self._loop = loop
        self._pool.poller.add_reader(self._socket.fileno(), self._accept)

    def stop(self) -> None:
        """Stop accepting, and close the listening socket; open connections stay."""
        if self._loop is not None:
            if self._resume is not None:
                self._resume.cancel()
            self._pool.poller.remove_reader(self._socket.fileno())
            self._loop = None
        self._socket.close()

    def stuck(self, now: float) -> bool:
        """Whether a connection is pending and accept() has not run for ``_STUCK_AFTER`` seconds.

        The time is measured from one call of this method to the next.  ``now`` is loop time in seconds.
        """
        waiting = select.poll()
        if self._loop is not None:
            waiting.register(self._socket.fileno(), select.POLLIN)
        if not self._looked or self._turns != self._turns_seen or self._loop is None or not waiting.poll(0):
            self._turns_seen = self._turns
            self._looked = now
        return now - self._looked > _STUCK_AFTER

    def _accept(self) -> None:
        self._turns += 1
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                sock, address = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._pause(error.strerror or "")
                    return
                continue  # ECONNABORTED and similar: only this connection is gone
            if sock.fileno() >= self._pool.reserved:
                sock = self._lowered(sock)
                if sock.fileno() >= self._pool.reserved:
                    reset(sock)
                    self._pause("few descriptors are left")
                    return
            self._take(sock, *((_LOCAL, 0) if self._is_unix else address[:2]))
            if self._pool.poller.over:
                return

    def _lowered(self, sock: socket.socket) -> socket.socket:
        """The same connection with a lower descriptor, freed by closing unauthenticated connections."""
        self._pool.shed()
        try:
            lower = sock.dup()
        except OSError:
            return sock  # even the reserve is used up
        sock.close()
        return lower

    def _take(self, sock: socket.socket, address: str, port: int) -> None:
        assert self._loop is not None
        loop = self._loop
        address = canonical(address)
        introduces = address in self.trusted
        if not self._pool.admits(address, loop.time(), introduces=introduces or address in self.relays):
            reset(sock)
            return
        try:
            sock.setblocking(False)
            local = (_LOCAL, 0)
            if not self._is_unix:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                keep_alive(sock, self._pool.limits)
                local = sock.getsockname()
        except OSError:
            sock.close()  # it was reset already
            return
        peer = Peer.at(address, port, local[0], local[1])
        if not introduces:
            self._enter(sock, peer)
            return

        def introduced(sock: socket.socket, peer: Peer) -> None:
            if self._pool.admits(peer.address, loop.time(), introduces=peer.address in self.relays):
                self._enter(sock, peer)
            else:
                reset(sock)

        handshake = ProxyProtocolHandshake(
            loop, self._pool.poller, sock, peer, introduced, self._pool.failed, self._pool.left
        )
        self._pool.entered(handshake, _stage_of(sock), introduces=True)
        handshake.start()

    def _enter(self, sock: socket.socket, peer: Peer) -> None:
        stage = _stage_of(sock)
        try:
            connection = self._connection(sock, peer)
        except OSError:
            sock.close()  # it was reset already
            return
        self._pool.entered(connection, stage, introduces=peer.address in self.relays)
        connection.start()

    def _pause(self, reason: str) -> None:
        assert self._loop is not None
        loop = self._loop
        if loop.time() - self._told_exhausted > _EXHAUSTED_TOLD:
            self._told_exhausted = loop.time()
            log.say(log.ERROR, "accept-paused", reason=reason, seconds=_EXHAUSTED_PAUSE)
        self._pool.poller.remove_reader(self._socket.fileno())
        self._pool.shed()

        def again() -> None:
            self._resume = None
            self._pool.poller.add_reader(self._socket.fileno(), self._accept)

        self._resume = loop.call_later(_EXHAUSTED_PAUSE, again)


def _stage_of(sock: socket.socket) -> int:
    """The stage of a client that was just accepted: HELLO if it has sent anything, SILENT if not."""
    try:
        return HELLO if sock.recv(1, socket.MSG_PEEK) else SILENT
    except OSError:
        return SILENT
