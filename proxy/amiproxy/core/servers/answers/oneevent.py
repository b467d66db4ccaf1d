"""OneEventAnswer: a response, and one event after it."""

# mypyc: compiled

from amiproxy.ami.answers import succeeded
from amiproxy.ami.relay import event_list_of
from amiproxy.core.servers.answers.base import COMPLETE, PENDING, UNANSWERED, UNENDED, Outcome
from amiproxy.core.servers.answers.response import ResponseAnswer
from amiproxy.core.servers.deadlines import Deadlines


class OneEventAnswer(ResponseAnswer):
    """One event after the response."""

    __slots__ = ()

    def respond(self, raw: bytes, _now: float, _deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        self.pass_on(raw)
        if self.follows or not succeeded(raw):
            return COMPLETE
        if event_list_of(raw) == b"start":
            return UNENDED
        self.follows = True
        return PENDING

    def event(self, raw: bytes, name: bytes, now: float, deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        if self.follows:
            return self.item(raw, True, now, deadlines)
        return super().event(raw, name, now, deadlines)

    def stray(self, raw: bytes, now: float, deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        return self.item(raw, True, now, deadlines) if self.follows else self.unheralded(raw)

    def unheralded(self, raw: bytes) -> Outcome:
        """Take the event instead of the response."""
        self.pass_on(raw)
        return COMPLETE

    def overtaken(self) -> Outcome:
        """See PendingAnswer.  After a response the answer counts as complete, even without its event."""
        return COMPLETE if self.follows else UNANSWERED
