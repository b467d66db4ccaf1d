"""Adoption: replaces the table of users, one session after the other."""

# mypyc: compiled

from typing import Final

from amiproxy.ami import message
from amiproxy.ami.eventfilter import FilterSet
from amiproxy.core.clients.registry import SessionRegistry
from amiproxy.core.clients.routes.entrance import FLEET
from amiproxy.core.clients.routes.routing import Routing
from amiproxy.core.clients.session import Session
from amiproxy.core.context import Context
from amiproxy.core.fanout.subscriptions import Subscriptions
from amiproxy.core.model.limits import HistoryBounds, UpstreamLost
from amiproxy.core.model.rules import Scope
from amiproxy.core.model.state import OVER
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.policy import Deny
from amiproxy.core.policy.verdicts import VerdictCaches
from amiproxy.core.servers.servers import Configured
from amiproxy.steps import Steps

#: Why a session is closed by a reload: its user may not use its door any more, or, by HTTP, not from the
#: address of the connection or of the last request.
NO_DOOR: Final = "door not permitted"
NO_ADDRESS: Final = "address not permitted"
#: The same, of the page: its user has other rights now.
OTHER_RIGHTS: Final = "rights changed"


class Adoption:
    """Gives all sessions of one hub the users of another table."""

    __slots__ = (
        "_bounds",
        "_ctx",
        "_newcomers",
        "_registry",
        "_routing",
        "_subscriptions",
        "_upstream_lost",
        "_verdicts",
        "always_kept",
    )

    def __init__(
        self,
        ctx: Context,
        registry: SessionRegistry,
        routing: Routing,
        subscriptions: Subscriptions,
        verdicts: VerdictCaches,
    ) -> None:
        self._ctx = ctx
        self._registry = registry
        self._routing = routing
        self._subscriptions = subscriptions
        self._verdicts = verdicts
        #: While another user table is being adopted: the sessions that have logged in since that began.
        self._newcomers: list[Session] | None = None
        self._bounds = HistoryBounds()
        self._upstream_lost: UpstreamLost = "auto"
        #: See ``keep_always``.
        self.always_kept: frozenset[str] = frozenset()

    def follow_calls_for(self, users: UserTable) -> None:
        """Follow calls from the next event on, if any of these users has a scope."""
        if users.any_scope:
            for server in self._ctx.servers:
                self._subscriptions.of(server.name).follow(server.follow_calls())

    def adopt_history(self, bounds: HistoryBounds, upstream_lost: UpstreamLost) -> None:
        """Replace the bounds of the past that is kept, and ``upstream_lost`` of users who have none."""
        self._bounds = bounds
        self._upstream_lost = upstream_lost
        self.keep_for(self._ctx.users)

    def keep_always(self, names: frozenset[str]) -> None:
        """Keep the past of these servers from now on whether or not a user needs it: other processes do.

        Servers that are added later may be among them.
        """
        self.always_kept = names
        self.keep_for(self._ctx.users)

    def keep_for(self, *tables: UserTable) -> None:
        """Keep the past and the present of the servers for which a user of these tables needs them.

        Of all other servers nothing is kept from now on.
        """
        past = set(self.always_kept)
        present: set[str] = set()
        for users in tables:
            past |= users.with_journal
            present |= users.with_history | users.with_repair(self._upstream_lost)
        for server in self._ctx.servers:
            server.keep(self._bounds if server.name in past else None, server.name in present)

    def admitted(self, session: Session) -> None:
        """The session has logged in, with the users in force now."""
        if self._newcomers is not None:
            self._newcomers.append(session)

    def adopting(self, users: UserTable, servers: Configured) -> Steps[None]:
        """Replace the user table in steps: rights change, and sessions whose user is gone are closed.

        ``servers`` are those that stay; sessions bound to another one are closed.
        Anything may happen between two steps.  Each session is governed entirely by the old table or
        entirely by the new one, in what it may do and in what it is sent.  Logins are judged by the old
        table until the last step, after which all sessions use the new one and the generation has changed.
        """
        ctx = self._ctx
        self.follow_calls_for(users)
        self.keep_for(ctx.users, users)
        self._newcomers = []
        for session in self._registry.users:
            self._adopt_session(session, users, servers)
            yield
        yield from ctx.rates.adopting(users)
        for session in self._newcomers:
            self._adopt_session(session, users, servers)
        self._newcomers = None
        ctx.shares.keep({user.name for user in users})
        ctx.users = users
        self.keep_for(users)
        self._verdicts.forget()
        ctx.generation += 1
        ctx.settle()

    def closing(self, users: UserTable, servers: Configured) -> Steps[dict[str, dict[str, int]]]:
        """How many sessions ``adopting`` this table would close now, in steps: by user and reason."""
        found: dict[str, dict[str, int]] = {}
        for session in self._registry.users:
            before = session.principal.user
            if before is not None and session.state not in OVER:
                user = _successor(session, before, users)
                reason = user if isinstance(user, str) else self._routing.again(session.route, user, servers)
                if isinstance(reason, str):
                    reasons = found.setdefault(before.name, {})
                    reasons[reason] = reasons.get(reason, 0) + 1
            yield
        return found

    def _adopt_session(self, session: Session, users: UserTable, servers: Configured) -> None:
        if session.state in OVER:
            return  # it has ended since the first step
        try:
            before = session.principal.user
            assert before is not None
            user = _successor(session, before, users)
            if isinstance(user, str):
                session.close(user)
                return
            route = self._routing.again(session.route, user, servers)
            if isinstance(route, str):
                session.close(route)
                return
            session.follow(route)
            lanes = session.lanes
            for lane in lanes:
                self._follow_along(lane, user, servers)
            if user is not before:
                session.principal.user = user
                self._registry.rename(session, before, user)
                session.pays(self._ctx.shares.of_user(user.name))
            session.apply_limits(user)
            self._subscriptions.subscribe_again(session.member)
            for one in (session, *lanes):
                if user is not before:
                    _judge_again(one)
                if one.underway is not None:
                    one.underway.judge_again()
        except Exception as fault:
            self._ctx.fault(fault, "reload", session=session.id)
            session.close("fault")  # its rights are not known

    def _follow_along(self, lane: Session, user: User, servers: Configured) -> None:
        """Give a lane the route of its session, for which one was found."""
        route = self._routing.again(lane.route, user, servers)
        assert not isinstance(route, str)
        lane.follow(route)
        lane.apply_limits(user)


