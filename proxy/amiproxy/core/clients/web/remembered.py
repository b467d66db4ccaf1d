"""Remembered: web sessions that clients find by credentials that they send with each request."""

from collections.abc import Hashable
from typing import Final

from amiproxy.core.clients.web.websession import WebSession
from amiproxy.core.context import Context

#: Seconds without a use after which a session ends: its client may never come back, and has no cookie.
SECONDS: Final = 60.0


class Remembered:
    """Sessions by their clients' credentials, in whatever form these can be kept."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._sessions: dict[Hashable, WebSession] = {}

    def find(self, credentials: Hashable) -> WebSession | None:
        """The session of a client that has sent these before; None if there is none."""
        return self._sessions.get(credentials)

    def keep(self, credentials: Hashable, session: WebSession) -> None:
        """The client with these credentials has this session."""
        self._sessions[credentials] = session

    def tick(self) -> None:
        """End sessions that are not used, and forget those that are over; call this about once a second."""
        now = self._ctx.scheduler.now()
        for credentials, session in list(self._sessions.items()):
            if not session.is_over and not session.is_busy and now - session.used > SECONDS:
                session.end("idle")
            if session.is_over:
                del self._sessions[credentials]
