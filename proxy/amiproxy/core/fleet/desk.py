"""Desk: where an agent takes the requests of edges, judges them, and answers them.

The engine says which edge has sent a request.  Whatever that edge is, it gets no more than its ceiling, and
no more than its users have rights here: each action is judged by both, and by the same rules as one of a
client that is connected to the agent.  Nothing is executed twice, nor after its time.
"""

# mypyc: compiled

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from amiproxy import log
from amiproxy.ami import message
from amiproxy.ami.actions import ANSWERED_HERE, PROXY_SERVERS
from amiproxy.ami.errors import ProtocolError
from amiproxy.ami.message import Action, parse_action
from amiproxy.core.clients.web.jobs import EdgeRequest, is_one_message
from amiproxy.core.clients.web.websessions import WebSessions
from amiproxy.core.context import Context
from amiproxy.core.fleet.publishing import Publisher
from amiproxy.core.fleet.requests.edgecounts import EdgeCounts
from amiproxy.core.fleet.requests.edgeusers import EdgeUsers
from amiproxy.core.fleet.requests.generations import Generations
from amiproxy.core.fleet.requests.ownqueries import OwnQueries, OwnQuery, admits, is_own_query
from amiproxy.core.fleet.requests.seen import MOST, WINDOW, Seen
from amiproxy.core.fleet.wire import (
    ANSWER,
    ANSWER_BYTES,
    LAST,
    REFUSED,
    Head,
    Request,
    WireError,
    decode_ask,
    decode_request,
    packed,
)
from amiproxy.core.limits.bucket import Bucket
from amiproxy.core.model.ceiling import Ceiling
from amiproxy.core.model.networks import canonical
from amiproxy.core.model.users import User, folded
from amiproxy.core.policy import Deny, decide
from amiproxy.core.ports import Peer
from amiproxy.core.servers.server import Server

#: Given the messages that answer a request, in order.
Done = Callable[[list[bytes]], None]

#: Why a request is refused, and what its edge is told; texts that would tell which users there are, are one.
REFUSALS: Final[Mapping[str, bytes]] = {
    "malformed": b"malformed request",
    "edge": b"edge not permitted",
    "epoch": b"events were missed since",
    "expired": b"expired",
    "expires too late": b"expires too late",
    "repeated": b"repeated request",
    "too many": b"too many requests",
    "user": b"user not permitted",
    "generation": b"other rights",
    "class": b"edge not permitted",
    "answered by the edge": b"not for an agent",
    "session": b"user not permitted",
}
#: The answer to an action whose session has ended without one.
_NO_ANSWER: Final = b"No answer (outcome unknown)"
#: Most actions of one edge that are not answered.
_OPEN: Final = 512
#: Replays of one edge: this many at once, and then one in this many seconds.
_REPLAYS: Final = 8.0
_REPLAY_SECONDS: Final = 1.0
#: What the edge says of its client, which is written to the log and to security events.
_SPOKEN: Final = re.compile(r"[0-9A-Za-z.:%_-]{0,64}")
#: Bytes of a request besides those of its action.
_AROUND: Final = 1024
_NO_CEILING: Final = Ceiling()
#: What only the session of the client itself can answer.  A Ping that a client sends to a server is answered
#: by the agent, as that of a client of its own.
_FOR_THE_EDGE: Final = (ANSWERED_HERE | {PROXY_SERVERS.name.lower()}) - {b"ping"}


class _Edge:
    """What is known of one edge."""

    __slots__ = ("ceiling", "counts", "judged", "names", "open", "queries", "replays", "seen")

    def __init__(self, ctx: Context, ids: int) -> None:
        self.counts = EdgeCounts()
        #: What it may do; None if it is not configured.
        self.ceiling: Ceiling | None = None
        self.names: frozenset[bytes] | None = frozenset()
        #: A user with all that the ceiling admits.
        self.judged = User("")
        self.seen = Seen(ids)
        self.queries = OwnQueries(ctx)
        self.replays = Bucket()
        #: How many of its actions are not answered.
        self.open = 0

    def adopt(self, ceiling: Ceiling | None) -> None:
        known = _NO_CEILING if ceiling is None else ceiling
        self.ceiling = ceiling
        self.names = known.names
        self.judged = User("", read=known.read, write=known.write)


class _Call(NamedTuple):
    """A request that may be executed."""

    edge: str
    server: Server
    request: Request
    action: Action
    #: In monotonic seconds.
    expires: float


class EdgeView(NamedTuple):
    """One edge, for people."""

    name: str
    counts: EdgeCounts
    #: How many of its users have been active lately.
    users: int


