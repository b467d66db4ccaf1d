"""Outgoing: the half of an exchange that sends actions to Asterisk, or lets them wait for a place.

Waiting actions are in a queue that is fair by the time that Asterisk spends on each user (see ``accounts``).
An action whose answer may have rows without its relay id is sent alone: nothing else while it is on the
link except a Ping sent right after it, whose Pong ends the answer.
"""

# mypyc: compiled

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from amiproxy.ami import message
from amiproxy.ami.actions import answer_of
from amiproxy.ami.answers import Answer, AnswerKind
from amiproxy.ami.errors import ProtocolError
from amiproxy.ami.message import Action
from amiproxy.ami.relay import request_id_of
from amiproxy.ami.sharing import SHARED
from amiproxy.core.audit.linkcounts import LinkCounts
from amiproxy.core.ports import OnBehalf, Scheduler, TaggedUpstream, Timer, Upstream
from amiproxy.core.servers import originate
from amiproxy.core.servers.accounts import WHOLE, Account, Accounts
from amiproxy.core.servers.answers.base import PendingAnswer
from amiproxy.core.servers.answers.calls import CallAnswer
from amiproxy.core.servers.answers.choice import awaited
from amiproxy.core.servers.answers.correlator import Correlator
from amiproxy.core.servers.answers.failures import EXPIRED, NOT_CONNECTED, SHUTTING_DOWN
from amiproxy.core.servers.answers.own import PING, Collecting, Collector, OwnAnswer
from amiproxy.core.servers.answers.rows import RowsAnswer
from amiproxy.core.servers.deadlines import Deadlines
from amiproxy.core.servers.known.lengths import Lengths
from amiproxy.core.servers.requester import Asker, Requester
from amiproxy.core.servers.sharing.flight import MARK, Flight
from amiproxy.core.servers.sharing.queries import Queries, Query
from amiproxy.core.servers.window import Window

#: Most actions on the link at once.  Asterisk runs them one by one, so more would only move the queue there.
WINDOW = 32

# Up to Python 3.11, reading an enum member from its class calls Python code.
_ROWS: Final = AnswerKind.ROWS


