"""ConnectionPool: the connections of all listeners, before and after their login.

Unauthenticated connections share a limited number of places.  When all are taken, one from the network
that has most of them is closed (``core.admission.newcomers``), so that legitimate clients can connect,
whatever their round-trip time is.
"""

import asyncio
import resource
from collections import deque
from typing import Final

from amiproxy import log
from amiproxy.core.admission.newcomers import GREETED, HELLO, SPOKE, STAGES
from amiproxy.core.limits.shares import Shares
from amiproxy.core.limitstate import Backlog, LimitState
from amiproxy.core.model.limits import Limits
from amiproxy.net.doors.connection import Connection
from amiproxy.net.doors.requestcounts import RequestCounts
from amiproxy.net.loop.fairpoller import FairPoller
from amiproxy.net.tls.autoretry import DisableAutoRetry
from amiproxy.net.tls.tlserrors import OVERLONG_HANDSHAKE

#: Why connections are displaced that have not logged in within ``limits.login_timeout``.
LOGIN_TIMEOUT: Final = "login timeout"
#: Unauthenticated connections that are closed when the process is out of file descriptors or the system is
#: out of memory, so that users, the link and a reload find a descriptor.
_SHED: Final = 16
#: Descriptors that connections leave free, for the same purpose.
_RESERVE: Final = 16
#: Seconds between two checks of client certificates: they may have expired.
_JUDGE_INTERVAL: Final = 60.0
#: Certificates checked per turn of the loop: each check verifies signatures, for up to a millisecond.
_JUDGED_PER_TURN: Final = 4
#: Remedies for clients that are too old for our TLS policy, by OpenSSL's error reason.
_TOO_OLD: Final = "update the client's TLS library, or run ami-proxy connect on its machine"
_REMEDIES: Final = {"no shared cipher": _TOO_OLD, "unsupported protocol": _TOO_OLD}


