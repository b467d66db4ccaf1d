"""ResponseAnswer: one response; and how every answer begins that has one."""

# mypyc: compiled

from typing import Final

from amiproxy.ami.actions import ECHOED_BY
from amiproxy.ami.answers import succeeded
from amiproxy.ami.message import Action
from amiproxy.ami.relay import event_list_of
from amiproxy.core.servers import originate
from amiproxy.core.servers.answers.base import COMPLETE, ECHOED, UNENDED, Outcome, PendingAnswer
from amiproxy.core.servers.deadlines import Deadlines

#: Seconds within which the event that an action causes may follow its response.
_ECHO_SECONDS: Final = 60.0


class ResponseAnswer(PendingAnswer):
    """One response.  If it announces an event list, the answer has no known end."""

    __slots__ = ()

    def respond(self, raw: bytes, _now: float, _deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        self.pass_on(raw)
        if succeeded(raw):
            if event_list_of(raw) == b"start":
                return UNENDED
            if self.action.key in ECHOED_BY:
                return ECHOED
        return COMPLETE

    def event(self, raw: bytes, name: bytes, now: float, deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        if self.described.own:
            return self.item(raw, self.ends_with(raw, name), now, deadlines)
        return self.unheralded(raw)

    def stray(self, raw: bytes, _now: float, _deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        return self.unheralded(raw)

    def unheralded(self, raw: bytes) -> Outcome:
        """Take a message that comes before the response, and may be all of the answer."""
        self.pass_on(raw)
        return UNENDED


class UndescribedAnswer(ResponseAnswer):
    """Anything: after its response, as many messages with its ActionID as Asterisk likes."""

    __slots__ = ()

    def respond(self, raw: bytes, _now: float, _deadlines: Deadlines) -> Outcome:
        """See PendingAnswer."""
        self.pass_on(raw)
        return UNENDED if succeeded(raw) else COMPLETE


def echo_seconds(action: Action) -> float:
    """Seconds within which a broadcast event with the action's relay id may follow its response."""
    call = originate.seconds_of(action) if action.key == b"originate" else 0.0
    return call + _ECHO_SECONDS
