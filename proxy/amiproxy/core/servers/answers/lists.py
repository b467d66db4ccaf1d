"""ListAnswer: an event list whose last event is known by name."""

# mypyc: compiled

from typing import Final

from amiproxy.ami.answers import AnswerKind, succeeded
from amiproxy.ami.message import Message
from amiproxy.ami.relay import event_list_of
from amiproxy.core.servers.answers import failures
from amiproxy.core.servers.answers.base import COMPLETE, LISTING, UNENDED, Outcome
from amiproxy.core.servers.answers.response import ResponseAnswer
from amiproxy.core.servers.deadlines import Deadlines

# Up to Python 3.11, reading an enum member from its class calls Python code.
_LIST: Final = AnswerKind.LIST


class ListAnswer(ResponseAnswer):
    """A response that announces the items, the items, and the last event; or one response only."""

    __slots__ = ()

    def respond(self, raw: bytes, now: float, deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        self.pass_on(raw)
        if self.follows or not succeeded(raw):
            return COMPLETE  # a second response ends the list as well
        if event_list_of(raw) == b"start":
            self.follows = True
            self.last = now
            self.deadline = now + deadlines.list_item
            return LISTING
        if self.described.kind is _LIST or Message(raw).get(b"message").endswith(b"will follow"):
            return UNENDED
        return COMPLETE

    def event(self, raw: bytes, name: bytes, now: float, deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        if self.follows or self.described.own:
            return self.listed(raw, name, now, deadlines)
        return self.unheralded(raw)

    def stray(self, raw: bytes, now: float, deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        return self.item(raw, False, now, deadlines) if self.follows else self.unheralded(raw)

    def cut_off(self) -> None:
        """See PendingAnswer.  A module's list may have no last event, although it is described so."""
        if self.described.own:
            self.cancel(failures.CUT_OFF)
        else:
            self.finished()

    def give_up(self, reason: bytes) -> None:
        """See PendingAnswer."""
        if not self.follows:
            super().give_up(reason)
            return
        self.cancel(reason)
        self.requester = None

    def exceeded(self, now: float, deadlines: Deadlines) -> str:
        """See PendingAnswer."""
        return self.list_limit(now, deadlines) if self.follows else super().exceeded(now, deadlines)
