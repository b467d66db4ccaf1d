"""Exchange: sends actions over a link, and gives the answers to their requesters.

It sits between the sessions and one link.  A session runs one action at a time, as in Asterisk; actions
wait for a place on the link in a queue.  Answers arrive in the order in which the actions were sent.  A
message belongs to the answer whose relay id it contains, and that decides what to do with it.  Without a
relay id, only the rows of a fenced action, the items in NAMELESS_ITEMS, and the end of a list whose
description names it are part of an answer.

Since Asterisk answers in order, an answer proves that earlier actions will not be answered any more.  If
no other action follows, a Ping is sent to get such a proof.  After an action whose answer has no known
end, a Ping follows at once, and its Pong marks the end.
"""

# mypyc: compiled

import math
from collections.abc import Callable

from amiproxy.ami import message
from amiproxy.ami.actions import ECHOED_BY
from amiproxy.ami.answers import response_of
from amiproxy.ami.relay import (
    action_id_of,
    event_name_of,
    is_broadcast,
    item_like_the_last,
    relay_id_of,
    to_owner,
)
from amiproxy.core.audit.linkcounts import LinkCounts
from amiproxy.core.ports import Scheduler
from amiproxy.core.servers.accounts import Accounts
from amiproxy.core.servers.answers.base import (
    CLOSED,
    COMPLETE,
    ECHOED,
    LISTING,
    NOT_MINE,
    OFF_LINK,
    UNANSWERED,
    UNENDED,
    Outcome,
    PendingAnswer,
)
from amiproxy.core.servers.answers.failures import AGENT_LOST, LOST, NOT_CONNECTED, TIMED_OUT
from amiproxy.core.servers.answers.response import echo_seconds
from amiproxy.core.servers.answers.unended import UnendedAnswer
from amiproxy.core.servers.deadlines import Deadlines
from amiproxy.core.servers.known.lengths import Lengths
from amiproxy.core.servers.outgoing import WINDOW, Outgoing
from amiproxy.core.servers.sharing.queries import Queries