class ConnectionPool:
    """The connections of all listeners: admission, handshakes, timeouts and certificate checks."""

    def __init__(self, limit_state: LimitState, shares: Shares) -> None:
        self._limit_state = limit_state
        # Both in the order of their accept.
        self._clients: dict[Connection, None] = {}
        self._handshaking: dict[Connection, None] = {}
        #: Clients whose certificate is due for another check.
        self._doubtful: deque[Connection] = deque()
        self._judge_at = 0.0
        #: Connections that had not logged in at the last ``tick``; some may have since.
        self._unproven: dict[Connection, None] = {}
        #: Connections whose secret is being compared, or whose refusal is delayed, the oldest first.
        self._judged: dict[Connection, None] = {}
        self.disable_auto_retry = DisableAutoRetry()
        #: Polls all client and listening sockets, and schedules them by fair share.
        self.poller = FairPoller(shares)
        #: Connections must not use this descriptor number or higher.  The system assigns the lowest free one.
        self.reserved = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _RESERVE
        self.handshake_failures: dict[str, int] = {}
        #: Of the connections that speak HTTP.
        self.requests = RequestCounts()
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
        return self._limit_state.limits

    @property
    def backlog(self) -> Backlog:
        """The bytes that wait for all clients together."""
        return self._limit_state.backlog

    def limit_reached(self, limit: str, address: str) -> None:
        """Report that a client at this address reached a limit."""
        self._limit_state.limit_reached(limit, address)

    def admits(self, address: str, now: float, *, introduces: bool = False) -> bool:
        """Whether another connection from this address is admitted; if so, a place is free for it.

        This may close unauthenticated connections to make room.  ``address`` is canonical, ``now`` in
        monotonic seconds. ``introduces``: the connection is from a trusted proxy, so its address is not a
        client's and per-address limits do not apply.
        """
        limit = "" if introduces else self._limit_state.admission.refusal(address, now)
        if not limit and self.open >= self.limits.connections:
            # Closed connections that linger are not in the pool, but must not shut out new clients.
            self.displace("displaced before login")
            if self.open >= self.limits.connections:
                limit = "connections"
        if limit:
            self._limit_state.limit_reached(limit, address)
            return False
        newcomers, places = self._limit_state.newcomers, self.limits.unauthenticated
        while len(newcomers) >= places:  # more than one must go after a reload lowered the limit
            who = newcomers.victim(places)
            assert isinstance(who, Connection)
            stage = STAGES[newcomers.stage(who)]
            newcomers.judge(who)  # frees its place at once, however its connection ends
            self._limit_state.limit_reached("unauthenticated", who.peer.address, stage=stage)
            who.displace("displaced before login")
        return True

    def displace(self, reason: str) -> None:
        """Close a connection to make room: one that is already ending, or else an unauthenticated one."""
        who = self._limit_state.newcomers.dispensable(self.limits.unauthenticated)
        if isinstance(who, Connection):
            who.displace(reason)

    def shed(self) -> None:
        """Close ``_SHED`` unauthenticated connections, because descriptors are running out."""
        for _ in range(_SHED):
            self.displace("out of descriptors")

    def entered(self, client: Connection, stage: int, *, introduces: bool = False) -> None:
        """Register a connection at this stage of ``core.admission.newcomers``; see ``admits``.

        ``introduces``: its address stands for many clients, and per-address limits do not apply.
        """
        self._clients[client] = self._unproven[client] = self._handshaking[client] = None
        self._limit_state.newcomers.enter(client, client.peer.address, client.accepted, stage)
        if not introduces:
            self._limit_state.admission.entered(client, client.peer.address)

    def greets(self, client: Connection) -> None:
        """Note that the client has sent part of its handshake."""
        self._limit_state.newcomers.advance(client, HELLO)

    def established(self, client: Connection) -> None:
        """Count a connection whose handshake is complete."""
        del self._handshaking[client]
        version = client.peer.tls.partition("/")[0]
        if version:
            self.handshakes[version] = self.handshakes.get(version, 0) + 1

    def failed(self, client: Connection, reason: str) -> None:
        """Count and log a handshake, or PROXY header, that failed."""
        self._handshaking.pop(client, None)
        if reason == OVERLONG_HANDSHAKE:
            self._limit_state.limit_reached("handshake_bytes", client.peer.address)
        self.handshake_failures[reason] = self.handshake_failures.get(reason, 0) + 1
        peer, remedy = client.peer.address, _REMEDIES.get(reason)
        self._limit_state.rationed.say(log.INFO, "tls-failed", peer, reason=reason, remedy=remedy)

    # The hub itself notes these of an AMI session, whose transport is the connection.

    def greeted(self, client: Connection) -> None:
        """Note that the client may send requests."""
        self._limit_state.newcomers.advance(client, GREETED)

    def spoke(self, client: Connection) -> None:
        """Note that the client has sent a request."""
        self._limit_state.newcomers.advance(client, SPOKE)

    def judged(self, client: Connection) -> None:
        """Note that the client's secret is being compared: it gives up its place among the newcomers.

        As many may be compared, and as many refusals be delayed, as there are places; past that the oldest
        connection is closed, or wrong secrets could take all connections.
        """
        self._limit_state.newcomers.judge(client)
        self._judged[client] = None
        if len(self._judged) > 2 * self.limits.unauthenticated:
            oldest = next(iter(self._judged))
            del self._judged[oldest]
            self._limit_state.limit_reached("unauthenticated", oldest.peer.address, stage="judged")
            oldest.displace("displaced before login")

    def unproven(self, client: Connection) -> None:
        """Note that a client that was judged stays and has not logged in: it takes a place again."""
        now = asyncio.get_running_loop().time()
        self._judged.pop(client, None)
        self._limit_state.newcomers.enter(client, client.peer.address, now, SPOKE)

    def authenticated(self, client: Connection) -> None:
        """Note that the client has logged in."""
        self._judged.pop(client, None)
        self._limit_state.admission.authenticated(client)
        now = asyncio.get_running_loop().time()
        self._limit_state.newcomers.admit(client, client.peer.address, now)

    def departs(self, client: Connection) -> None:
        """Note that the connection ends, as soon as its client does its part."""
        self._limit_state.newcomers.depart(client)

    def left(self, client: Connection) -> None:
        """Unregister a closed connection."""
        del self._clients[client]
        self._judged.pop(client, None)
        self._limit_state.admission.left(client)
        self._limit_state.newcomers.leave(client)
        self._unproven.pop(client, None)
        self._handshaking.pop(client, None)

    def judge_certificates(self) -> None:
        """Check all client certificates again, and end the sessions whose certificate is refused now.

        Call this when CAs, revocation lists or their rules have changed.  Runs in slices in the loop.
        """
        idle = not self._doubtful
        self._doubtful = deque(client for client in self._clients if client.has_certificate)
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
            self._limit_state.limit_reached("handshake_timeout", client.peer.address)
            client.displace("handshake timeout")
        for client in list(self._unproven):
            if now - client.accepted <= self.limits.login_timeout:
                break
            if client.is_authenticated:
                del self._unproven[client]
            else:
                if not client.is_idle:
                    self._limit_state.limit_reached("login_timeout", client.peer.address)
                client.displace(LOGIN_TIMEOUT)

    def drain(self) -> None:
        """End each connection as soon as it has answered what was asked on it; see ``Connection.drain``."""
        for client in list(self._clients):
            client.drain()

    def close_all(self) -> None:
        """End every connection at once."""
        for client in list(self._clients):
            client.abort()
