"""UnendedAnswer: the rest of an answer whose end Asterisk does not mark."""

# mypyc: compiled

from amiproxy.core.servers.answers.base import COMPLETE, LISTING, Outcome, PendingAnswer
from amiproxy.core.servers.deadlines import Deadlines


class UnendedAnswer(PendingAnswer):
    """Every message with its relay id, until the Pong of a Ping that is sent when it begins."""

    __slots__ = ()

    def __init__(self, begun: PendingAnswer, now: float, deadlines: Deadlines) -> None:
        """Continue the answer ``begun``, whose first message has been passed on."""
        super().__init__(begun.requester, begun.action, begun.described)
        self.relay_id = begun.relay_id
        self.began = begun.began
        self.items = begun.items
        self.size = begun.size
        self.responded = begun.responded
        self.echoed = begun.echoed
        self.account = begun.account
        self.seconds = begun.seconds
        self.expected = begun.expected
        self.last = now
        self.deadline = now + deadlines.list_item

    def respond(self, raw: bytes, now: float, deadlines: Deadlines) -> Outcome:
        """Take a further response to the same action."""
        self.item(raw, False, now, deadlines)
        return LISTING

    def event(self, raw: bytes, name: bytes, now: float, deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        return self.listed(raw, name, now, deadlines)

    def stray(self, raw: bytes, now: float, deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        return self.item(raw, False, now, deadlines)

    def overtaken(self) -> Outcome:
        """See PendingAnswer.  The requester has received the response; nothing else is guaranteed."""
        return COMPLETE

    def give_up(self, reason: bytes) -> None:
        """See PendingAnswer."""
        self.fail(b"", reason)
        self.requester = None

    def exceeded(self, now: float, deadlines: Deadlines) -> str:
        """See PendingAnswer."""
        return self.list_limit(now, deadlines)
