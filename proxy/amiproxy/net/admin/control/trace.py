"""Trace: the messages that one user sends and receives, as a stream that drops rather than waits."""

import asyncio
import time
from collections.abc import AsyncIterator

from amiproxy.core.clients.session import Session
from amiproxy.core.hub import Hub

#: Maximum number of messages that wait for the reader; more are dropped and counted.
_ROOM = 1000


class Trace:
    """One reader's view of one user.  Use it in a ``with`` around ``messages``."""

    def __init__(self, hub: Hub, user: str) -> None:
        self._hub = hub
        self._user = user
        self._waiting: asyncio.Queue[dict[str, object]] = asyncio.Queue(_ROOM)
        self._missed = 0

    def __enter__(self) -> "Trace":
        user = self._hub.ctx.users.find(self._user.encode())
        sessions = self._hub.sessions_of(user) if user is not None else []
        tapped = [one for session in sessions for one in (session, *session.lanes)]
        self._hub.taps.watch(self._user, tapped, self)
        return self

    def __exit__(self, *_: object) -> None:
        self._hub.taps.unwatch(self._user, self)

    def saw(self, session: Session, sent: bool, message: bytes) -> None:
        """See ``core.clients.tap.Watcher``."""
        if self._waiting.full():
            self._missed += 1
            return
        self._waiting.put_nowait(
            {
                "at": time.time(),
                "session": session.id,
                "direction": "sent" if sent else "received",
                "message": message.decode("latin-1"),
                "missed": self._missed,
            }
        )
        self._missed = 0

    async def messages(self) -> AsyncIterator[dict[str, object]]:
        """Yield the messages, without end; ``missed`` is how many were dropped before each."""
        while True:
            yield await self._waiting.get()
