"""A WebSocket door with everything behind it except Asterisk, which a list plays; and its clients."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.hub import ONE_SERVER
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.core.servers.servers import Configured
from amiproxy.net.doors.http.connection import HttpConnection
from amiproxy.net.doors.http.websocket import door
from amiproxy.net.doors.pool import ConnectionPool
from amiproxy.net.doors.tlsconnection import TlsAcceptor
from amiproxy.net.loop.scheduler import LoopScheduler
from tests.support.core_doubles import Bench
from tests.support.http_peer import HttpHouse
from tests.support.tls_door import Contexts
from tests.support.waiting import DEADLINE

#: The rows of ListCommands that clients here need.
COMMANDS = b"".join(
    b"%b: It does something.  (Priv: system,reporting,call,all)\r\n" % name
    for name in (b"Ping", b"CoreStatus", b"CoreShowChannels", b"BridgeList", b"QueueStatus")
)


class SocketHouse(HttpHouse):
    """``bench`` has the hub, and plays Asterisk."""

    def __init__(
        self,
        both: Contexts,
        limits: Limits,
        *users: User,
        servers: Configured = ONE_SERVER,
        **settings: Any,
    ) -> None:
        super().__init__(both, limits, *users, **settings)
        clock: Any = LoopScheduler(asyncio.get_running_loop())
        self.bench = Bench(*users, limits=limits, servers=servers, clock=clock)
        self.hub = self.bench.hub
        self.pool = ConnectionPool(self.hub.limit_state, self.hub.ctx.shares)
        self.acceptor = TlsAcceptor(self.pool, self._context, self._object)
        self.accept = partial(HttpConnection, self.site, self.acceptor)
        self.entrance = Entrance(door="ws")
        door.routes(self.site, self.hub, self.entrance)

    def all_up(self) -> None:
        """Bring the links of all servers up."""
        for name in self.bench.upstreams:
            self.bench.link_up(COMMANDS, at=name)

    @asynccontextmanager
    async def socket(self, path: str = "/ws", *protocols: str, **more: Any) -> AsyncIterator["Socket"]:
        """A client whose handshake was accepted."""
        host, port = self.address
        async with connect(
            f"wss://{host}:{port}{path}",
            ssl=self.client,
            subprotocols=list(protocols) or None,
            ping_interval=None,
            proxy=None,
            open_timeout=DEADLINE,
            close_timeout=DEADLINE,
            **more,
        ) as client:
            yield Socket(client)


class Socket:
    """What a page sees: JSON messages, and the code with which the socket is closed."""

    def __init__(self, client: ClientConnection) -> None:
        self.client = client

    async def say(self, **message: Any) -> None:
        await self.client.send(json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        """The next message."""
        async with asyncio.timeout(DEADLINE):
            text = await self.client.recv()
        assert isinstance(text, str)
        found = json.loads(text)
        assert isinstance(found, dict)
        return found

    async def hear_type(self, kind: str) -> dict[str, Any]:
        """The next message of this type; those before it are skipped."""
        while True:
            found = await self.hear()
            if found["type"] == kind:
                return found

    async def code(self) -> int:
        """The code with which the server closes; messages before it are skipped."""
        while True:
            try:
                async with asyncio.timeout(DEADLINE):
                    await self.client.recv()
            except ConnectionClosed as error:
                closed = error.rcvd
                break
        assert closed is not None, "closed without a close frame"
        return closed.code


def basic(name: str = "wall", secret: str = "x") -> dict[str, Any]:
    """The argument of ``SocketHouse.socket`` that says who the client is."""
    pair = base64.b64encode(f"{name}:{secret}".encode()).decode()
    return {"additional_headers": {"Authorization": f"Basic {pair}"}}
