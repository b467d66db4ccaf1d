"""Tickets: names of web sessions that are good once, for clients that cannot send a cookie."""

import secrets
from typing import Final, NamedTuple

from amiproxy.core.clients.web.websession import WebSession
from amiproxy.core.context import Context

_TICKET_SECONDS: Final = 30.0
#: Most tickets of one session that were not used; past that, the oldest is void.
_MOST: Final = 16


def new_key() -> bytes:
    """128 random bits, as 32 lower-case hexadecimal digits."""
    return secrets.token_hex(16).encode()


class _Ticket(NamedTuple):
    session: WebSession
    #: Monotonic seconds.
    until: float


class Tickets:
    """The tickets that were not used yet."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        #: The oldest first.
        self._tickets: dict[bytes, _Ticket] = {}

    def __len__(self) -> int:
        return len(self._tickets)

    def make(self, session: WebSession) -> bytes:
        """A ticket for this session."""
        mine = [key for key, one in self._tickets.items() if one.session is session]
        if len(mine) >= _MOST:
            del self._tickets[mine[0]]
        ticket = new_key()
        self._tickets[ticket] = _Ticket(session, self._ctx.scheduler.now() + _TICKET_SECONDS)
        return ticket

    def take(self, ticket: bytes) -> WebSession | None:
        """The session of this ticket, which is void then; None if it was used, is too old or unknown."""
        found = self._tickets.pop(ticket, None)
        return found.session if found is not None and self._ctx.scheduler.now() <= found.until else None

    def tick(self) -> None:
        """Forget what is too old; to be called about once a second."""
        now = self._ctx.scheduler.now()
        for key, ticket in list(self._tickets.items()):
            if now > ticket.until or ticket.session.is_over:
                del self._tickets[key]
