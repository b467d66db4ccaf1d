"""Listener: one listening socket and the handshakes on it.

Accepts a bounded number of connections per turn of the loop, so that a burst of
connects does not delay events.  Unauthenticated connections share one pool.  When it
is full, one from the network that has most of the pool is closed (``core.newcomers``),
so that legitimate clients can connect, whatever their round-trip time is.
"""

import asyncio
import contextlib
import errno
import resource
import select
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import Final

from amiproxy import log
from amiproxy.core.admission.networks import NetworkSet
from amiproxy.core.admission.newcomers import HELLO, SILENT, STAGES
from amiproxy.core.clients.session import Session
from amiproxy.core.fanout.hub import Hub
from amiproxy.core.model.addresses import canonical
from amiproxy.core.model.limits import Limits
from amiproxy.core.ports import Peer
from amiproxy.net.doors.client import OVERLONG_HANDSHAKE, RESET, Client, Objection
from amiproxy.net.doors.proxyhandshake import ProxyProtocolHandshake
from amiproxy.net.loop.fairpoller import FairPoller
from amiproxy.net.tls.autoretry import DisableAutoRetry

BACKLOG = 4096
#: Seconds for which the kernel holds back a connection until its first byte arrives.  A silent connection
#: costs the kernel a hundredth of what it costs us.  With a longer time, fewer silent connections per second
#: would fill the kernel's queue.
_DEFER: Final = 1
#: Maximum number of connections accepted in one turn; fewer if the turn's time is used up.
_ACCEPTS_PER_TURN = 16
#: Seconds of pause when the process is out of file descriptors or the system is out of memory.
_EXHAUSTED_PAUSE = 0.2
#: Unauthenticated connections that are closed then, so that users, the link and a reload find a descriptor.
_SHED = 16
#: Descriptors that connections leave free, for the same purpose.
_RESERVE = 16
#: Minimum seconds between two log lines about the pause.
_EXHAUSTED_TOLD = 10.0
#: Seconds between two checks of client certificates: they may have expired.
_JUDGE_INTERVAL = 60.0
#: Certificates checked per turn of the loop: each check verifies signatures, for up to a millisecond.
_JUDGED_PER_TURN = 4
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
#: Seconds for which a pending connection may go unaccepted before the listener counts as stuck.
_STUCK_AFTER = 10.0
_NOBODY = NetworkSet(())
#: Remedies for clients that are too old for our TLS policy, by OpenSSL's error reason.
_TOO_OLD: Final = "update the client's TLS library, or run ami-proxy connect on its machine"
_REMEDIES: Final = {"no shared cipher": _TOO_OLD, "unsupported protocol": _TOO_OLD}

#: An accepted connection, before or after its real client address is known.
Entrant = Client | ProxyProtocolHandshake


