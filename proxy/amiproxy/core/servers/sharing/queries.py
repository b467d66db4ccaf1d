"""Queries: list queries that several clients send at about the same time are asked once.

The query is what the clients' actions have in common (``shared_key``).  An action is joined with others
just before it is written to Asterisk: all that wait then, on any link, share the answer.  Those that come
later do not, because the answer may be older than something that they have done themselves: they wait until
it is complete, and share the next one.  So there is at most one such action at Asterisk for each query, and
nobody gets an answer that is older than the question.

The next one starts after a pause that is a multiple of how long the last one took, so that clients that
always ask again cannot keep a link busy.
"""

# mypyc: compiled

from typing import Final, Protocol

from amiproxy.ami import message
from amiproxy.ami.message import Action
from amiproxy.ami.sharing import shared_key
from amiproxy.core.audit.linkcounts import LinkCounts
from amiproxy.core.limitstate import Backlog
from amiproxy.core.ports import Scheduler, Timer
from amiproxy.core.servers.accounts import Accounts, Item
from amiproxy.core.servers.answers.base import PendingAnswer
from amiproxy.core.servers.known.lengths import Lengths
from amiproxy.core.servers.receiver import ServerOwner
from amiproxy.core.servers.requester import Asker, Requester
from amiproxy.core.servers.sharing.deliveries import Deliveries
from amiproxy.core.servers.sharing.flight import Flight

#: The pause before the next action of a query, as a multiple of the time that the last one took.
_PAUSE: Final = 5.0
#: The longest pause, in seconds.
_LONGEST_PAUSE: Final = 0.5


class Link(Protocol):
    """A link to Asterisk, as the queries see it."""

    accounts: Accounts
    #: The number of its actions that wait in ``Queries``.
    held: int

    def fill(self, now: float) -> None:
        """Send waiting actions, as far as there are places."""

    def answers_for(self, requester: Requester) -> list[PendingAnswer]:
        """The open answers of this requester."""


class Held:
    """An action that waits for the next turn of its query."""

    __slots__ = ("action", "asker", "link", "query", "since")

    def __init__(self, link: Link, asker: Asker, action: Action, since: float, query: "Query") -> None:
        self.link = link
        self.asker = asker
        self.action = action
        self.since = since
        self.query = query


class Query:
    """What is known about one query."""

    __slots__ = (
        "_queries",
        "answer",
        "began",
        "flight",
        "is_closed",
        "key",
        "not_before",
        "timer",
        "waiting",
    )

    def __init__(self, queries: "Queries", key: bytes) -> None:
        self._queries = queries
        #: See ``shared_key``.
        self.key = key
        #: The answer to its action, while Asterisk works on that; since when; and for whom, if it is shared.
        self.answer: PendingAnswer | None = None
        self.began = 0.0
        self.flight: Flight | None = None
        #: When the next one may be sent.
        self.not_before = 0.0
        self.timer: Timer | None = None
        self.waiting: dict[Asker, Held] = {}
        #: Whether an action that comes now has to wait: others do, or one is at Asterisk.
        self.is_closed = False

    def departed(self, answer: PendingAnswer, flight: Flight | None) -> None:
        """Its action was sent."""
        self.began = self._queries.clock()
        self.answer = answer
        self.is_closed = True
        self.flight = flight
        answer.left = self

    def arrived(self, answer: PendingAnswer) -> None:
        """See ``Departure`` in base.py."""
        self.answer = None
        self.is_closed = bool(self.waiting)
        now = self._queries.clock()
        pause = (now - self.began) * _PAUSE
        self.not_before = now + (pause if pause < _LONGEST_PAUSE else _LONGEST_PAUSE)  # noqa: FURB136 - hot
        if self.flight is not None:
            self._queries.landed(self.flight, answer)
        if self.waiting:
            self._queries.arm(self)