class Desk:
    """Takes the requests that edges send to one agent."""

    __slots__ = ("_clock", "_ctx", "_edges", "_generations", "_ids", "_users", "publishers", "strangers")

    def __init__(
        self,
        ctx: Context,
        web: WebSessions,
        publishers: Mapping[str, Publisher],
        edges: Mapping[str, Ceiling],
        clock: Callable[[], int],
        ids: int = MOST,
    ) -> None:
        """``publishers``: those of the servers that the fleet knows, by their names there.

        ``clock`` is what beats say, in milliseconds.  ``ids``: most ids of requests that are remembered for
        each edge.
        """
        self._ctx = ctx
        self._ids = ids
        self._clock: Callable[[], int] = clock
        self.publishers = publishers
        self._users = EdgeUsers(ctx, web)
        self._generations = Generations(ctx)
        #: All that are configured, or were.
        self._edges: dict[str, _Edge] = {}
        #: Requests of edges that never were.
        self.strangers = 0
        self.adopt(edges)

    @property
    def edges(self) -> list[EdgeView]:
        """The edges that are configured."""
        return [
            EdgeView(name, edge.counts, self._users.count(name))
            for name, edge in self._edges.items()
            if edge.ceiling is not None
        ]

    def adopt(self, edges: Mapping[str, Ceiling]) -> None:
        """Replace the edges, and what they may do, at once: what they may not do any more is ended."""
        for name in {*self._edges, *edges}:
            edge = self._edges.get(name)
            if edge is None:
                edge = self._edges[name] = _Edge(self._ctx, self._ids)
            before, ceiling = edge.ceiling, edges.get(name)
            edge.adopt(ceiling)
            if before is not None and before != ceiling:
                self._users.narrow(name, before, ceiling)
                if ceiling is None or not ceiling.has_classes_of(before):
                    edge.queries.withdraw()

    def tick(self) -> None:
        """Forget what is not needed any more; to be called once a second."""
        self._generations.tick()
        now = self._clock()
        for name, edge in list(self._edges.items()):
            edge.seen.forget(now)
            if edge.ceiling is None and not len(edge.seen) and not edge.open:
                del self._edges[name]

    # -- missed events -----------------------------------------------------

    def ask(self, server: str, edge: str, data: bytes) -> Iterator[bytes]:
        """The messages that answer an edge which asks for missed events; none if it is refused."""
        known, publisher = self._edges.get(edge), self.publishers.get(server)
        if known is None or known.ceiling is None or publisher is None:
            self.strangers += 1
            return
        now = self._ctx.scheduler.now()
        if known.replays.wait(now, 1.0 / _REPLAY_SECONDS, _REPLAYS) > 0:
            known.counts.refused["too many"] += 1
            return
        try:
            asked = decode_ask(data)
        except WireError:
            known.counts.refused["malformed"] += 1
            return
        known.replays.take(now, 1.0 / _REPLAY_SECONDS)
        yield from publisher.replay(asked)

    # -- actions -----------------------------------------------------------

    def request(self, server: str, edge: str, data: bytes, done: Done) -> None:
        """Execute an action for an edge, or refuse it.

        ``done`` is called once with the messages of the answer, perhaps before this returns.
        """
        known = self._edges.get(edge)
        if known is None:
            self.strangers += 1
            done([_refused(b"", REFUSALS["edge"])])
            return
        counts = known.counts
        counts.last = self._ctx.scheduler.wall()
        request = action = None
        if len(data) <= self._ctx.limits.action_bytes + _AROUND:
            request = _decoded(data)
        if request is not None:
            action = _action_of(request)
        if request is None or action is None:
            self._refuse(edge, known, None, None, "malformed", done)
            return
        found = self._called(server, edge, known, request, action)
        if isinstance(found, str):
            self._refuse(edge, known, request, action, found, done)
            return
        refusal = self._execute(known, found, done)
        if refusal:
            self._refuse(edge, known, request, action, refusal, done)

    def _called(self, name: str, edge: str, known: _Edge, request: Request, action: Action) -> _Call | str:
        """The request as it may be executed, for a user or the edge itself; or why not, of REFUSALS."""
        publisher = self.publishers.get(name)
        if known.ceiling is None or publisher is None:
            return "edge"
        journal = publisher.server.journal
        if journal is None or journal.epoch != request.epoch:
            return "epoch"
        now = self._clock()
        if now > request.expires:
            return "expired"
        if request.expires > now + WINDOW:
            return "expires too late"
        again = known.seen.add(request.id, now)
        if again:
            return again
        if known.open >= _OPEN:
            return "too many"
        expires = self._ctx.scheduler.now() + (request.expires - now) / 1000.0
        return _Call(edge, publisher.server, request, action, expires)

    def _execute(self, known: _Edge, call: _Call, done: Done) -> str:
        """Execute it, or return why not."""
        if not call.request.user:
            return self._ask(known, call, done)
        found = self._user_of(known, call)
        if isinstance(found, str):
            return found
        action = call.action
        if isinstance(decide(known.judged, action, call.server.actions.table), Deny):
            return "class"
        if action.key in _FOR_THE_EDGE:
            return "answered by the edge"
        request = call.request
        session = self._users.enter(call.edge, call.server.name, found)
        if isinstance(session, str):
            return "session"
        known.counts.actions += 1
        known.open += 1
        peer = Peer.at(request.address, 0)
        origin = EdgeRequest(call.edge, request.id.hex(), peer, call.expires)

        def answered(answer: bytes) -> None:
            known.open -= 1
            done(_parts_of(answer or message.error(action.action_id, _NO_ANSWER)))

        session.run(request.action, answered, origin)
        return ""

    def _user_of(self, known: _Edge, call: _Call) -> User | str:
        """The user for whom the edge may send the action; or why not."""
        request = call.request
        if known.names is not None and folded(request.user) not in known.names:
            return "user"
        user = self._ctx.users.find(request.user.encode("utf-8", "surrogatepass"))
        if user is None or user.disabled or not user.acl.allows(canonical(request.address)):
            return "user"
        if not self._generations.knows(user, call.server.name, request.generation):
            return "generation"
        return user

    def _ask(self, known: _Edge, call: _Call, done: Done) -> str:
        """Ask Asterisk for the edge itself, or return why not."""
        ceiling = known.ceiling
        if ceiling is None or not is_own_query(call.action) or not admits(ceiling, call.action, call.server):
            return "class"
        if known.queries.is_full:
            return "too many"
        known.counts.own += 1
        known.open += 1

        def answered(answer: bytes) -> None:
            known.open -= 1
            done(_parts_of(answer))

        known.queries.add(OwnQuery(self._ctx, call.edge, call.server, call.action, call.expires, answered))
        return ""

    def _refuse(
        self,
        edge: str,
        known: _Edge,
        request: Request | None,
        action: Action | None,
        reason: str,
        done: Done,
    ) -> None:
        known.counts.refused[reason] += 1
        self._ctx.limit_state.rationed.say(
            log.WARNING,
            "edge-action-refused",
            edge,
            edge=edge,
            reason=reason,
            action=None if action is None else action.name,
            request=None if request is None else request.id.hex(),
            user=None if request is None else request.user or None,
        )
        done([_refused(b"" if action is None else action.action_id, REFUSALS[reason])])


