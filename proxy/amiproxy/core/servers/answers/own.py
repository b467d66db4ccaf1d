"""Answers to the proxy's own questions: one response."""

# mypyc: compiled

from collections.abc import Callable
from typing import ClassVar, Final

from amiproxy.ami.answers import UNKNOWN
from amiproxy.ami.message import Action
from amiproxy.core.servers.answers.base import CLOSED, COMPLETE, NOT_MINE, Outcome, PendingAnswer
from amiproxy.core.servers.deadlines import Deadlines

PING: Final = Action([(b"Action", b"Ping")])


class OwnAnswer(PendingAnswer):
    """The one response to a question of the proxy's own; given up, it is not called for."""

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