class Queries:
    """The shared list queries of one server, on all its links."""

    __slots__ = (
        "_backlog",
        "_by_key",
        "_counts",
        "_lengths",
        "_links",
        "_owner",
        "_scheduler",
        "clock",
        "deliveries",
        "held",
    )

    def __init__(
        self,
        scheduler: Scheduler,
        counts: LinkCounts,
        backlog: Backlog,
        lengths: Lengths,
        owner: ServerOwner,
    ) -> None:
        self._scheduler = scheduler
        self.clock = scheduler.clock
        self._counts = counts
        self._backlog = backlog
        self._lengths = lengths
        self._owner = owner
        self._links: list[Link] = []
        self._by_key: dict[bytes, Query] = {}
        #: All actions that wait for the next turn of their query.
        self.held: dict[Asker, Held] = {}
        #: Those of the shared answers.
        self.deliveries = Deliveries(scheduler, owner)

    @property
    def pending(self) -> int:
        """The number of actions that wait here, and of clients that have not had all of a shared answer."""
        return len(self.held) + len(self.deliveries)

    def add_link(self, link: Link) -> None:
        """Let the actions of this link be shared, too."""
        self._links.append(link)

    # -- before an action is sent ------------------------------------------

    def of(self, action: Action) -> Query | None:
        """The query of this action; None if its answer may not be shared."""
        key = shared_key(action)
        if not key:
            return None
        query = self._by_key.get(key)
        if query is None:
            query = self._by_key[key] = Query(self, key)
        return query

    def hold(self, query: Query, link: Link, asker: Asker, action: Action, now: float) -> None:
        """Let an action wait; it is put into the link's queue at the next turn of its query.

        To be called instead of sending it, if the query is closed or ``query.not_before`` has not come.
        ``now`` is in monotonic seconds.
        """
        held = Held(link, asker, action, now, query)
        query.waiting[asker] = self.held[asker] = held
        link.held += 1
        query.is_closed = True
        if query.answer is None:
            self.arm(query)

    def depart(self, query: Query, link: Link, asker: Asker, action: Action, payer: str) -> Flight | None:
        """An action is about to be sent: take along all that wait for the same answer.

        ``payer``: the user to whom it is charged.  Returns the requester of the answer, if it is shared: the
        action must then have ``MARK`` as its ActionID.  Once it was sent, ``query.departed`` must be called.
        """
        others: list[Item] = []
        for other in self._links:
            if other.accounts.waiting:
                others += other.accounts.withdraw(lambda item: shared_key(item[1]) == query.key)
        if not others:
            return None
        deliveries = self.deliveries
        flight = Flight(link, payer, self._backlog, deliveries.due, self._timed_out)
        deliveries.add(flight, asker, action.action_id)
        for other_asker, other_action, _ in others:
            deliveries.add(flight, other_asker, other_action.action_id)
        self._counts.actions_joined += len(others)
        return flight

    def landed(self, flight: Flight, answer: PendingAnswer) -> None:
        """Asterisk has gone on to the next action after a shared one, or the link is lost."""
        now = self._scheduler.now()
        for payer in {seat.asker.payer for seat in flight.seats}:
            self._lengths.joined(payer, answer.action.key, answer.size, now)

    # -- actions that wait -------------------------------------------------

    def arm(self, query: Query) -> None:
        """Set the timer for the query's next turn, unless it is set."""
        if query.timer is None:
            wait = query.not_before - self.clock()
            query.timer = self._scheduler.later(max(wait, 0.0), lambda: self._release(query))

    def _release(self, query: Query) -> None:
        """Put the waiting actions of a query into the queues of their links."""
        query.timer = None
        if query.answer is not None or not query.waiting:
            return
        waiting = list(query.waiting.values())
        links: dict[Link, None] = {}
        for held in waiting:
            self._forget(held)
            accounts = held.link.accounts
            accounts.add(accounts.of(held.asker.payer), (held.asker, held.action, held.since))
            links[held.link] = None
        now = self._scheduler.now()
        for link in links:
            link.fill(now)
        self._owner.settle()

    def _forget(self, held: Held) -> None:
        query = held.query
        del self.held[held.asker], query.waiting[held.asker]
        held.link.held -= 1
        query.is_closed = query.answer is not None or bool(query.waiting)

    def overdue(self, link: Link, since: float) -> list[Held]:
        """Remove and return the actions of a link that have been waiting since before ``since``."""
        found = [held for held in self.held.values() if held.link is link and held.since < since]
        for held in found:
            self._forget(held)
        return found

    def tick(self) -> None:
        """Forget queries that are not asked any more; called once a second."""
        now = self.clock()
        idle = [key for key, query in self._by_key.items() if not query.is_closed and query.not_before <= now]
        for key in idle:
            del self._by_key[key]

    def recall(self, asker: Asker) -> list[Action]:
        """Remove and return the actions of this asker that wait here or in the queue of a link.

        They are list queries that may be shared.
        """
        found: list[Action] = []
        held = self.held.get(asker)
        if held is not None:
            self._forget(held)
            found.append(held.action)
        for link in self._links:
            if link.accounts.waiting:
                mine = link.accounts.withdraw(lambda item: item[0] is asker and bool(shared_key(item[1])))
                found += [item[1] for item in mine]
        return found

    # -- clients that leave ------------------------------------------------

    def abandon(self, asker: Asker) -> None:
        """The asker has left: drop its waiting action, or its part of a shared answer."""
        held = self.held.get(asker)
        if held is not None:
            self._forget(held)
        self.deliveries.abandon(asker)

    def dismiss(self, asker: Asker, text: bytes) -> None:
        """Answer what the asker has here with this error, before it is closed; ``text`` is its Message."""
        held = self.held.get(asker)
        if held is not None:
            self._forget(held)
            held.asker.failed(message.error(held.action.action_id, text), text)
        self.deliveries.dismiss(asker, text)

    def _timed_out(self, others: int) -> None:
        self._counts.action_timeouts += others
