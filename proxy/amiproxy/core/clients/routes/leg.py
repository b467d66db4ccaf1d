"""Leg: one server of a session that has several; the requester of the session's actions there.

A session has one leg for each of its servers.  What the session is sent over it has the server's name as its
last header.
"""

# mypyc: compiled

from typing import Final, Protocol

from amiproxy.ami import message
from amiproxy.ami.message import Action
from amiproxy.ami.relay import action_id_of
from amiproxy.ami.stamp import stamp_of, stamped_all
from amiproxy.core.clients.routes.merge import Part
from amiproxy.core.ports import OnBehalf
from amiproxy.core.servers.answers.failures import NOT_CONNECTED
from amiproxy.core.servers.requester import Asker, Undelivered
from amiproxy.core.servers.server import Server


def not_connected(server: bytes) -> bytes:
    """The Message of the error for an action that was not sent, because the link to this server is down."""
    return b"Server %b is not connected" % server


class LegOwner(Asker, Protocol):
    """The session, as its legs see it."""

    def on_behalf_at(self, server: Server) -> OnBehalf | None:
        """See ``Requester.on_behalf``; with the rights at this server."""

    def hold_events_of(self, stamp: bytes) -> None:
        """Hold back the events with this stamp, until ``let_events_go``."""

    def let_events_go(self, stamp: bytes) -> None:
        """Send the answers so far, and then the events that were held back."""


class Leg:
    """One server of one session: the ``Asker`` of its actions there."""

    __slots__ = ("_closed", "_holds", "_part", "name", "server", "session", "stamp")

    def __init__(self, session: LegOwner, server: Server) -> None:
        self.session = session
        self.server = server
        self.name: Final = server.name.encode()
        #: See ``stamp_of``.
        self.stamp: Final = stamp_of(self.name)
        #: The part of a merged list that the answer is; None if it goes to the session.
        self._part: Part | None = None
        #: Whether the server's events are held back.
        self._holds = False
        #: Why nothing more is sent to the server; b"" if it may be.
        self._closed = b""

    # -- actions -----------------------------------------------------------

    def submit(self, action: Action, part: Part | None = None) -> None:
        """Send an action over the link that is meant for it; see ``Exchange.submit``.

        Its answer is a part of a merged list, or goes to the session.
        """
        self._part = part
        if self._closed:
            self.failed(message.error(action.action_id, self._closed), self._closed)
            return
        server = self.server
        side = server.side_for(self.payer, action)
        if side is None:
            server.exchange.submit(self, action)
        else:
            side.submit(self, action)

    def submit_again(self, action: Action) -> None:
        """Send an action that was submitted and recalled; it may have been changed."""
        self.submit(action, self._part)

    def hold_events(self) -> None:
        """Hold back the server's events until it has answered, as it does itself while an action runs.

        Events of other servers are not held back: this one may take long.
        """
        if not self._holds:
            self._holds = True
            self.session.hold_events_of(self.stamp)

    def release_events(self) -> None:
        """See Requester."""
        if self._holds:
            self._let_events_go()
            # Where they cannot be told apart, those of all servers were held back.
            self.session.release_events()

    def leave(self) -> None:
        """Await nothing more from the server: its answer is dropped."""
        self._end()
        self.server.abandon(self)

    def close(self, text: bytes) -> None:
        """Answer everything that is open at the server with this error, and whatever is still sent to it.

        ``text`` is the Message of the error.
        """
        self._closed = text
        self.server.dismiss(self, text)

    # -- from the exchange; see Asker ---------------------------------------

    @property
    def payer(self) -> str:
        """See Requester."""
        return self.session.payer

    @property
    def on_behalf(self) -> OnBehalf | None:
        """See Requester."""
        return self.session.on_behalf_at(self.server)

    def sent_as(self, request: str) -> None:
        """See Requester."""
        self.session.sent_as(request)

    def reply(self, data: bytes) -> None:
        """See Requester."""
        part = self._part
        if part is None:
            self.session.reply(self.stamped(data))
        else:
            part.reply(data)

    def late(self, data: bytes) -> None:
        """See Requester."""
        self.session.late(self.stamped(data))

    def finished(self) -> None:
        """See Requester."""
        part = self._end()
        if part is None:
            self.session.finished()
        else:
            part.finished()

    def failed(self, data: bytes, reason: bytes) -> None:
        """See Requester."""
        if reason == NOT_CONNECTED:
            data = message.error(action_id_of(data), not_connected(self.name))
        if data and self._part is None:
            self.session.reply(self.stamped(data))
        part = self._end()
        if part is None:
            self.session.failed(b"", reason)
        else:
            part.failed(data, reason)

    def limit_reached(self, limit: str, **fields: object) -> None:
        """See Requester."""
        self.session.limit_reached(limit, server=self.server.name, **fields)

    def share(self, rest: Undelivered) -> None:
        """See Asker."""
        self.session.share(rest)

    def unshare(self, rest: Undelivered) -> None:
        """See Asker."""
        self.session.unshare(rest)

    def takes_more(self) -> bool:
        """See Asker."""
        return self.session.takes_more()

    def more_waits(self) -> None:
        """See Asker."""
        self.session.more_waits()

    def stamped(self, data: bytes) -> bytes:
        """One or more whole messages with the server's name."""
        return stamped_all(data, self.stamp)

    def _end(self) -> Part | None:
        """The answer is over; returns the part that it was."""
        part = self._part
        self._part = None
        if self._holds:
            self._let_events_go()
        return part

    def _let_events_go(self) -> None:
        self._holds = False
        self.session.let_events_go(self.stamp)