def _decoded(data: bytes) -> Request | None:
    """The request, if it is well-formed."""
    try:
        request = decode_request(data)
    except WireError:
        return None
    spoken = _SPOKEN.fullmatch(request.session) and _SPOKEN.fullmatch(request.address)
    return request if spoken and is_one_message(request.action) else None


def _action_of(request: Request) -> Action | None:
    """The action of a request, if it is well-formed."""
    try:
        action = parse_action(request.action)
    except ProtocolError:
        return None
    # A message without an action may be a ProxyAction, which only concerns clients of this process.
    return action if action.name else None


def _refused(action_id: bytes, why: bytes) -> bytes:
    text = b"Refused by the agent, not executed: " + why
    return packed(Head(ANSWER, LAST | REFUSED), message.error(action_id, text))


def _parts_of(answer: bytes) -> list[bytes]:
    """The messages with this answer, which is one or more whole AMI messages."""
    bodies: list[bytes] = []
    begin = 0
    while len(answer) - begin > ANSWER_BYTES:
        # As many whole messages as fit, but at least one.
        end = answer.rfind(b"\r\n\r\n", begin, begin + ANSWER_BYTES)
        if end < 0:
            end = answer.find(b"\r\n\r\n", begin + ANSWER_BYTES - 3)
        if end < 0 or end + 4 == len(answer):
            break
        bodies.append(answer[begin : end + 4])
        begin = end + 4
    bodies.append(answer[begin:])
    last = len(bodies) - 1
    return [
        packed(Head(ANSWER, LAST if number == last else 0, 0, number), body)
        for number, body in enumerate(bodies)
    ]
