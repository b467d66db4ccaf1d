"""RowsAnswer: anything, with or without ActionID, from an action that is alone on the link."""

# mypyc: compiled

from amiproxy.core.servers.answers.base import PENDING, Outcome, PendingAnswer
from amiproxy.core.servers.deadlines import Deadlines


class RowsAnswer(PendingAnswer):
    """Every message that is not a broadcast event, until the Pong of the Ping that was sent after it."""

    __slots__ = ()

    def respond(self, raw: bytes, _now: float, _deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        self.items += 1
        self.pass_on(raw)
        return PENDING

    def event(self, raw: bytes, _name: bytes, now: float, deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        return self.respond(raw, now, deadlines)

    def stray(self, raw: bytes, now: float, deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        return self.respond(raw, now, deadlines)

    def overtaken(self) -> Outcome:
        """See PendingAnswer.  It may have no response, so only its own Pong ends it."""
        return PENDING

    def finished(self) -> None:
        """See PendingAnswer."""
        if self.items:
            super().finished()
        else:
            self.unanswered()
