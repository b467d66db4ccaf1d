"""Exchange: sends actions over a link, and gives the answers to their requesters.

It sits between the sessions and one link.  A session runs one action at a time, as in Asterisk; actions
wait for a place on the link in a queue that is fair by the time that Asterisk spends on each user (see
``accounts``).  Answers arrive in the order in which the actions were sent.  A message belongs to the
requester whose relay id it contains.  Without a relay id, only the rows of a fenced action, the items in
NAMELESS_ITEMS, and the end of a list whose description names it are part of an answer.

Since Asterisk answers in order, an answer proves that earlier actions will not be answered any more.  If
no other action follows, a Ping is sent to get such a proof.  After an action whose answer has no known
end, a Ping follows at once, and its Pong marks the end.
"""

# mypyc: compiled

import itertools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from amiproxy.ami import message
from amiproxy.ami.actions import ECHOED_BY, NAMELESS_ITEMS, answer_of
from amiproxy.ami.answers import Answer, AnswerKind, response_of
from amiproxy.ami.errors import ProtocolError
from amiproxy.ami.message import Action, Message
from amiproxy.ami.relay import (
    action_id_of,
    event_list_of,
    event_name_of,
    item_head_of,
    item_head_sent,
    item_like_the_last,
    relay_id_of,
    to_owner,
)
from amiproxy.core.audit.stats import Stats
from amiproxy.core.ports import Scheduler, Timer, Upstream
from amiproxy.core.servers import originate
from amiproxy.core.servers.accounts import WHOLE, Account, Accounts
from amiproxy.core.servers.correlator import Correlator, Entry, Shape
from amiproxy.core.servers.deadlines import Deadlines
from amiproxy.core.servers.lengths import Lengths
from amiproxy.core.servers.requester import Requester

#: Most actions on the link at once.  Asterisk runs them one by one, so more would only move the queue there.
WINDOW = 32

NOT_CONNECTED = b"Upstream not connected"
LOST = b"Upstream connection lost (outcome unknown)"
SHUTTING_DOWN = b"Shutting down"
TIMED_OUT = b"Timeout waiting for Asterisk"
NO_ANSWER = b"No answer from Asterisk"
ORIGINATE_FAILED = b"Originate failed"
TOO_LONG = b"Answer is longer than limits.upstream_message_bytes"
#: Seconds past its deadline for which the OriginateResponse of an abandoned call is still swallowed.
_TOMBSTONE_SECONDS = 60.0
#: Answers with at least this many items are charged for the proxy's own time, too.
_MANY_ITEMS: Final = 32
#: Bytes counted for a message of an answer that was too long to be kept.
_TOO_LONG_BYTES = 1 << 20
_PING = Action([(b"Action", b"Ping")])
# Used several times per message: up to Python 3.11, reading an enum member from its class calls Python code.
_ROWS: Final = AnswerKind.ROWS
_EVENT: Final = AnswerKind.EVENT
_UNENDED: Final = (AnswerKind.LIST, AnswerKind.ANY)
_RESPONSE: Final = Shape.RESPONSE
_ONE_EVENT: Final = Shape.ONE_EVENT
_ORIGINATE: Final = Shape.ORIGINATE
_OPEN: Final = Shape.OPEN
_FENCED: Final = Shape.FENCED