class ConnectionPool:
    """The connections of all listeners: admission, handshakes, timeouts and certificate checks."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        # Both in the order of their accept.
        self._clients: dict[Entrant, None] = {}
        self._handshaking: dict[Entrant, None] = {}
        #: Clients whose certificate is due for another check.
        self._doubtful: deque[Client] = deque()
        self._judge_at = 0.0
        #: Connections that had not logged in at the last ``tick``; some may have since.
        self._unproven: dict[Entrant, None] = {}
        self.disable_auto_retry = DisableAutoRetry()
        #: Polls all client and listening sockets, and schedules them by fair share.
        self.poller = FairPoller(hub.shares)
        #: Connections must not use this descriptor number or higher.  The system assigns the lowest free one.
        self.reserved = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _RESERVE
        self.handshake_failures: dict[str, int] = {}
        #: Completed handshakes by TLS version.
        self.handshakes: dict[str, int] = {}

    @property
    def open(self) -> int:
        """Number of open connections."""
        return len(self._clients)

    @property
    def handshaking(self) -> int:
        """Number of connections whose handshake is not complete."""
        return len(self._handshaking)

    @property
    def limits(self) -> Limits:
        """The limits in force now; a reload may change them."""
        return self._hub.limits

    def admits(self, address: str, now: float, *, introduces: bool = False) -> bool:
        """Whether another connection from this address is admitted; if so, a place is free for it.

        This may close unauthenticated connections to make room.  ``introduces``: the connection
        is from a trusted proxy, so its address is not a client's and per-address limits do not apply.
        """
        limit = "" if introduces else self._hub.bounds.admission.refusal(address, now)
        if not limit and self.open >= self.limits.connections:
            # Closed connections that linger are not in the pool, but must not shut out new clients.
            self.displace("displaced before login")
            if self.open >= self.limits.connections:
                limit = "connections"
        if limit:
            self._hub.bounds.hit(limit, address)
            return False
        newcomers, places = self._hub.bounds.newcomers, self.limits.unauthenticated
        while len(newcomers) >= places:  # more than one must go after a reload lowered the limit
            who = newcomers.victim(places)
            assert isinstance(who, Client | ProxyProtocolHandshake)
            stage = STAGES[newcomers.stage(who)]
            newcomers.judge(who)  # frees its place at once, however its connection ends
            self._hub.bounds.hit("unauthenticated", who.peer.address, stage=stage)
            who.displace("displaced before login")
        return True

    def displace(self, reason: str) -> None:
        """Close a connection to make room: one that is already ending, or else an unauthenticated one."""
        who = self._hub.bounds.newcomers.dispensable(self.limits.unauthenticated)
        if isinstance(who, Client | ProxyProtocolHandshake):
            who.displace(reason)

    def shed(self) -> None:
        """Close ``_SHED`` unauthenticated connections, because descriptors are running out."""
        for _ in range(_SHED):
            self.displace("out of descriptors")

    def entered(self, client: Entrant, stage: int) -> None:
        """Register a connection that was accepted or introduced, at this stage of ``core.newcomers``."""
        self._clients[client] = self._unproven[client] = self._handshaking[client] = None
        self._hub.bounds.newcomers.enter(client, client.peer.address, client.accepted, stage)
        if isinstance(client, Client):
            self._hub.bounds.admission.entered(client, client.peer.address)

    def greets(self, client: Client) -> None:
        """Note that the client has sent part of its handshake."""
        self._hub.bounds.newcomers.advance(client, HELLO)

    def established(self, client: Client) -> Session:
        """Create the session of a client whose handshake is complete."""
        del self._handshaking[client]
        version = client.peer.tls.partition("/")[0]
        self.handshakes[version] = self.handshakes.get(version, 0) + 1
        return self._hub.attach(client)

    def failed(self, client: Entrant, reason: str) -> None:
        """Count and log a handshake, or PROXY header, that failed."""
        self._handshaking.pop(client, None)
        if reason == OVERLONG_HANDSHAKE:
            self._hub.bounds.hit("handshake_bytes", client.peer.address)
        self.handshake_failures[reason] = self.handshake_failures.get(reason, 0) + 1
        peer, remedy = client.peer.address, _REMEDIES.get(reason)
        self._hub.bounds.rationed.say(log.INFO, "tls-failed", peer, reason=reason, remedy=remedy)

    def left(self, client: Entrant) -> None:
        """Unregister a closed connection."""
        del self._clients[client]
        self._hub.bounds.admission.left(client)
        self._hub.bounds.newcomers.leave(client)
        self._unproven.pop(client, None)
        self._handshaking.pop(client, None)

    def judge_certificates(self) -> None:
        """Check all client certificates again, and end the sessions whose certificate is refused now.

        Call this when CAs, revocation lists or their rules have changed.  Runs in slices in the loop.
        """
        idle = not self._doubtful
        self._doubtful = deque(
            client for client in self._clients if isinstance(client, Client) and client.has_certificate
        )
        if idle:
            self._judge_some()

    def _judge_some(self) -> None:
        for _ in range(min(_JUDGED_PER_TURN, len(self._doubtful))):
            self._doubtful.popleft().judge_certificate()
        if self._doubtful:
            asyncio.get_running_loop().call_soon(self._judge_some)

    def tick(self, now: float) -> None:
        """Call once a second: ends overdue handshakes and logins, and checks client certificates.

        Both timeouts count from the accept, or from the end of the PROXY header.
        """
        if now >= self._judge_at:
            self._judge_at = now + _JUDGE_INTERVAL
            self.judge_certificates()
        for client in list(self._handshaking):
            if now - client.accepted <= self.limits.handshake_timeout:
                break
            self._hub.bounds.hit("handshake_timeout", client.peer.address)
            client.displace("handshake timeout")
        for client in list(self._unproven):
            if now - client.accepted <= self.limits.login_timeout:
                break
            if client.is_authenticated:
                del self._unproven[client]
            else:
                self._hub.bounds.hit("login_timeout", client.peer.address)
                client.displace("login timeout")

    def close_all(self) -> None:
        """End every connection at once."""
        for client in list(self._clients):
            client.abort()


class Listener:
    """One listening socket.

    ``context`` is called at each accept, so a certificate reload needs no change here;
    ``objection`` checks client certificates.  Connections from ``trusted`` networks must
    begin with a PROXY header, and count as the client that it names; others never send
    one.  ``trusted`` may be replaced at any time.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        sock: socket.socket,
        context: Callable[[], ssl.SSLContext],
        objection: Objection = lambda _: None,
        trusted: NetworkSet = _NOBODY,
    ) -> None:
        self.trusted = trusted
        # Calls of _accept so far, and as of the last call of ``stuck``.
        self._turns = self._turns_seen = 0
        # When ``stuck`` last saw progress, or no pending connection.
        self._looked = 0.0
        self._pool = pool
        self._socket = sock
        self._context = context
        self._objection = objection
        self._loop: asyncio.AbstractEventLoop | None = None
        self._resume: asyncio.TimerHandle | None = None
        self._told_exhausted = float("-inf")

    @property
    def address(self) -> tuple[str, int]:
        """The address it listens on, with the port that the system chose for 0."""
        name = self._socket.getsockname()
        return name[0], name[1]

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

        The time is measured from one call of this method to the next.
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
                    _turn_away(sock)
                    self._pause("few descriptors are left")
                    return
            self._take(sock, address[0], address[1])
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
        if not self._pool.admits(address, loop.time(), introduces=introduces):
            _turn_away(sock)
            return
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _keep_alive(sock, self._pool.limits)
            local = sock.getsockname()
        except OSError:
            sock.close()  # it was reset already
            return
        peer = Peer.at(address, port, local[0], local[1])
        if not introduces:
            self._enter(loop, sock, peer)
            return

        def introduced(sock: socket.socket, peer: Peer) -> None:
            if self._pool.admits(peer.address, loop.time()):
                self._enter(loop, sock, peer)
            else:
                _turn_away(sock)

        handshake = ProxyProtocolHandshake(
            loop, self._pool.poller, sock, peer, introduced, self._pool.failed, self._pool.left
        )
        self._pool.entered(handshake, _stage_of(sock))
        handshake.start()

    def _enter(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, peer: Peer) -> None:
        try:
            sock.getpeername()  # raises for a reset connection, which wrap_socket would leave open
            tls = self._context().wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            self._pool.disable_auto_retry(tls)
        except OSError:
            sock.close()  # it was reset already
            return
        client = Client(
            loop,
            tls,
            peer,
            self._pool.established,
            self._pool.failed,
            self._pool.left,
            handshake_bytes=self._pool.limits.handshake_bytes,
            objection=self._objection,
            poller=self._pool.poller,
            begun=self._pool.greets,
        )
        self._pool.entered(client, _stage_of(tls))
        client.start()

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


def _turn_away(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def _stage_of(sock: socket.socket) -> int:
    """The stage of a client that was just accepted: HELLO if it has sent anything, SILENT if not."""
    try:
        return HELLO if socket.socket.recv(sock, 1, socket.MSG_PEEK) else SILENT
    except OSError:
        return SILENT


def _keep_alive(sock: socket.socket, limits: Limits) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, limits.keepalive_idle)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, limits.keepalive_interval)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, limits.keepalive_count)
    milliseconds = int(limits.unacknowledged_timeout * 1000)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


def await_first_byte(sock: socket.socket) -> None:
    """Have the kernel hold back connections until their first byte has arrived (TCP_DEFER_ACCEPT).

    TLS clients speak first, and so does a proxy with its PROXY header.  A connection that stays
    silent is still accepted after a second; one that is closed in good order, as by a health
    check that only connects, is accepted at once; one that is reset never reaches us.
    """
    with contextlib.suppress(OSError):  # a kernel without this option hands over connections at once
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _DEFER)


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket; ``::`` accepts IPv4 as well.  Raises OSError whose text names the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot listen on {host} port {port}: {error.strerror}") from error
    return sock
