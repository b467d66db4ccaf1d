"""CallAnswer: the outcome of a call, for a synchronous Originate that was sent as an asynchronous one."""

# mypyc: compiled

from typing import ClassVar, Final

from amiproxy.ami import message
from amiproxy.ami.answers import succeeded
from amiproxy.ami.message import Message
from amiproxy.core.servers.answers import failures
from amiproxy.core.servers.answers.base import (
    CLOSED,
    COMPLETE,
    OFF_LINK,
    UNANSWERED,
    Outcome,
    PendingAnswer,
)
from amiproxy.core.servers.deadlines import Deadlines

#: Seconds past its deadline for which the OriginateResponse of an abandoned call is still dropped.
_TOMBSTONE_SECONDS: Final = 60.0


#: Reasons that the client is told, as the call may still be made, or certainly was not.  For any other reason
#: it is told the text of Asterisk.
_TOLD: Final = frozenset({failures.OUTCOME_UNKNOWN, failures.AGENT_LOST, failures.NOT_CONNECTED})


class CallAnswer(PendingAnswer):
    """The response that Asterisk would give to the synchronous form, made from the OriginateResponse."""

    outlives_link: ClassVar[bool] = True

    __slots__ = ()

    def respond(self, raw: bytes, _now: float, _deadlines: Deadlines) -> Outcome:
        """See PendingAnswer.  Asterisk goes on to the next action before the call is decided."""
        if succeeded(raw):
            return OFF_LINK
        self.pass_on(raw)
        return COMPLETE

    def event(self, raw: bytes, name: bytes, now: float, deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        return self.item(raw, self.ends_with(raw, name), now, deadlines)

    def stray(self, raw: bytes, now: float, deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        return self.item(raw, False, now, deadlines)

    def decided(self, raw: bytes) -> Outcome:
        """See PendingAnswer."""
        if Message(raw).get(b"response") != b"Success":
            text = failures.ORIGINATE_FAILED
            self.fail(message.error(self.action.action_id, text), text)
            return CLOSED
        if self.requester is not None:
            said = message.success(self.action.action_id, b"Originate successfully queued")
            self.requester.reply(said)
        return COMPLETE

    def overtaken(self) -> Outcome:
        """See PendingAnswer.  The call may still be made: the OriginateResponse decides."""
        return OFF_LINK if self.requester is not None else UNANSWERED

    def give_up(self, reason: bytes) -> None:
        """See PendingAnswer."""
        text = reason if reason in _TOLD else failures.ORIGINATE_FAILED
        self.fail(message.error(self.action.action_id, text), reason)
        self.requester = None

    def expires(self, now: float) -> bool:
        """See PendingAnswer."""
        return now - self.deadline > _TOMBSTONE_SECONDS