class Exchange:
    """The queue, the window and the open answers of one link."""

    def __init__(
        self,
        stats: Stats,
        deadlines: Deadlines,
        scheduler: Scheduler,
        lengths: Lengths | None,
        window: int = WINDOW,
        beside: Accounts | None = None,
    ) -> None:
        """``lengths`` records how long answers were; for ``beside`` see ``Accounts``."""
        self._correlator = Correlator()
        self._upstream: Upstream | None = None
        self._stats = stats
        self._scheduler = scheduler
        self._lengths = lengths
        self._window = window
        #: Each user's use of Asterisk's time on this link, and the actions that wait for a place on it.
        self.accounts = Accounts(beside)
        #: Called with the number of items of a long answer that a user was sent, to charge the proxy's time.
        self.relayed: Callable[[str, int], None] | None = None
        #: The part of the time that one user may use while others use the link; see ``limits.link_share``.
        self.share = WHOLE
        #: Runs until an action that waits because of its user's share may be sent.
        self._timer: Timer | None = None
        #: Actions answered in this read; and since when Asterisk has been working on the next one.
        self._served: list[Entry] = []
        self._working_since = 0.0
        #: Actions that were sent and are not answered, in the order in which Asterisk answers.
        self._on_link: dict[Entry, None] = {}
        #: The list that is being read.
        self.open_list: Entry | None = None
        #: Whether a read is being handled; at its end ``end_read`` sends the actions that can be sent then.
        self.reading = False
        self._fenced: Entry | None = None
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
        return len(self._on_link)

    @property
    def remembered(self) -> int:
        """The number of answered actions that may still cause an event with their relay id."""
        return self._correlator.remembered

    @property
    def waiting(self) -> int:
        """The number of actions that wait for a place on the link."""
        return len(self.accounts)

    @property
    def load(self) -> int:
        """The number of actions on the link and of those that wait for a place on it."""
        return len(self._on_link) + (len(self.accounts) if self.accounts.waiting else 0)

    def connect(self, upstream: Upstream) -> None:
        """Send over this link from now on: the proxy's own actions, and once ``serving`` is set clients'."""
        self._upstream = upstream
        self.serving = False

    def disconnect(self) -> None:
        """The link is lost: answer every open and waiting action with an error.  No action is sent twice."""
        self._upstream = None
        self.serving = False
        self._on_link.clear()
        self.open_list = self._fenced = None
        self._served.clear()
        waiting = self.accounts.clear()
        for entry in self._correlator.clear():
            self._give_up(entry, LOST)
        for requester, action, _ in waiting:
            requester.reply(message.error(action.action_id, NOT_CONNECTED))
            requester.finished()

    # -- out ---------------------------------------------------------------

    def submit(self, requester: Requester, action: Action) -> None:
        """Send an action that the policy allowed, or queue it.

        The requester's ``finished`` is called exactly once, perhaps before this returns.
        """
        if not self.connected or self.draining:
            text = SHUTTING_DOWN if self.draining else NOT_CONNECTED
            requester.reply(message.error(action.action_id, text))
            requester.finished()
            return
        now = self.now = self._scheduler.now()
        accounts = self.accounts
        account = accounts.of(requester.payer)
        if self.reading:
            accounts.add(account, (requester, action, now))
            return
        if not accounts.waiting and not self._filling and self._fenced is None:
            # No other action is waiting: do what ``_fill`` would do, without the queue.
            answer = answer_of(action.key, self.answers)
            room = len(self._on_link) < self._window and answer.kind is not _ROWS
            if room and accounts.passes(account, now, self.share):
                self._send(requester, action, account, answer)
                return
        accounts.add(account, (requester, action, now))
        self._fill()

    def ask(self, action: Action, answer: Callable[[bytes], None]) -> None:
        """Send an action of the proxy's own; ``answer`` is called with its response.

        Without a link nothing is sent, and ``answer`` is not called.
        """
        if self._upstream is None:
            return
        entry = self._correlator.assign(None, action)
        entry.own = answer
        self._write(entry, action, self.deadlines.command)

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
        """The requester has left: drop its waiting actions, and swallow answers to the others."""
        self._correlator.abandon(requester)
        if self.accounts.waiting:
            self.accounts.remove(requester)

    def dismiss(self, requester: Requester, text: bytes) -> None:
        """Answer everything that the requester has open or waiting with this error, before it is closed."""
        for entry in self._correlator.entries_of(requester):
            self._give_up(entry, text)
        waiting = self.accounts.remove(requester)
        self.abandon(requester)
        for action in waiting:
            requester.reply(message.error(action.action_id, text))
            requester.finished()

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
        while accounts.waiting and len(self._on_link) < self._window and self._fenced is None:
            account = accounts.next(self.now, self.share)
            if account is None:
                self._wait_for_shares()
                return
            answer = answer_of(account.queue[0][1].key, self.answers)
            if answer.kind is _ROWS:
                if self._on_link:
                    return  # it must be alone on the link: send nothing until all others are answered
                requester, action, _ = accounts.take(account)
                self._send_fenced(requester, action, account, answer)
            else:
                requester, action, _ = accounts.take(account)
                self._send(requester, action, account, answer)

    def _wait_for_shares(self) -> None:
        """Set a timer for when the first account that is over its share has waited long enough."""
        held = self.accounts.held(self.now) if self.accounts.withheld else []
        for account in held:
            if not account.over:
                account.over = True
                account.queue[0][0].hit("link_share", seconds=round(account.seconds, 3))
        if held and self._timer is None:
            delay = min(account.wait(self.now) for account in held)
            self._timer = self._scheduler.later(delay, self._share_is_there)

    def _share_is_there(self) -> None:
        self._timer = None
        self.now = self._scheduler.now()
        self._fill()

    def _send(self, requester: Requester, action: Action, account: Account, answer: Answer) -> None:
        seconds = self.deadlines.action
        # This header makes Asterisk hold back pending events after the action: here, those of all clients.
        outgoing = action.without(b"suppressevents") if action.has(b"suppressevents") else action
        entry = self._correlator.assign(requester, action)
        entry.account = account
        entry.answer = answer
        if action.key == b"originate":
            outgoing = originate.clamped(outgoing, self.deadlines.originate_longest)
            # Keep it as sent: its Timeout says how long the echo of an asynchronous one may take.
            entry.action = outgoing
            seconds = originate.seconds_of(outgoing) + self.deadlines.originate_margin
            if originate.is_synchronous(outgoing) and not originate.fails_at_once(outgoing):
                entry.shape = Shape.ORIGINATE
                outgoing = originate.as_asynchronous(outgoing)
        elif action.key == b"command":
            seconds = self.deadlines.command
        self._write(entry, outgoing, seconds)

    def _send_fenced(self, requester: Requester, action: Action, account: Account, answer: Answer) -> None:
        entry = self._correlator.assign(requester, action)
        entry.account = account
        entry.answer = answer
        entry.shape = Shape.FENCED
        if self._write(entry, action, self.deadlines.command):
            self._fenced = entry
            self.ask(_PING, lambda _: self._end_fence(entry))

    def _write(self, entry: Entry, action: Action, seconds: float) -> bool:
        try:
            data = action.serialise(entry.relay_id)
        except ProtocolError as error:
            self._correlator.close(entry)
            self._answer(entry, message.error(action.action_id, str(error).encode()))
            return False
        entry.began = entry.last = self.now
        entry.deadline = self.now + seconds
        if not self._on_link:
            self._working_since = self.now
        self._on_link[entry] = None
        if entry.account is not None:
            entry.expected = self.accounts.sent(entry.account)
        self._stats.actions_relayed += 1
        assert self._upstream is not None
        self._upstream.send(data)
        return True

    # -- back --------------------------------------------------------------

    def response(self, raw: bytes) -> None:
        """Handle a message that begins with ``Response:``, or with a relay id and then ``Response:``."""
        relay_id = relay_id_of(raw)
        entry = self._correlator.find(relay_id) if relay_id else None
        if entry is None and not action_id_of(raw):
            entry = self._fenced
        if entry is None:
            # It answers no action, so a caller may have forged it: it must not end an open list either.
            if not self._late(relay_id, raw):
                self._stats.unsolicited_responses += 1
            return
        opened, self.open_list = self.open_list, None
        if opened is not None and opened is not entry:
            # Asterisk never interleaves answers: another response means that the list is over.
            self._end_list(opened)
        if entry in self._on_link:
            self._overtake(entry)
        if entry.own is not None:
            self._done(entry)
            entry.own(raw)
        elif entry.shape is _FENCED:
            self._pass_on(entry, raw)
        elif entry.shape is _OPEN:
            self.open_list = entry  # a further response to the same action
            self._item(entry, raw, last=False)
        else:
            self._first_response(entry, raw)
        self._fill()

    def oversized(self, head: bytes) -> bool:
        """Handle a message that was dropped because it is too long; ``head`` is its beginning.

        Returns whether it was part of an answer.  If so, the requester gets its error now, although Asterisk
        may still be writing the answer.
        """
        relay_id = action_id_of(head)
        entry = self._correlator.find(relay_id) if relay_id else None
        if entry is None and not head.startswith(b"Response:") and not _is_broadcast(head):
            # Some items have no ActionID, or have it at their end.
            entry = self.open_list or self._fenced
        if entry is None:
            return False
        if entry.own is not None:
            self._done(entry)
        elif entry.requester is not None:
            entry.requester.hit("upstream_message_bytes", action=entry.action.name)
            entry.size += _TOO_LONG_BYTES
            self._give_up(entry, TOO_LONG)
        return True

    def begin_read(self, now: float) -> None:
        """All messages until ``end_read`` come from one read."""
        self.now = now
        self.reading = True

    def end_read(self) -> None:
        """Charge the time since the last read to the users whose answers came in this one, and send more."""
        self.reading = False
        if self._served or self.open_list is not None:
            self._charge()
        if self.accounts.waiting:
            self._fill()

    def _charge(self) -> None:
        served = self._served
        if self.open_list is not None:
            served.append(self.open_list)
        now = self.now
        seconds = now - self._working_since
        self._working_since = now
        # It is not known how long each of several actions took: assume that long lists took most of it.
        weight = 0
        for entry in served:
            weight += 1 + entry.items
        share, accounts = self.share, self.accounts
        for entry in served:
            account = entry.account
            if account is not None:
                part = seconds * (1 + entry.items) / weight
                accounts.charge(account, part, now, share)
                entry.seconds += part
                if entry.items >= _MANY_ITEMS and self.relayed is not None:
                    self.relayed(account.name, entry.items - entry.relayed)
                    entry.relayed = entry.items
                if entry is not self.open_list:
                    accounts.took(account, entry.seconds, now)
                    if self._lengths is not None:
                        self._lengths.note(account.name, entry.action.key, entry.size, entry.seconds, now)
        self._served = []

    def _overtake(self, entry: Entry) -> None:
        """Give up actions sent before this one: Asterisk answers in order, so their answers were lost.

        The link drops messages that are too long, and some modules omit the ActionID.
        """
        if next(iter(self._on_link)) is entry:
            return
        for lost in list(itertools.takewhile(lambda other: other is not entry, self._on_link)):
            if lost.own is not None:
                self._done(lost)
                lost.own(b"")
            elif lost.shape is Shape.ORIGINATE and lost.requester is not None:
                self._leave_link(lost)  # its call may still be made: the OriginateResponse decides
            elif lost.shape in (Shape.OPEN, Shape.ONE_EVENT):
                self._finish(lost)  # its requester has had the response
            elif lost.shape is not Shape.FENCED:
                self._done(lost)
                if lost.requester is not None:
                    self._stats.answers_lost += 1
                    self._answer(lost, message.error(lost.action.action_id, NO_ANSWER))

    def _first_response(self, entry: Entry, raw: bytes) -> None:
        succeeded = raw.startswith(b"Response: Success") or response_of(raw).startswith(b"Success")
        if entry.shape is _ORIGINATE:
            if succeeded:
                self._leave_link(entry)  # Asterisk goes on to the next action before the call is decided
                return
        elif succeeded and entry.shape is _RESPONSE:
            answer = entry.answer
            announced = event_list_of(raw) == b"start"
            if announced and answer.complete:
                entry.shape = Shape.LIST
                entry.last = self.now
                entry.deadline = self.now + self.deadlines.list_item
                self.open_list = entry
                self._pass_on(entry, raw)
                return
            if (
                announced
                or answer.kind in _UNENDED
                or (answer.complete and Message(raw).get(b"message").endswith(b"will follow"))
            ):
                self._open(entry, raw)
                return
            if answer.kind is _EVENT:
                entry.shape = Shape.ONE_EVENT
                self._pass_on(entry, raw)
                return
            if entry.action.key in ECHOED_BY:
                seconds = originate.seconds_of(entry.action) if entry.action.key == b"originate" else 0.0
                self._correlator.echo(entry, self.now, seconds + 60.0)
        self._pass_on(entry, raw)
        self._finish(entry)

    def event(self, raw: bytes) -> bool:
        """Handle an event that is not a plain broadcast.  Returns whether it was part of an answer."""
        relay_id = relay_id_of(raw)
        entry = self._correlator.find(relay_id) if relay_id else None
        name = event_name_of(raw)
        if entry is not None:
            if name == ECHOED_BY.get(entry.action.key):
                return entry.shape is Shape.ORIGINATE and self._call_decided(entry, raw)
            if not entry.answer.own and _is_broadcast(raw):
                return False  # it names the action that caused it, but is a broadcast
            if entry.shape is _FENCED:
                self._pass_on(entry, raw)
                return True
            if entry.shape is _RESPONSE and not entry.answer.own:
                self._unheralded(entry, raw)
                return True
            self._item(entry, raw, _is_last(entry, raw, name, relay_id))
            # Events that may end the list must each be looked at.
            head = b"" if name.endswith(b"Complete") else item_head_of(raw, name, relay_id)
            if head != entry.item_head:
                entry.item_head = head
                entry.item_head_sent = item_head_sent(name, entry.action.action_id)
            return True
        if (
            self.open_list is not None
            and name == NAMELESS_ITEMS.get(self.open_list.action.key)
            and not _is_broadcast(raw)
        ):
            # Asterisk omits the ActionID in these items, but never in the event that ends a list.
            self._item(self.open_list, raw, last=False)
            return True
        if self.open_list is not None and _is_nameless_end(self.open_list, raw, name):
            self._item(self.open_list, raw, last=True)
            return True
        if not _is_broadcast(raw) and self._late(relay_id, raw):
            return True
        if self._fenced is not None and not _is_broadcast(raw):
            self._pass_on(self._fenced, raw)
            return True
        return False

    def item_again(self, raw: bytes, sound: bool) -> bool:
        """Handle a further item of the open list, if it begins like the one before; whether it does.

        A shortcut for ``event`` that takes two comparisons, for lists of hundreds of items.  For ``sound``
        see ``UpstreamFramer``.
        """
        entry = self.open_list
        if entry is None or not entry.item_head or not raw.startswith(entry.item_head):
            return False
        fit = item_like_the_last(raw, entry.item_head, entry.item_head_sent, sound)
        if fit is None or entry.last != self.now or entry.items >= self.deadlines.list_items:
            self._item(entry, raw, last=False, fit=fit)
            return True
        # Not the first item of its list in this read, so the deadline is set already.
        entry.items += 1
        entry.size += len(raw)
        if entry.requester is not None:
            entry.requester.reply(fit)
        return True

    def stray(self, raw: bytes) -> None:
        """Handle a message that begins like neither a response nor an event.

        It may have an ActionID of ours, or be rows of a fenced action.
        """
        relay_id = relay_id_of(raw)
        if relay_id and response_of(raw):
            self.response(raw)
            return
        entry = self._correlator.find(relay_id) if relay_id else self._fenced
        if entry is None or entry.own is not None:
            if not self._late(relay_id, raw):
                self._stats.strays += 1
        elif entry.shape is Shape.FENCED:
            self._pass_on(entry, raw)
        elif entry.shape is Shape.RESPONSE:
            self._unheralded(entry, raw)
        else:
            self._item(entry, raw, last=False)

    def echoed(self, relay_id: bytes) -> bytes | None:
        """See ``Correlator.echoed``."""
        return self._correlator.echoed(relay_id)

    def _item(self, entry: Entry, raw: bytes, last: bool, fit: bytes | None = None) -> None:
        """Handle an item.  ``fit`` is what the requester is sent, where that is known already."""
        entry.items += 1
        # The deadline is set already if the previous item came in the same read.
        as_before = fit is not None and entry.last == self.now
        entry.last = self.now
        if fit is None:
            self._pass_on(entry, raw)
        else:
            entry.size += len(raw)
            if entry.requester is not None:
                entry.requester.reply(fit)
        if entry.shape is _ONE_EVENT:
            self._finish(entry)
            return
        if last:
            self.open_list = None
            self._finish(entry)
            self._fill()
        elif entry.items > self.deadlines.list_items and entry.requester is not None:
            # Asterisk continues, so the list stays open, but the rest of it is swallowed.
            entry.requester.hit("list_items", action=entry.action.name)
            self._cancel_list(entry)
            entry.requester = None
        elif not as_before:
            entry.deadline = min(self.now + self.deadlines.list_item, entry.began + self.deadlines.list_total)

    def _unheralded(self, entry: Entry, raw: bytes) -> None:
        """The answer does not begin with a response."""
        if entry.answer.kind is AnswerKind.EVENT:
            self._pass_on(entry, raw)
            self._finish(entry)
            self._fill()
        else:
            self._open(entry, raw)

    def _open(self, entry: Entry, raw: bytes) -> None:
        """Begin an answer that does not mark its end: the Pong of a Ping sent now will."""
        entry.shape = Shape.OPEN
        entry.last = self.now
        entry.deadline = self.now + self.deadlines.list_item
        self.open_list = entry
        self._pass_on(entry, raw)
        self.ask(_PING, _pong)

    def _late(self, relay_id: bytes, raw: bytes) -> bool:
        """Pass on a message of an answer that was considered complete; whether it is one."""
        found = self._correlator.late(relay_id, self.now + self.deadlines.list_item)
        if found is None:
            return False
        requester, action_id = found
        requester.late(to_owner(raw, relay_id, action_id, unknown=True))
        return True

    def _call_decided(self, entry: Entry, raw: bytes) -> bool:
        action_id = entry.action.action_id
        self._done(entry)
        if Message(raw).get(b"response") == b"Success":
            self._answer(entry, message.success(action_id, b"Originate successfully queued"))
        else:
            self._answer(entry, message.error(action_id, ORIGINATE_FAILED))
        return True

    def _end_fence(self, entry: Entry) -> None:
        self._fenced = None
        self._done(entry)
        if entry.items == 0:
            self._answer(entry, message.error(entry.action.action_id, NO_ANSWER))
        elif entry.requester is not None:
            entry.requester.finished()

    # -- time --------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Answer overdue actions with a timeout; their entries stay, and swallow late answers."""
        self.now = now
        for entry in self._correlator.overdue(now):
            if entry.requester is None:
                late = now - entry.deadline > _TOMBSTONE_SECONDS
                if entry.shape is Shape.ORIGINATE and late and entry not in self._on_link:
                    self._correlator.close(entry)
                continue
            self._stats.action_timeouts += 1
            entry.requester.hit(self._limit_of(entry, now), action=entry.action.name)
            self._give_up(entry, TIMED_OUT)
        self._end_waiting(now)
        if self._upstream is not None and self._on_link and next(reversed(self._on_link)).own is None:
            # Once its Pong is here, all answers due before it have arrived, or are lost.
            self.ask(_PING, _pong)

    def _end_waiting(self, now: float) -> None:
        """Answer with a timeout those actions that have waited for a place as long as an answer may take."""
        for requester, action, _ in self.accounts.overdue(now - self.deadlines.action):
            self._stats.action_timeouts += 1
            requester.hit("action_timeout", action=action.name)
            requester.reply(message.error(action.action_id, TIMED_OUT))
            requester.finished()
        self._fill()  # the others may have waited only for one of these

    def _limit_of(self, entry: Entry, now: float) -> str:
        """Name of the limit in the configuration that an overdue entry has exceeded."""
        if entry.shape in (Shape.LIST, Shape.OPEN):
            return "list_timeout" if now > entry.began + self.deadlines.list_total else "list_item_timeout"
        if entry.action.key == b"originate":
            return "originate_grace"
        return "command_timeout" if entry.action.key == b"command" else "action_timeout"

    # -- ends --------------------------------------------------------------

    def _pass_on(self, entry: Entry, raw: bytes) -> None:
        entry.size += len(raw)
        if entry.shape is _FENCED:
            entry.items += 1
        if raw.startswith(b"Response:"):
            entry.responded = True
        if entry.requester is not None:
            own = to_owner(raw, entry.relay_id, entry.action.action_id, unknown=not entry.answer.own)
            entry.requester.reply(own)

    def _answer(self, entry: Entry, data: bytes) -> None:
        """Send a message of the proxy's own that completes the answer."""
        if entry.requester is not None:
            entry.requester.reply(data)
            entry.requester.finished()

    def _give_up(self, entry: Entry, text: bytes) -> None:
        """Complete the answer for the requester; whatever Asterisk still sends of it is swallowed."""
        if entry.shape is Shape.LIST:
            self._cancel_list(entry)
        elif entry.shape is Shape.OPEN:
            if entry.requester is not None:
                entry.requester.finished()  # it has had the response, and the end of the rest is not marked
        elif entry.shape is Shape.ORIGINATE:
            self._answer(entry, message.error(entry.action.action_id, ORIGINATE_FAILED))
        elif not entry.responded:
            self._answer(entry, message.error(entry.action.action_id, text))
        elif entry.requester is not None:
            entry.requester.finished()
        entry.requester = None

    def _end_list(self, entry: Entry) -> None:
        """End the open list, whose last event did not come."""
        if entry.shape is Shape.LIST and entry.answer.own:
            self._done(entry)
            self._cancel_list(entry)
        else:
            self._finish(entry)

    def _cancel_list(self, entry: Entry) -> None:
        name = entry.answer.complete or entry.action.name + b"Complete"
        headers = [(b"EventList", b"Cancelled"), (b"ListItems", str(entry.items).encode())]
        if entry.action.action_id:
            headers.insert(0, (b"ActionID", entry.action.action_id))
        self._answer(entry, message.event(name, *headers))

    def _done(self, entry: Entry) -> None:
        self._leave_link(entry)
        self._correlator.close(entry)

    def _leave_link(self, entry: Entry) -> None:
        if entry in self._on_link:
            del self._on_link[entry]
            self._served.append(entry)
            if entry.account is not None:
                self.accounts.left(entry.account, entry.expected)

    def _finish(self, entry: Entry) -> None:
        self._done(entry)
        if not entry.answer.own:
            self._correlator.keep_late(entry, self.now + self.deadlines.list_item)
        if entry.requester is not None:
            entry.requester.finished()


def _pong(_raw: bytes) -> None:
    """Ignore the Pong: it serves by arriving, see ``Exchange._overtake``."""


def _is_last(entry: Entry, raw: bytes, name: bytes, relay_id: bytes) -> bool:
    """Whether this event ends the list.

    If the name of the last event is known, that decides.  In answers of Asterisk's own, our id must also
    be where Asterisk writes it, before anything that callers may have written.  If the name is not known,
    the EventList header decides.
    """
    complete = entry.answer.complete
    if complete:
        return name == complete and (not entry.answer.own or bool(item_head_of(raw, name, relay_id)))
    return event_list_of(raw) in {b"complete", b"cancelled"}


def _is_nameless_end(entry: Entry, raw: bytes, name: bytes) -> bool:
    """Whether this event ends the list as described, although it has no ActionID."""
    answer = entry.answer
    return not answer.own and name == answer.complete and not action_id_of(raw) and not _is_broadcast(raw)


def _is_broadcast(raw: bytes) -> bool:
    lines = raw.split(b"\n", 2)
    return len(lines) > 1 and lines[1].startswith(b"Privilege: ") and lines[1].rstrip(b"\r").endswith(b",all")
