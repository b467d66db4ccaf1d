"""Links: the way of actions to one Asterisk and of their answers, over its main link and its side links."""

# mypyc: compiled

from amiproxy.ami.actions import ECHOED_BY, answer_of
from amiproxy.ami.holding import may_hold
from amiproxy.ami.message import Action
from amiproxy.core.audit.linkcounts import LinkCounts
from amiproxy.core.limitstate import LimitState, Load
from amiproxy.core.model.limits import ServerLimits
from amiproxy.core.ports import Scheduler
from amiproxy.core.servers.answers.own import Collector
from amiproxy.core.servers.deadlines import Deadlines
from amiproxy.core.servers.known.actions import KnownActions
from amiproxy.core.servers.known.lengths import Lengths
from amiproxy.core.servers.receiver import ServerOwner
from amiproxy.core.servers.requester import Asker
from amiproxy.core.servers.sharing.queries import Queries
from amiproxy.core.servers.side import Side
from amiproxy.core.servers.tagged.exchange import TaggedExchange


class Links:
    """The main link and the side links of one Asterisk; says which one an action takes."""

    def __init__(
        self, counts: LinkCounts, limit_state: LimitState, scheduler: Scheduler, owner: ServerOwner
    ) -> None:
        self._limit_state = limit_state
        self._scheduler = scheduler
        #: What is queued for it by the sessions that are bound to it.
        self.load = Load()
        #: The limits in force for this server, and those that it has of its own.
        self.limits = limit_state.limits
        self.own_limits = ServerLimits()
        self.lengths = Lengths()
        #: List queries that are asked once for several clients.
        self.queries = Queries(scheduler, counts, limit_state.backlog, self.lengths, owner)
        deadlines = Deadlines.of(limit_state.limits)
        self.exchange = TaggedExchange(counts, deadlines, scheduler, self.lengths, self.queries)
        around = self.exchange, limit_state, counts, scheduler, owner.settle, owner.fault, self.queries
        #: For actions that may hold up Asterisk's session.
        self.side = Side("side", *around)
        #: For long answers.
        self.lists = Side("lists", *around, self.lengths)
        self.sides = self.side, self.lists
        self._exchanges = self.exchange, self.side.exchange, self.lists.exchange
        for exchange in self._exchanges:
            exchange.relayed = owner.relayed
        self.exchange.share = self.lists.exchange.share = limit_state.limits.link_share
        #: The actions that it has.
        self.actions = KnownActions(self.exchange.ask, scheduler)

    @property
    def in_flight(self) -> int:
        """The number of actions that Asterisk has not answered, on all links, or clients have not had."""
        return sum(exchange.in_flight for exchange in self._exchanges) + self.queries.pending

    @property
    def unanswered(self) -> int:
        """Actions that are queued for it or not answered, including the proxy's own."""
        load = self.load.queued + self.exchange.load + len(self.queries.held)
        for side in self.sides:
            load += side.load
        return load

    def side_for(self, user: str, action: Action) -> Side | None:
        """The side link over which this action of a user goes; None for the main link."""
        if may_hold(action):
            return self.side
        key = action.key
        if key in ECHOED_BY:
            return None  # its event arrives on the main link, where its relay id must be known
        now = self._scheduler.now()
        long = self.lengths.is_long(user, key, now)
        if long is None:
            answer = answer_of(key, self.exchange.answers)
            may_be_list = bool(answer.complete) or not answer.own
            long = may_be_list and self.lengths.is_first_list_long(user, key, now)
        return self.lists if long else None

    @property
    def lists_apart(self) -> bool:
        """Whether lists come apart from the events, so that events before the end of one may be newer."""
        return self.exchange.tagged

    def ask_list(self, action: Action, reader: Collector, *, long: bool) -> None:
        """Ask for a list for the proxy itself, over the main link or, if it is ``long``, beside it.

        One that Asterisk does not have is refused without asking it.
        """
        refusal = self.actions.refusal_of(action)
        if refusal:
            reader.response(refusal)
            reader.ended()
        elif long:
            self.lists.collect(action, reader)
        else:
            self.exchange.collect(action, reader)

    def recall(self, asker: Asker) -> list[Action]:
        """Remove and return the list queries of this asker that were not sent, to be judged again.

        Only those that may be shared: they may wait for their turn although the link has room.
        """
        found = self.queries.recall(asker)
        for side in self.sides:
            found += side.recall(asker)
        return found

    def abandon(self, requester: Asker) -> None:
        """Forget the actions of a requester that has left."""
        self.queries.abandon(requester)
        self.exchange.abandon(requester)
        for side in self.sides:
            side.abandon(requester)

    def dismiss(self, requester: Asker, text: bytes) -> None:
        """Answer everything that the requester has open with this error, before its session is closed.

        ``text`` is the Message of the error.
        """
        self.queries.dismiss(requester, text)
        self.exchange.dismiss(requester, text)
        for side in self.sides:
            side.dismiss(requester, text)

    def adopt_limits(self, own: ServerLimits) -> None:
        """Take the limits in force for all servers, and those that this one has of its own."""
        self.own_limits = own
        self.limits = own.over(self._limit_state.limits)
        for side in self.sides:
            side.limits = self.limits
        deadlines = Deadlines.of(self.limits)
        for exchange in self._exchanges:
            exchange.deadlines = deadlines
        self.exchange.share = self.lists.exchange.share = self.limits.link_share
