"""Requester: the recipient of an answer, as the exchange sees it."""

# mypyc: compiled

from typing import Protocol

from amiproxy.core.ports import OnBehalf


class Requester(Protocol):
    """The recipient of an answer: a session, or a part of the proxy that collects an event list.

    After some calls of ``reply``, exactly one of ``finished`` and ``failed`` is called.
    """

    @property
    def payer(self) -> str:
        """Name of the user to whom Asterisk's time for the action is charged."""

    @property
    def on_behalf(self) -> OnBehalf | None:
        """The client for whom the action is sent; None if the proxy sends it for itself or for several.

        Only read if the link asks for it.
        """

    def sent_as(self, request: str) -> None:
        """The action is sent to an agent, as the request with this id; other links do not call this."""

    def reply(self, data: bytes) -> None:
        """Take a message of the answer, whole, and with the requester's own ActionID."""

    def late(self, data: bytes) -> None:
        """Take a message of an answer that continued after ``finished``."""

    def finished(self) -> None:
        """The answer is complete; the next action may be sent."""

    def failed(self, data: bytes, reason: bytes) -> None:
        """The answer will not be complete, and nothing more of it comes; the next action may be sent.

        ``data`` is a message of the proxy's own that says so to a client; b"" if a client has had a response
        and is sent nothing more.  ``reason`` is a text of ``failures``, or why the action cannot be sent.
        """

    def release_events(self) -> None:
        """Hold events back for this answer no longer: it may take long, and may never come.

        What comes of it after that is sent behind the events before it.  See ``Asker.hold_events``.
        """

    def limit_reached(self, limit: str, **fields: object) -> None:
        """The answer exceeds this limit, named as in the configuration."""


class Undelivered(Protocol):
    """The part of a shared answer that one client has not been given yet."""

    @property
    def size(self) -> int:
        """Its bytes, as far as Asterisk has sent them."""

    def go_on(self) -> None:
        """The client takes bytes again."""


class Asker(Requester, Protocol):
    """A requester that may share an answer with others: a session.  Hashed and compared by identity."""

    def hold_events(self) -> None:
        """Hold events back until the answer is complete, or ``release_events`` is called."""

    def share(self, rest: Undelivered) -> None:
        """An answer that it shares begins, of which ``rest`` is to come."""

    def unshare(self, rest: Undelivered) -> None:
        """The client was given all of ``rest``, or is given no more of it."""

    def takes_more(self) -> bool:
        """Send what was replied; returns whether the client takes more now."""

    def more_waits(self) -> None:
        """A ``rest`` has grown while the client took no more."""