def _successor(session: Session, before: User, users: UserTable) -> User | str:
    """The user for this session of ``before``, or why it must be closed."""
    if session.entrance.door == FLEET:
        return users.standing(before)  # the edge judges how its clients log in, and each address is judged
    peer = session.transport.peer
    user = users.successor(before, peer.certificate)
    if isinstance(user, str):
        return user
    if session.entrance.door not in user.doors:
        return NO_DOOR
    # What the user may not see any more would stay on the page, as old as it gets, and look true.
    if session.entrance.door == "page" and _has_other_rights(before, user):
        return OTHER_RIGHTS
    # Sessions of AMI stay, as in Asterisk.  By HTTP connections come and go, so that it is as if the client
    # logged in with each; and a WebSocket must not be worth more than the session from which it was opened.
    is_refused = session.entrance.door != "ami" and not user.acl.allows(peer.address)
    return NO_ADDRESS if is_refused else user


def _has_other_rights(before: User, user: User) -> bool:
    """Whether what the user sees, or its classes, are not what they were at one of its servers."""
    if before.servers != user.servers:
        return True
    return any(_rights(before.at(server)) != _rights(user.at(server)) for server in user.servers)


def _rights(user: User) -> tuple[int, int, FilterSet, Scope | None]:
    return user.read, user.write, user.filters, None if user.rules is None else user.rules.scope


def _judge_again(session: Session) -> None:
    """Judge the session's list queries that wait to be sent, by the rights that it has now."""
    for place in session.route.places:
        asker = place.leg or session
        for action in place.server.recall(asker):
            decision = place.judge(place.rights, action, place.server.actions.table)
            if isinstance(decision, Deny):
                session.record_denied(action, decision.text, decision.rule, decision.hint)
                asker.failed(message.error(action.action_id, decision.text), decision.text)
            elif place.leg is not None:
                place.leg.submit_again(decision.action)
            else:
                session.submit(decision.action)
