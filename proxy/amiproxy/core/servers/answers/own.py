"""Answers to actions of the proxy's own: one response, or all messages until the end."""

# mypyc: compiled

from collections.abc import Callable
from typing import ClassVar, Final, Protocol

from amiproxy.ami.answers import UNKNOWN, response_of
from amiproxy.ami.message import Action
from amiproxy.ami.relay import event_list_of, event_name_of
from amiproxy.core.ports import OnBehalf
from amiproxy.core.servers.answers import failures
from amiproxy.core.servers.answers.base import CLOSED, COMPLETE, NOT_MINE, Outcome, PendingAnswer
from amiproxy.core.servers.deadlines import Deadlines

PING: Final = Action([(b"Action", b"Ping")])


class OwnAnswer(PendingAnswer):
    """One response to an action of the proxy's own; if it is given up, ``callback`` is not called."""

    is_certain: ClassVar[bool] = True

    __slots__ = ("_callback", "_response")

    def __init__(self, action: Action, callback: Callable[[bytes], None]) -> None:
        """``callback`` is called once with the response, or with b"" if it was lost."""
        super().__init__(None, action, UNKNOWN)
        self._callback = callback
        self._response = b""

    def respond(self, raw: bytes, _now: float, _deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        self._response = raw
        return COMPLETE

    def event(self, _raw: bytes, _name: bytes, _now: float, _deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        return NOT_MINE

    def stray(self, _raw: bytes, _now: float, _deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        return NOT_MINE

    def oversized(self) -> Outcome:
        """See PendingAnswer."""
        return CLOSED

    def overtaken(self) -> Outcome:
        """See PendingAnswer."""
        return COMPLETE

    def finished(self) -> None:
        """See PendingAnswer."""
        self._callback(self._response)


class Collector(Protocol):
    """A part of the proxy that wants all messages of an answer, such as the items of CoreShowChannels.

    Messages have no ActionID, and are made well-formed as for a client.  Exactly one of ``ended`` and
    ``failed`` is called, and nothing after it.
    """

    def response(self, raw: bytes) -> None:
        """Take a response, which may be an error."""

    def item(self, raw: bytes) -> None:
        """Take an item; the last event of a list, which has no content of its own, is not an item."""

    def ended(self) -> None:
        """The answer is complete."""

    def failed(self, reason: bytes) -> None:
        """The rest of the answer will not come; ``reason`` is a text of ``failures``."""


class Collecting:
    """The Requester of an answer that a Collector is given."""

    #: The proxy sends it for itself.
    on_behalf: ClassVar[OnBehalf | None] = None

    __slots__ = ("_cancelled", "_collector", "_complete", "payer")

    def __init__(self, collector: Collector, complete: bytes) -> None:
        """``complete``: name of the event that completes the list, b"" if not known."""
        self._collector = collector
        self._complete = complete
        self._cancelled = False
        #: No user is charged for it.
        self.payer = ""

    def sent_as(self, request: str) -> None:
        """See Requester.  What the proxy asks for itself is not audited."""

    def reply(self, data: bytes) -> None:
        """See Requester."""
        if self._is_end(data):
            self._cancelled = event_list_of(data) == b"cancelled"
        elif response_of(data):
            self._collector.response(data)
        else:
            self._collector.item(data)

    def _is_end(self, data: bytes) -> bool:
        if self._complete:
            return event_name_of(data) == self._complete
        return event_list_of(data) in {b"complete", b"cancelled"}

    def late(self, data: bytes) -> None:
        """See Requester.  The collector was notified of the end."""

    def finished(self) -> None:
        """See Requester."""
        if self._cancelled:
            self._collector.failed(failures.CANCELLED)
        else:
            self._collector.ended()

    def failed(self, _data: bytes, reason: bytes) -> None:
        """See Requester."""
        self._collector.failed(reason)

    def release_events(self) -> None:
        """See Requester.  It is sent no events."""

    def limit_reached(self, limit: str, **fields: object) -> None:
        """See Requester.  ``failed`` follows, with the reason."""
