"""TaggedExchange: an exchange whose link may be a tagged one (see ``TaggedUpstream``).

On a tagged link an answer comes with the relay id of its action, in any order, and its end is told.  So
nothing has to be concluded from what the messages contain or from what comes after them, as ``Exchange``
does: there are no Pings, and nothing is sent alone.  What a requester is given is the same.

The events come apart from the answers.  One of them may decide an answer: OriginateResponse.  A client's
events are held back while its action runs, so that its answer comes before what happened later.

When a tagged link is lost, an action may still be on its way to an agent, until it expires.  Its requester
is told only then that the outcome is unknown: nothing happens after that.  Its events do not wait for that.
"""

# mypyc: compiled

from collections.abc import Sequence
from typing import Final

from amiproxy.ami.actions import ECHOED_BY
from amiproxy.ami.answers import response_of
from amiproxy.ami.relay import event_list_of, event_name_of, relay_id_of, to_owner
from amiproxy.core.ports import TaggedUpstream, Upstream
from amiproxy.core.servers.answers.base import NOT_MINE, PENDING, UNANSWERED, PendingAnswer
from amiproxy.core.servers.answers.failures import AGENT_LOST, CANCELLED, NOT_CONNECTED, OUTCOME_UNKNOWN
from amiproxy.core.servers.exchange import Exchange
from amiproxy.core.servers.outgoing import WINDOW

#: Most actions on a tagged link at once: the other end has a queue of its own, in which users take turns.
TAGGED_WINDOW: Final = 256
#: Most seconds for which an action may be under way before an agent must not execute it any more.
EXPIRES: Final = 10.0


