"""PendingAnswer: an action that was sent to Asterisk, and the part of its answer received so far.

Each kind of answer is a subclass.  It passes to the requester what belongs to the answer, and returns an
outcome, which says what the exchange has to do.  It knows neither the link nor other actions, so a further
kind needs no change of the exchange.
"""

# mypyc: compiled

from abc import ABC, abstractmethod
from typing import ClassVar, Final, Protocol

from amiproxy.ami import message
from amiproxy.ami.actions import NAMELESS_ITEMS
from amiproxy.ami.answers import Answer
from amiproxy.ami.message import Action
from amiproxy.ami.relay import (
    action_id_of,
    event_list_of,
    is_broadcast,
    item_head_of,
    item_head_sent,
    to_owner,
)
from amiproxy.core.servers.accounts import Account
from amiproxy.core.servers.answers import failures
from amiproxy.core.servers.deadlines import Deadlines
from amiproxy.core.servers.requester import Requester

Outcome = int
#: More of the answer is to come.
PENDING: Final = 0
#: The answer is complete: ``finished`` is to be called.
COMPLETE: Final = 1
#: The same, and a broadcast event that carries its relay id may follow.
ECHOED: Final = 2
#: The answer is over, and the requester has been notified.
CLOSED: Final = 3
#: Items follow: those without an ActionID belong to this answer, too.
LISTING: Final = 4
#: More may follow, but its end is not marked: ``UnendedAnswer`` takes over.
UNENDED: Final = 5
#: Asterisk goes on to the next action, although the answer is not complete.
OFF_LINK: Final = 6
#: No answer will come: ``unanswered`` is to be called.
UNANSWERED: Final = 7
#: The message is not part of this answer.
NOT_MINE: Final = 8

#: Bytes counted for a message of an answer that was too long to be kept.
_TOO_LONG_BYTES: Final = 1 << 20


class Departure(Protocol):
    """Notified when the place of an answer on its link is free."""

    def arrived(self, answer: "PendingAnswer") -> None:
        """Asterisk has gone on to the next action, or the link is lost."""