class Outgoing:
    """The queue and the window of one link."""

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
        """``lengths`` records how long answers were; for ``beside`` see ``Accounts``.

        ``queries`` are the list queries that actions on this link may share.  ``aside``: events do not come
        over this link.
        """
        #: Whether events do not come in order with the answers.
        self._aside = aside
        self._correlator = Correlator()
        self._upstream: Upstream | None = None
        #: The same link, if it is a tagged one; see TaggedExchange.
        self._tagged: TaggedUpstream | None = None
        self._counts = counts
        self._scheduler = scheduler
        #: Each user's use of Asterisk's time on this link, and the actions that wait for a place on it.
        self.accounts = Accounts(beside)
        self._places = window
        self._queries = queries
        #: The number of actions that wait in ``queries``.
        self.held = 0
        queries.add_link(self)
        self._window = Window(self.accounts, lengths)
        #: The part of the time that one user may use while others use the link; see ``limits.link_share``.
        self.share = WHOLE
        #: Runs until an action that waits because of its user's share may be sent.
        self._timer: Timer | None = None
        #: Whether a read is being handled; at its end the actions are sent that can be sent then.
        self.reading = False
        #: The answer that may have rows without its relay id.
        self._fenced: RowsAnswer | None = None
        self._filling = False
        self.deadlines = deadlines
        #: Described answers of actions that are not Asterisk's own, by the action's name in lower case.
        self.answers: Mapping[bytes, Answer] = MappingProxyType({})
        self.now = 0.0
        #: Whether Asterisk has loaded its modules; before that, only the proxy's own actions are sent.
        self.serving = False
        #: Whether the service is draining: queued actions are still sent and answered, new ones are refused.
        self.draining = False

    @property
    def connected(self) -> bool:
        """Whether clients' actions can be sent."""
        return self._upstream is not None and self.serving

    @property
    def linked(self) -> bool:
        """Whether there is a link, booted or not."""
        return self._upstream is not None

    @property
    def in_flight(self) -> int:
        """The number of actions on the link that Asterisk has not answered."""
        return len(self._window.answers)

    @property
    def waiting(self) -> int:
        """The number of actions that wait for a place on the link."""
        return len(self.accounts) + self.held

    @property
    def load(self) -> int:
        """The number of actions on the link and of those that wait for a place on it, without ``held``."""
        waiting = len(self.accounts) if self.accounts.waiting else 0
        return len(self._window.answers) + waiting

    def connect(self, upstream: Upstream) -> None:
        """Send over this link from now on: the proxy's own actions, and once ``serving`` is set clients'."""
        self._upstream = upstream
        self.serving = False

    # -- actions -----------------------------------------------------------

    def submit(self, requester: Asker, action: Action) -> None:
        """Send an action that the policy allowed, or queue it.

        The requester's ``finished`` or ``failed`` is called exactly once, perhaps before this returns; also
        if the link is lost, or there is none.
        """
        if not self.connected or self.draining:
            text = SHUTTING_DOWN if self.draining else NOT_CONNECTED
            requester.failed(message.error(action.action_id, text), text)
            return
        now = self.now = self._scheduler.now()
        query: Query | None = None
        if action.key in SHARED:
            queries = self._queries
            query = queries.of(action)
            if query is not None and (query.is_closed or queries.clock() < query.not_before):
                queries.hold(query, self, requester, action, now)
                return
        accounts = self.accounts
        account = accounts.of(requester.payer)
        if self.reading:
            accounts.add(account, (requester, action, now))
            return
        if not accounts.waiting and not self._filling and self._fenced is None:
            # No other action is waiting: do what ``_fill`` would do, without the queue.
            described = answer_of(action.key, self.answers)
            room = len(self._window.answers) < self._places and described.kind is not _ROWS
            if room and accounts.passes(account, now, self.share):
                self._send(requester, action, account, described, query)
                return
        accounts.add(account, (requester, action, now))
        self._fill()

    def ask(self, action: Action, callback: Callable[[bytes], None]) -> None:
        """Send an action of the proxy's own at once; ``callback`` is called with its response, unchanged.

        It is called with b"" if later answers show that the response was lost.  It is not called if the link
        is lost first, or if there is none: then nothing is sent.
        """
        if self._upstream is not None:
            self._write(OwnAnswer(action, callback), action, self.deadlines.command)

    def ping(self) -> None:
        """Send a Ping of the proxy's own: its Pong shows that Asterisk has done all that was sent before."""
        self.ask(PING, _pong)

    def collect(self, action: Action, collector: Collector) -> None:
        """Send an action of the proxy's own at once, and give the collector all of its answer.

        Without a link nothing is sent, and the collector has failed before this returns.  The action must not
        be one that has to be alone on the link (ValueError).
        """
        described = answer_of(action.key, self.answers)
        if described.kind is _ROWS:
            raise ValueError(f"{action.name!r} has to be alone on the link")
        if self._upstream is None:
            collector.failed(NOT_CONNECTED)
            return
        answer = awaited(Collecting(collector, described.complete), action, described)
        self._write(answer, action, self.deadlines.command)

    def pause_reading(self) -> None:
        """Let the link pause reading, unless an answer is awaited: events may wait for the next flush."""
        if self._upstream is not None and not self._correlator.awaits_answers:
            self._upstream.pause_reading()

    def read_pending(self) -> None:
        """Read what has arrived during the pause."""
        if self._upstream is not None:
            self._upstream.read_pending()

    def resume_reading(self) -> None:
        """Resume reading at once whatever arrives."""
        if self._upstream is not None:
            self._upstream.resume_reading()

    def abandon(self, requester: Requester) -> None:
        """The requester has left: drop its waiting actions, and the answers to the others."""
        self._correlator.abandon(requester)
        if self.accounts.waiting:
            self.accounts.remove(requester)

    def dismiss(self, requester: Requester, text: bytes) -> None:
        """Answer everything that the requester has open or waiting with this error, before it is closed.

        ``text`` is the Message of the error.
        """
        for answer in self._correlator.answers_for(requester):
            answer.give_up(text)
        waiting = self.accounts.remove(requester)
        self.abandon(requester)
        for action in waiting:
            requester.failed(message.error(action.action_id, text), text)

    def answers_for(self, requester: Requester) -> list[PendingAnswer]:
        """The open answers of this requester."""
        return self._correlator.answers_for(requester)

    def take_held(self, since: float) -> list[tuple[Asker, Action]]:
        """Remove and return this link's actions that have waited in ``queries`` since before ``since``."""
        if not self.held:
            return []
        return [(held.asker, held.action) for held in self._queries.overdue(self, since)]

    # -- the queue ---------------------------------------------------------

    def fill(self, now: float) -> None:
        """Send waiting actions, as far as there are places; ``now`` is in monotonic seconds."""
        self.now = now
        self._fill()

    def _fill(self) -> None:
        # An action that cannot be serialised is answered immediately, and the answer may cause another call
        # of this method.  This guard prevents the recursion, which for hundreds of sessions would overflow
        # the stack.
        if self._filling or self.reading or not self.accounts.waiting:
            return
        self._filling = True
        try:
            self._send_waiting()
        finally:
            self._filling = False

    def _send_waiting(self) -> None:
        # Look at the queue again each time: a failed send may end its session, which changes the queue.
        accounts = self.accounts
        while accounts.waiting and len(self._window.answers) < self._places and self._fenced is None:
            account = accounts.next(self.now, self.share)
            if account is None:
                self._wait_for_shares()
                return
            described = answer_of(account.queue[0][1].key, self.answers)
            if described.kind is _ROWS:
                if self._window.answers and self._tagged is None:
                    return  # it must be alone on the link: send nothing until all others are answered
                requester, action, _ = accounts.take(account)
                self._send_fenced(requester, action, account, described)
            else:
                requester, action, _ = accounts.take(account)
                query = self._queries.of(action) if action.key in SHARED else None
                self._send(requester, action, account, described, query)

    def _wait_for_shares(self) -> None:
        """Set a timer for when the first account that is over its share has waited long enough."""
        held = self.accounts.held(self.now) if self.accounts.withheld else []
        for account in held:
            if not account.over:
                account.over = True
                account.queue[0][0].limit_reached("link_share", seconds=round(account.seconds, 3))
        if held and self._timer is None:
            delay = min(account.wait(self.now) for account in held)
            self._timer = self._scheduler.later(delay, self._share_is_there)

    def _share_is_there(self) -> None:
        self._timer = None
        self.now = self._scheduler.now()
        self._fill()

    # -- the link ----------------------------------------------------------

    def _send(
        self, requester: Asker, action: Action, account: Account, described: Answer, query: Query | None
    ) -> None:
        if _is_expired(requester, action, self.now):
            return
        if self._aside:
            requester.hold_events()
        # This header makes Asterisk hold back pending events after the action: here, those of all clients.
        outgoing = action.without(b"suppressevents") if action.has(b"suppressevents") else action
        if action.key == b"originate":
            self._send_call(requester, outgoing, account, described)
            return
        if query is not None:
            flight = self._queries.depart(query, self, requester, action, account.name)
            if flight is not None:
                self._send_shared(query, flight, action.with_header(b"ActionID", MARK), account, described)
                return
        answer = awaited(requester, action, described)
        answer.account = account
        deadlines = self.deadlines
        seconds = deadlines.command if action.key == b"command" else deadlines.action
        if self._write(answer, outgoing, seconds) and query is not None:
            query.departed(answer, None)

    def _send_shared(
        self, query: Query, flight: Flight, action: Action, account: Account, described: Answer
    ) -> None:
        answer = awaited(flight, action, described)
        answer.account = account
        if self._write(answer, action, self.deadlines.action):
            query.departed(answer, flight)

    def _send_call(self, requester: Requester, action: Action, account: Account, described: Answer) -> None:
        # The answer keeps it as clamped: its Timeout says how long the call may take.
        clamped = outgoing = originate.clamped(action, self.deadlines.originate_longest)
        answer: PendingAnswer
        if originate.is_synchronous(clamped) and not originate.fails_at_once(clamped):
            answer = CallAnswer(requester, clamped, described)
            outgoing = originate.as_asynchronous(clamped)
        else:
            answer = awaited(requester, clamped, described)
        answer.account = account
        self._write(answer, outgoing, originate.seconds_of(clamped) + self.deadlines.originate_margin)

    def _send_fenced(self, requester: Asker, action: Action, account: Account, described: Answer) -> None:
        if _is_expired(requester, action, self.now):
            return
        if self._aside:
            requester.hold_events()
        answer = RowsAnswer(requester, action, described)
        answer.account = account
        if self._write(answer, action, self.deadlines.command) and self._tagged is None:
            self._fenced = answer
            self.ask(PING, lambda _: self._end_fence(answer))

    def _end_fence(self, answer: RowsAnswer) -> None:
        self._fenced = None
        self._close(answer)
        answer.finished()

    def _write(self, answer: PendingAnswer, action: Action, seconds: float) -> bool:
        """Send the action in the given form; returns whether that was possible."""
        self._correlator.assign(answer)
        try:
            data = action.serialise(answer.relay_id)
        except ProtocolError as error:
            self._correlator.close(answer)
            text = str(error).encode()
            answer.fail(message.error(action.action_id, text), text)
            return False
        answer.began = answer.last = self.now
        answer.deadline = self.now + seconds
        self._window.enter(answer, self.now)
        self._counts.actions_relayed += 1
        tagged = self._tagged
        if tagged is None:
            assert self._upstream is not None
            self._upstream.send(data)
        else:
            requester = answer.requester
            on_behalf: OnBehalf | None = None
            if requester is not None:
                on_behalf = requester.on_behalf
                requester.sent_as(request_id_of(answer.relay_id))
            tagged.send_for(data, answer.relay_id, on_behalf, seconds)
        return True

    def _close(self, answer: PendingAnswer) -> None:
        """The answer is over: its place on the link is free."""
        self._window.leave(answer)
        self._correlator.close(answer)


def _is_expired(requester: Asker, action: Action, now: float) -> bool:
    """Whether the action must not be sent any more; its requester has then been told so."""
    if not action.expires or now <= action.expires:
        return False
    requester.failed(message.error(action.action_id, EXPIRED), EXPIRED)
    return True


def _pong(_raw: bytes) -> None:
    """Ignore the Pong: only its arrival matters, see ``Exchange._overtake``."""
