"""Listeners with everything behind them except Asterisk, for clients that connect by TLS."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from amiproxy.core.admission.networks import NetworkSet
from amiproxy.core.hub import Hub
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.net.doors.ami import AmiConnection
from amiproxy.net.doors.binding import bind
from amiproxy.net.doors.connection import ConnectionFactory
from amiproxy.net.doors.listener import Listener
from amiproxy.net.doors.pool import ConnectionPool
from amiproxy.net.doors.tlsconnection import TlsAcceptor
from amiproxy.net.tls.clientcertificate import Objection
from tests.support.live_hub import live_hub
from tests.support.tls_peer import TlsPeer
from tests.support.waiting import DEADLINE


class House:
    """A hub on the running loop, its pool of connections, and listeners on ports of their own."""

    def __init__(self, context: ssl.SSLContext, limits: Limits, *users: User) -> None:
        self.context = context
        self.hub: Hub = live_hub(*users, limits=limits)
        self.pool = ConnectionPool(self.hub.limit_state, self.hub.ctx.shares)
        self.listeners: list[Listener] = []
        self.contexts_asked = 0
        self.objection: Objection = lambda _: None
        self.acceptor = TlsAcceptor(self.pool, self._context, self._object)
        self.accept: ConnectionFactory = partial(AmiConnection, self.hub.attach, self.acceptor)

    def listen(
        self,
        host: str = "127.0.0.1",
        *trusted: str,
        relays: Sequence[str] = (),
        sock: socket.socket | None = None,
    ) -> tuple[str, int]:
        """Listen there, or on ``sock``; ``trusted`` and ``relays`` are the networks of proxies in front."""
        sock = bind(host, 0) if sock is None else sock
        listener = Listener(self.pool, sock, self.accept, NetworkSet(trusted), NetworkSet(relays))
        listener.start(asyncio.get_running_loop())
        self.listeners.append(listener)
        return listener.address

    @property
    def address(self) -> tuple[str, int]:
        """The address of the first listener."""
        return self.listeners[0].address

    def _context(self) -> ssl.SSLContext:
        self.contexts_asked += 1
        return self.context

    def _object(self, chain: Sequence[bytes]) -> str | None:
        return self.objection(chain)

    def close(self) -> None:
        for listener in self.listeners:
            listener.stop()
        self.pool.close_all()


async def was_cut(peer: TlsPeer) -> bool:
    """Whether the connection is ended from the other side."""
    with suppress(ConnectionResetError):
        async with asyncio.timeout(DEADLINE):
            while await asyncio.get_running_loop().sock_recv(peer.socket, 65536):
                pass
    return True


async def was_refused(address: tuple[str, int], context: ssl.SSLContext) -> bool:
    """Whether a new connection is ended before TLS; that may be seen while it is made, or just after."""
    with suppress(ConnectionResetError):
        async with TlsPeer.to(address, context) as peer:
            return await was_cut(peer)
    return True