class PendingAnswer(ABC):
    """One action sent to Asterisk; ``requester`` is None if no client awaits the answer any more.

    Such an answer, and one that was given up, stays pending, to drop the messages that Asterisk still sends.
    ``raw`` is a whole message as Asterisk sent it, ``now`` is in monotonic seconds.
    """

    #: Whether this answers a short action of the proxy's own, to which Asterisk always responds.
    is_certain: ClassVar[bool] = False
    #: Whether an event may still decide it that does not come with the messages of the answer.
    outlives_link: ClassVar[bool] = False

    __slots__ = (
        "account",
        "action",
        "began",
        "deadline",
        "described",
        "echoed",
        "expected",
        "follows",
        "item_head",
        "item_head_sent",
        "items",
        "last",
        "left",
        "relay_id",
        "relayed",
        "requester",
        "responded",
        "seconds",
        "size",
    )

    def __init__(self, requester: Requester | None, action: Action, described: Answer) -> None:
        self.requester = requester
        self.action = action
        self.described = described
        #: Set by ``Correlator.assign``.
        self.relay_id = b""
        self.began = 0.0
        self.deadline = 0.0
        self.last = 0.0
        self.items = 0
        #: How many of these items were already charged as work of the proxy itself.
        self.relayed = 0
        #: Bytes of the answer so far.
        self.size = 0
        #: Whether the requester was sent a response; an error response would then be a second answer.
        self.responded = False
        #: Whether the response has come, and more of the answer is to follow.
        self.follows = False
        #: Whether the broadcast event with its relay id has arrived; there is only one.
        self.echoed = False
        #: The account that it is charged to (None for the proxy's own actions), and its seconds so far.
        self.account: Account | None = None
        self.seconds = 0.0
        #: Seconds that it is expected to take while it is on the link; see ``Accounts.sent``.
        self.expected = 0.0
        #: The first lines (event name, relay id) of the list's last item; b"" if it did not begin with both.
        self.item_head = b""
        #: The same lines as they were sent to the requester.
        self.item_head_sent = b""
        #: Notified when Asterisk has gone on to the next action, or the link is lost.
        self.left: Departure | None = None

    # -- messages from Asterisk --------------------------------------------

    @abstractmethod
    def respond(self, raw: bytes, now: float, deadlines: Deadlines) -> Outcome:
        """Take a response."""

    @abstractmethod
    def event(self, raw: bytes, name: bytes, now: float, deadlines: Deadlines) -> Outcome:
        """Take an event with the relay id that is not a broadcast event; ``name`` is its name."""

    @abstractmethod
    def stray(self, raw: bytes, now: float, deadlines: Deadlines) -> Outcome:
        """Take a message with the relay id that is neither a response nor an event."""

    def nameless(self, raw: bytes, name: bytes, now: float, deadlines: Deadlines) -> Outcome:
        """Take an event without our relay id that arrives while items of this answer follow."""
        if name == NAMELESS_ITEMS.get(self.action.key) and not is_broadcast(raw):
            # Asterisk omits the ActionID in these items, but never in the event that ends a list.
            return self.item(raw, False, now, deadlines)
        described = self.described
        if (
            not described.own
            and name == described.complete
            and not action_id_of(raw)
            and not is_broadcast(raw)
        ):
            return self.item(raw, True, now, deadlines)
        return NOT_MINE

    def decided(self, _raw: bytes) -> Outcome:
        """Take the broadcast event with the relay id that reports the outcome of the action."""
        return NOT_MINE

    def oversized(self) -> Outcome:
        """A message of the answer was dropped because it is too long: the rest is dropped too."""
        if self.requester is not None:
            self.requester.limit_reached("upstream_message_bytes", action=self.action.name)
            self.size += _TOO_LONG_BYTES
            self.give_up(failures.TOO_LONG)
        return PENDING

    # -- other ways in which it ends ---------------------------------------

    def overtaken(self) -> Outcome:
        """The response to a later action has arrived, so the missing part of this answer was lost."""
        return UNANSWERED

    def cut_off(self) -> None:
        """The response to another action has arrived while items of this answer were expected."""
        self.finished()

    def give_up(self, reason: bytes) -> None:
        """Complete the answer for the requester; the rest that Asterisk still sends is dropped.

        ``reason`` is a text for the client, such as those of ``failures``.
        """
        data = b"" if self.responded else message.error(self.action.action_id, reason)
        self.fail(data, reason)
        self.requester = None

    def unanswered(self) -> None:
        """Tell the requester that there is no answer."""
        self.fail(message.error(self.action.action_id, failures.NO_ANSWER), failures.NO_ANSWER)

    def finished(self) -> None:
        """Tell the requester that the answer is complete."""
        if self.requester is not None:
            self.requester.finished()

    def exceeded(self, _now: float, _deadlines: Deadlines) -> str:
        """Name of the limit in the configuration that is exceeded once its deadline has passed."""
        if self.action.key == b"originate":
            return "originate_grace"
        return "command_timeout" if self.action.key == b"command" else "action_timeout"

    def expires(self, _now: float) -> bool:
        """Whether it need not stay pending to drop late messages, once Asterisk has gone on."""
        return False

    # -- for the subclasses ------------------------------------------------

    def pass_on(self, raw: bytes) -> None:
        """Send a message of Asterisk's to the requester."""
        self.size += len(raw)
        if raw.startswith(b"Response:"):
            self.responded = True
        if self.requester is not None:
            own = to_owner(raw, self.relay_id, self.action.action_id, unknown=not self.described.own)
            self.requester.reply(own)

    def item(
        self, raw: bytes, last: bool, now: float, deadlines: Deadlines, fit: bytes | None = None
    ) -> Outcome:
        """Take an item.  ``fit`` is what the requester is sent, where that is known already."""
        self.items += 1
        # The deadline is set already if the previous item came in the same read.
        as_before = fit is not None and self.last == now
        self.last = now
        if fit is None:
            self.pass_on(raw)
        else:
            self.size += len(raw)
            if self.requester is not None:
                self.requester.reply(fit)
        if last:
            return COMPLETE
        if self.items > deadlines.list_items and self.requester is not None:
            # Asterisk continues, so the list stays open, but the rest of it is dropped.
            self.requester.limit_reached("list_items", action=self.action.name)
            self.cancel(failures.TOO_MANY_ITEMS)
            self.requester = None
        elif not as_before:
            self.deadline = min(now + deadlines.list_item, self.began + deadlines.list_total)
        return PENDING

    def listed(self, raw: bytes, name: bytes, now: float, deadlines: Deadlines) -> Outcome:
        """Take an item with the relay id, and remember how it begins, for ``Exchange.item_again``."""
        outcome = self.item(raw, self.ends_with(raw, name), now, deadlines)
        # Events that may end the list must each be looked at.
        head = b"" if name.endswith(b"Complete") else item_head_of(raw, name, self.relay_id)
        if head != self.item_head:
            self.item_head = head
            self.item_head_sent = item_head_sent(name, self.action.action_id)
        return outcome

    def ends_with(self, raw: bytes, name: bytes) -> bool:
        """Whether this event ends the list.

        If the name of the last event is known, that decides.  In answers of Asterisk's own, our id must also
        be where Asterisk writes it, before anything that callers may have written.  If the name is not known,
        the EventList header decides.
        """
        described = self.described
        if described.complete:
            if name != described.complete:
                return False
            return not described.own or bool(item_head_of(raw, name, self.relay_id))
        return event_list_of(raw) in {b"complete", b"cancelled"}

    def list_limit(self, now: float, deadlines: Deadlines) -> str:
        """``exceeded`` while items follow."""
        return "list_timeout" if now > self.began + deadlines.list_total else "list_item_timeout"

    def cancel(self, reason: bytes) -> None:
        """Tell the requester that its list is over, although its last event did not come."""
        name = self.described.complete or self.action.name + b"Complete"
        headers = [(b"EventList", b"Cancelled"), (b"ListItems", str(self.items).encode())]
        if self.action.action_id:
            headers.insert(0, (b"ActionID", self.action.action_id))
        self.fail(message.event(name, *headers), reason)

    def fail(self, data: bytes, reason: bytes) -> None:
        """See ``Requester.failed``."""
        if self.requester is not None:
            self.requester.failed(data, reason)