class Exchange(Outgoing):
    """The actions and the answers of one link."""

    def __init__(
        self,
        counts: LinkCounts,
        deadlines: Deadlines,
        scheduler: Scheduler,
        lengths: Lengths | None,
        queries: Queries,
        window: int = WINDOW,
        beside: Accounts | None = None,
        *,
        aside: bool = False,
    ) -> None:
        """See Outgoing."""
        super().__init__(counts, deadlines, scheduler, lengths, queries, window, beside, aside=aside)
        #: Called with the number of items of a long answer that a user was sent, to charge the proxy's time.
        self.relayed: Callable[[str, int], None] | None = None
        #: The list that is being read.
        self.open_list: PendingAnswer | None = None

    @property
    def remembered(self) -> int:
        """The number of answered actions that may still cause an event with their relay id."""
        return self._correlator.remembered

    def disconnect(self) -> None:
        """The link is lost: answer every open and waiting action with an error.  No action is sent twice."""
        lost = LOST if self._tagged is None else AGENT_LOST
        self._upstream = self._tagged = None
        self.serving = False
        self._window.clear()
        self.open_list = self._fenced = None
        waiting = [(asker, action) for asker, action, _ in self.accounts.clear()]
        waiting += self.take_held(math.inf)
        for answer in self._correlator.clear():
            answer.give_up(lost)
        for asker, action in waiting:
            asker.failed(message.error(action.action_id, NOT_CONNECTED), NOT_CONNECTED)

    # -- reads -------------------------------------------------------------

    def begin_read(self, now: float) -> None:
        """All messages until ``end_read`` come from one read.  ``now`` is in monotonic seconds."""
        self.now = now
        self.reading = True

    def end_read(self) -> None:
        """Charge the time since the last read to the users whose answers came in this one, and send more."""
        self.reading = False
        if self._window.served or self.open_list is not None:
            self._window.charge(self.now, self.share, self.open_list, self.relayed)
        if self.accounts.waiting:
            self._fill()

    def response(self, raw: bytes) -> None:
        """Handle a message that begins with ``Response:``, or with a relay id and then ``Response:``.

        ``raw`` is a whole message as Asterisk sent it, here and in the other methods.
        """
        relay_id = relay_id_of(raw)
        answer = self._correlator.find(relay_id) if relay_id else None
        if answer is None and not action_id_of(raw):
            answer = self._fenced
        if answer is None:
            # It answers no action, so a caller may have forged it: it must not end an open list either.
            if not self._late(relay_id, raw):
                self._counts.unsolicited_responses += 1
            return
        opened, self.open_list = self.open_list, None
        if opened is not None and opened is not answer:
            # Asterisk never interleaves answers: another response means that the list is over.
            self._forget(opened)
            opened.cut_off()
        owed = self._window.answers
        if answer in owed and next(iter(owed)) is not answer:
            self._overtake(answer)
        self._follow(answer, answer.respond(raw, self.now, self.deadlines))

    def event(self, raw: bytes) -> bool:
        """Handle an event that is not a plain broadcast.  Returns whether it was part of an answer."""
        relay_id = relay_id_of(raw)
        answer = self._correlator.find(relay_id) if relay_id else None
        name = event_name_of(raw)
        if answer is None:
            return self._nameless(raw, name) or (
                not is_broadcast(raw) and self._unclaimed(relay_id, raw, name)
            )
        if name == ECHOED_BY.get(answer.action.key):
            outcome = answer.decided(raw)
        elif not answer.described.own and is_broadcast(raw):
            return False  # it names the action that caused it, but is a broadcast
        else:
            outcome = answer.event(raw, name, self.now, self.deadlines)
        if outcome == NOT_MINE:
            return False
        self._follow(answer, outcome)
        return True

    def _nameless(self, raw: bytes, name: bytes) -> bool:
        """Handle an event without our relay id; returns whether it is part of the open list."""
        opened = self.open_list
        if opened is None:
            return False
        outcome = opened.nameless(raw, name, self.now, self.deadlines)
        if outcome == NOT_MINE:
            return False
        self._follow(opened, outcome)
        return True

    def _unclaimed(self, relay_id: bytes, raw: bytes, name: bytes) -> bool:
        """Handle an event without an open answer; returns whether it is part of a late or fenced answer."""
        if self._late(relay_id, raw):
            return True
        if self._fenced is None:
            return False
        self._fenced.event(raw, name, self.now, self.deadlines)
        return True

    def item_again(self, raw: bytes, sound: bool) -> bool:
        """Handle a further item of the open list, if it begins like the one before; returns whether it does.

        A shortcut for ``event`` that takes two comparisons, for lists of hundreds of items.  For ``sound``
        see ``UpstreamFramer``.
        """
        answer = self.open_list
        if answer is None or not answer.item_head or not raw.startswith(answer.item_head):
            return False
        fit = item_like_the_last(raw, answer.item_head, answer.item_head_sent, sound)
        if fit is None or answer.last != self.now or answer.items >= self.deadlines.list_items:
            answer.item(raw, False, self.now, self.deadlines, fit)
            return True
        # Not the first item of its list in this read, so the deadline is set already.
        answer.items += 1
        answer.size += len(raw)
        if answer.requester is not None:
            answer.requester.reply(fit)
        return True

    def stray(self, raw: bytes) -> None:
        """Handle a message that begins like neither a response nor an event.

        It may have an ActionID of ours, or be rows of a fenced action.
        """
        relay_id = relay_id_of(raw)
        if relay_id and response_of(raw):
            self.response(raw)
            return
        answer = self._correlator.find(relay_id) if relay_id else self._fenced
        outcome = NOT_MINE if answer is None else answer.stray(raw, self.now, self.deadlines)
        if answer is not None and outcome != NOT_MINE:
            self._follow(answer, outcome)
        elif not self._late(relay_id, raw):
            self._counts.strays += 1

    def oversized(self, head: bytes) -> bool:
        """Handle a message that was dropped because it is too long; ``head`` is its beginning.

        Returns whether it was part of an answer.  If so, the requester gets its error now, although Asterisk
        may still be writing the answer.
        """
        relay_id = action_id_of(head)
        answer = self._correlator.find(relay_id) if relay_id else None
        if answer is None and not head.startswith(b"Response:") and not is_broadcast(head):
            # Some items have no ActionID, or have it at their end.
            answer = self.open_list or self._fenced
        if answer is None:
            return False
        self._follow(answer, answer.oversized())
        return True

    def echoed(self, relay_id: bytes) -> bytes | None:
        """See ``Correlator.echoed``."""
        return self._correlator.echoed(relay_id)

    # -- what follows ------------------------------------------------------

    def _follow(self, answer: PendingAnswer, outcome: Outcome) -> None:
        """Do what the outcome of a message says."""
        if outcome == ECHOED:
            self._correlator.echo(answer, self.now + echo_seconds(answer.action))
            outcome = COMPLETE
        if outcome == COMPLETE:
            if answer is self.open_list:
                self.open_list = None
            self._forget(answer)
            answer.finished()
        elif outcome == LISTING:
            self.open_list = answer
        elif outcome == UNENDED:
            self._continue(answer)
        elif outcome == OFF_LINK:
            self._window.leave(answer)
        elif outcome == CLOSED:
            self._close(answer)

    def _continue(self, begun: PendingAnswer) -> None:
        """Await the rest of an answer whose end Asterisk does not mark; send a Ping, whose Pong ends it."""
        answer = UnendedAnswer(begun, self.now, self.deadlines)
        self._correlator.replace(answer)
        self._window.replace(begun, answer)
        self.open_list = answer
        if self._tagged is None:
            self.ping()

    def _overtake(self, answer: PendingAnswer) -> None:
        """Give up actions sent before this one: Asterisk answers in order, so their answers were lost.

        The link drops messages that are too long, and some modules omit the ActionID.
        """
        for lost in self._window.earlier(answer):
            outcome = lost.overtaken()
            if outcome == UNANSWERED:
                self._lose(lost)
            else:
                self._follow(lost, outcome)

    def _lose(self, answer: PendingAnswer) -> None:
        """No answer has come, and none will."""
        self._close(answer)
        if answer.requester is not None:
            self._counts.answers_lost += 1
            answer.unanswered()

    def _late(self, relay_id: bytes, raw: bytes) -> bool:
        """Pass on a message of an answer that was considered complete; returns whether it is one."""
        found = self._correlator.late(relay_id, self.now + self.deadlines.list_item)
        if found is None:
            return False
        requester, action_id = found
        requester.late(to_owner(raw, relay_id, action_id, unknown=True))
        return True

    def _forget(self, answer: PendingAnswer) -> None:
        """Close an answer that counts as complete; a third-party module may still send more of it."""
        self._window.leave(answer)
        self._correlator.close(answer)
        if not answer.described.own:
            self._correlator.keep_late(answer, self.now + self.deadlines.list_item)

    # -- time --------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Answer overdue actions with a timeout; the answers stay open, so that late messages are dropped."""
        self.now = now
        for answer in self._correlator.overdue(now):
            self._overdue(answer, now)
        self._end_waiting(now)
        owed = self._window.answers
        if (
            self._tagged is None
            and self._upstream is not None
            and owed
            and not next(reversed(owed)).is_certain
        ):
            self.ping()  # once its Pong is here, all answers due before it have arrived, or are lost

    def _overdue(self, answer: PendingAnswer, now: float) -> None:
        """The deadline of an open answer has passed."""
        if answer.requester is None:
            if answer.expires(now) and answer not in self._window.answers:
                self._correlator.close(answer)
            return
        self._counts.action_timeouts += 1
        answer.requester.limit_reached(answer.exceeded(now, self.deadlines), action=answer.action.name)
        answer.give_up(TIMED_OUT)

    def _end_waiting(self, now: float) -> None:
        """Answer with a timeout those actions that have waited for a place as long as an answer may take."""
        since = now - self.deadlines.action
        overdue = [(asker, action) for asker, action, _ in self.accounts.overdue(since)]
        overdue += self.take_held(since)
        for asker, action in overdue:
            self._counts.action_timeouts += 1
            asker.limit_reached("action_timeout", action=action.name)
            asker.failed(message.error(action.action_id, TIMED_OUT), TIMED_OUT)
        self._fill()  # the others may have waited only for one of these