class TaggedExchange(Exchange):
    """The actions and the answers of a main link, tagged or not."""

    #: The relay ids of actions that an agent may still execute, although the link to it is lost.
    _doubtful: frozenset[bytes] = frozenset()

    @property
    def tagged(self) -> bool:
        """Whether the link is a tagged one."""
        return self._tagged is not None

    def connect(self, upstream: Upstream) -> None:
        """See Outgoing."""
        super().connect(upstream)
        self._tagged = upstream if isinstance(upstream, TaggedUpstream) else None
        self._aside = self.tagged
        self._places = TAGGED_WINDOW if self.tagged else WINDOW

    def disconnect(self) -> None:
        """See Exchange.  What an agent may still execute stays open until that is over.

        Events are not held back for it any longer: among them is the one that says that the link is lost.
        """
        doubtful = [answer for answer in self._correlator.answers if self._may_be_executed(answer)]
        for answer in doubtful:
            self._correlator.close(answer)
        super().disconnect()
        for answer in doubtful:
            answer.deadline = min(answer.deadline, answer.began + EXPIRES)
            self._correlator.replace(answer)
        self._doubtful = frozenset(answer.relay_id for answer in doubtful)
        for answer in doubtful:
            if answer.requester is not None:
                answer.requester.release_events()

    def _may_be_executed(self, answer: PendingAnswer) -> bool:
        if self._tagged is None:
            return answer.relay_id in self._doubtful
        requester = answer.requester
        # Actions of the proxy's own have no effects, and one with a response has had them.
        return requester is not None and requester.on_behalf is not None and not answer.responded

    def answered(self, relay_id: bytes, messages: Sequence[bytes], *, last: bool) -> None:
        """Handle a part of the answer to the action with this relay id; with ``last``, the answer ends.

        All messages are part of it, whatever ActionID they have, if any.
        """
        self.begin_read(self._scheduler.now())
        answer = self._correlator.find(relay_id)
        if answer is not None and answer.item_head:
            self.open_list = answer
        try:
            for raw in messages:
                if self.open_list is None or not self.item_again(raw, False):
                    self._take(relay_id, raw)
        finally:
            # What was taken for the open list here only speeds this up: no event may be taken for its items.
            self.open_list = None
            answer = self._correlator.find(relay_id)
            if last and answer is not None and (answer in self._window.answers or relay_id in self._doubtful):
                self._end(answer)
            self.end_read()

    def not_answered(self, relay_id: bytes, reason: bytes) -> None:
        """Nothing more comes of the answer to this action: its requester fails for this reason.

        ``reason`` is a text of ``failures``: OUTCOME_UNKNOWN, or NOT_CONNECTED if it certainly was not sent.
        """
        answer = self._correlator.find(relay_id)
        if answer is None:
            return
        self.begin_read(self._scheduler.now())
        try:
            self._give_up(answer, reason)
        finally:
            self.end_read()

    def _take(self, relay_id: bytes, raw: bytes) -> None:
        answer = self._correlator.find(relay_id)
        if answer is None:
            # Without a requester here, it was decided by an event that came first, or has taken too long.
            self._late(relay_id, raw)
        elif raw.startswith(b"Response:") or response_of(raw):
            self._follow(answer, answer.respond(raw, self.now, self.deadlines))
        elif not raw.startswith(b"Event:"):
            self._follow(answer, answer.stray(raw, self.now, self.deadlines))
        else:
            self._take_event(answer, raw)

    def _take_event(self, answer: PendingAnswer, raw: bytes) -> None:
        name, outcome = event_name_of(raw), NOT_MINE
        if relay_id_of(raw) != answer.relay_id:
            outcome = answer.nameless(raw, name, self.now, self.deadlines)
        elif answer.follows and event_list_of(raw) == b"cancelled" and answer.ends_with(raw, name):
            # The agent has given the list up, so that it is not complete where it is merged with others.
            self._forget(answer)
            answer.fail(to_owner(raw, answer.relay_id, answer.action.action_id), CANCELLED)
            return
        if outcome == NOT_MINE:
            outcome = answer.event(raw, name, self.now, self.deadlines)
        self._follow(answer, outcome)

    def _end(self, answer: PendingAnswer) -> None:
        """The answer is over, as if Asterisk had answered a later action."""
        if answer.follows:
            self._forget(answer)
            answer.cut_off()
            return
        outcome = answer.overtaken()
        if outcome == UNANSWERED:
            self._lose(answer)
        elif outcome == PENDING:
            self._close(answer)
            answer.finished()
        else:
            self._follow(answer, outcome)

    def _give_up(self, answer: PendingAnswer, reason: bytes) -> None:
        if answer.is_certain:
            self._follow(answer, answer.overtaken())
            return
        if answer.size:
            reason = OUTCOME_UNKNOWN  # a part of the answer has come, so that the action was sent
        self._window.leave(answer)
        if reason == NOT_CONNECTED or not answer.outlives_link:
            self._correlator.close(answer)
        self._counts.action_timeouts += reason == OUTCOME_UNKNOWN and answer.requester is not None
        answer.give_up(reason)

    # -- what differs from other links -------------------------------------

    def event(self, raw: bytes) -> bool:
        """See Exchange.  Over a tagged link, an event is part of an answer only if it decides it."""
        if self._tagged is None:
            return super().event(raw)
        answer = self._correlator.find(relay_id_of(raw))
        if answer is None or event_name_of(raw) != ECHOED_BY.get(answer.action.key):
            return False
        outcome = answer.decided(raw)
        self._follow(answer, outcome)
        return outcome != NOT_MINE

    def end_read(self) -> None:
        """See Exchange.  Over a tagged link, the time between two answers is not what the second took."""
        if self._tagged is not None:
            self._window.served.clear()
        super().end_read()

    def _overdue(self, answer: PendingAnswer, now: float) -> None:
        """See Exchange.  Over a tagged link, an answer need not stay open to be told from the next one."""
        if answer.relay_id in self._doubtful:
            self._correlator.close(answer)
            answer.give_up(AGENT_LOST)
            return
        if self._tagged is None or (answer.requester is None and answer not in self._window.answers):
            super()._overdue(answer, now)
            return
        if answer.requester is not None:
            answer.requester.limit_reached(answer.exceeded(now, self.deadlines), action=answer.action.name)
        self.not_answered(answer.relay_id, OUTCOME_UNKNOWN)
