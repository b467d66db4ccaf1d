"""Roster: opens the sessions of all clients, and counts them in and out."""

# mypyc: compiled

from typing import Final

from amiproxy import log
from amiproxy.core.admission import newcomers
from amiproxy.core.adoption import Adoption
from amiproxy.core.clients.history.cursor import Cursors
from amiproxy.core.clients.registry import SessionRegistry
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.routes.routing import Routing
from amiproxy.core.clients.session import Handlers, Session
from amiproxy.core.clients.tap import Taps
from amiproxy.core.context import Context
from amiproxy.core.fanout.subscriptions import Subscriptions
from amiproxy.core.ports import Transport

#: Seconds that the client of a closing session has to read its last bytes.
_CLOSE_SECONDS: Final = 5.0


class Roster:
    """Everything that counts sessions learns from it that one begins, has logged in, or ends."""

    __slots__ = (
        "_adoption",
        "_ctx",
        "_cursors",
        "_registry",
        "_routing",
        "_subscriptions",
        "closing",
        "taps",
    )

    def __init__(
        self,
        ctx: Context,
        registry: SessionRegistry,
        routing: Routing,
        adoption: Adoption,
        subscriptions: Subscriptions,
        cursors: Cursors,
    ) -> None:
        self._ctx = ctx
        self._registry = registry
        self._routing = routing
        self._adoption = adoption
        self._subscriptions = subscriptions
        self._cursors = cursors
        self.taps = Taps()
        #: The sessions that are closing, and the monotonic time until which their last bytes may take.
        self.closing: dict[Session, float] = {}

    def open(self, transport: Transport, entrance: Entrance, handlers: Handlers) -> Session:
        """Open a session and greet its client."""
        route = self._routing.before_login(entrance)
        session = Session(self, self._ctx, transport, handlers, entrance, route)
        self.opened(session)
        session.greet(session.server.banner)
        return session

    def opened(self, session: Session) -> None:
        """A session begins that has not logged in."""
        limit_state, transport = self._ctx.limit_state, session.transport
        self._registry.add(session)
        limit_state.newcomers.advance(transport, newcomers.GREETED)
        door, address = session.principal.door, transport.peer.address
        limit_state.rationed.say(log.INFO, "session-open", address, session=session.id, door=door)

    def admitted(self, session: Session) -> None:
        """The session has logged in: update everything that counts sessions and users."""
        ctx, user, transport = self._ctx, session.principal.user, session.transport
        assert user is not None
        now, limit_state = ctx.scheduler.now(), ctx.limit_state
        self._registry.admit(session, user)
        self._adoption.admitted(session)
        session.pays(ctx.shares.of_user(user.name))
        session.queue.throttle.begin(user, now)
        ctx.stats.logins += 1
        limit_state.admission.authenticated(transport)
        limit_state.admission.succeeded(transport.peer.address)
        limit_state.newcomers.admit(transport, transport.peer.address, now)
        session.apply_limits(user)
        self.taps.entered(session)

    def ended(self, session: Session, reason: str) -> None:
        """The session ends: remove it everywhere.  Its client has some seconds to read the last bytes."""
        ctx, user, transport = self._ctx, session.principal.user, session.transport
        ctx.stats.closed(reason)
        now, limit_state = ctx.scheduler.now(), ctx.limit_state
        if user is not None:
            limit_state.newcomers.acquaintances.note(transport.peer.address, now)
        else:
            limit_state.newcomers.depart(transport)
            ctx.verifier.abandon(transport)
        self._registry.remove(session)
        if user is not None:
            session.queue.throttle.end(user, now)
        self.forget(session)
        self.closing[session] = now + _CLOSE_SECONDS

    def forget(self, session: Session) -> None:
        """Nothing more is sent to this session, nor awaited for it."""
        self._ctx.answered.pop(session, None)
        self._ctx.backpressure.left(session)
        session.route.abandon(session)
        self._cursors.left(session)
        self._subscriptions.leave(session)  # the events that are pending for it are not sent
        self.taps.left(session)

    def gone(self, session: Session) -> None:
        """The session's transport is closed."""
        self.closing.pop(session, None)

    def tick(self, now: float) -> None:
        """End sessions that have taken too long, with monotonic seconds."""
        login = self._ctx.limits.login_timeout
        for session in self._registry.before_login:
            if now - session.principal.opened <= login:
                break  # they are in the order in which they were accepted
            session.limit_reached("login_timeout")
            session.close("login timeout", abort=True)
        for session, until in list(self.closing.items()):
            if now > until:
                session.close("", abort=True)
        for session in self._registry.sessions:
            session.tick(now)
