"""Board: a dashboard that follows one Asterisk through a WebSocket, as a page does."""

import asyncio
import json
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.asterisk.history.client import Picture
from tests.asterisk.websocket.proxy import SECRET, SocketProxy
from tests.support.waiting import until


class Board:
    """``seen`` has the position and the data of each event, in order; ``said`` the other messages."""

    def __init__(self, proxy: SocketProxy, user: str = "board", query: str = "") -> None:
        self._proxy = proxy
        self._user = user
        self._query = query
        self.picture = Picture()
        self.token = ""
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.said: list[dict[str, Any]] = []
        self.snapshots = self.resumed = 0
        #: The code with which the socket was closed, once it is; None if without a close frame.
        self.code: int | None = 0
        self._is_whole = True
        self._client: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Connect, and go on where it was."""
        last = f"{'&' if self._query else '?'}last={self.token}" if self.token else ""
        self._client = await connect(
            f"{self._proxy.url}{self._query}{last}",
            ssl=self._proxy.context,
            proxy=None,
            ping_interval=None,
            max_size=1 << 20,
        )
        before = self.snapshots + self.resumed
        self._reading = asyncio.get_running_loop().create_task(self._read(self._client))
        await self.say(type="login", username=self._user, secret=SECRET)
        await until(lambda: self.snapshots + self.resumed > before, lambda: self.said[-3:], 20)

    async def say(self, **message: Any) -> None:
        assert self._client is not None
        await self._client.send(json.dumps(message))

    async def _read(self, client: ClientConnection) -> None:
        try:
            async for text in client:
                self._take(json.loads(text))
        except ConnectionClosed as closed:
            self.code = closed.rcvd.code if closed.rcvd is not None else None
        else:
            self.code = client.close_code

    def _take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "event":
            data = message["data"]
            if "seq" in message:
                self.token = message["seq"]
                self.seen.append((message["seq"], data))
            if not data["Event"].startswith("Proxy"):
                self.picture.apply(data)
            return
        self.said.append(message)
        if kind == "snapshot":
            if self._is_whole:
                self.picture = Picture()
            self._is_whole = "more" not in message
            for items in message["data"].values():
                for item in items:
                    self.picture.apply(item)
            if self._is_whole:
                self.token = message["seq"]
                self.seen.clear()
                self.snapshots += 1
        elif kind == "resumed":
            self.resumed += 1
        elif kind == "heartbeat" and "seq" in message:
            self.token = message["seq"]

    async def cut(self) -> None:
        """Lose the connection, without a word, at whatever byte it is."""
        assert self._client is not None
        assert self._reading is not None
        self._client.transport.abort()
        await asyncio.wait([self._reading])

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
