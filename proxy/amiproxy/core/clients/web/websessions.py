"""WebSessions: all web sessions: how they log in, how their requests find them, and when they end."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from amiproxy.ami import message
from amiproxy.ami.errors import ProtocolError
from amiproxy.ami.message import Action, parse_action
from amiproxy.core.clients.login import Login
from amiproxy.core.clients.logins.attempt import Proof
from amiproxy.core.clients.registry import SessionRegistry
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.routes.routing import Routing
from amiproxy.core.clients.session import Handler, Handlers, Session, SessionOwner
from amiproxy.core.clients.tap import Taps
from amiproxy.core.clients.web.basic import BasicLogins, LoggedIn
from amiproxy.core.clients.web.digestlogins import DigestLogins
from amiproxy.core.clients.web.jobs import Cancel, Job
from amiproxy.core.clients.web.lane import Lane
from amiproxy.core.clients.web.remembered import Remembered
from amiproxy.core.clients.web.tickets import Tickets, new_key
from amiproxy.core.clients.web.waiting import Waits
from amiproxy.core.clients.web.websession import WebSession
from amiproxy.core.context import Context
from amiproxy.core.model.users import folded
from amiproxy.core.ports import Peer, Transport

#: Seconds for which a client may use a challenge, as in Asterisk.
_CHALLENGE_SECONDS: Final = 5.0
NOT_RESUMABLE: Final = b"ProxyResume needs a client with a stream of events, such as a WebSocket"


class Attendance(SessionOwner, Protocol):
    """What counts sessions: the roster of the hub."""

    taps: Taps

    def opened(self, session: Session) -> None:
        """A session begins that has not logged in."""

    def forget(self, session: Session) -> None:
        """Nothing more is sent to this session, nor awaited for it."""


class WebSessions:
    """The web sessions of one hub.  See ``Home`` in websession.py, and ``SessionOwner`` for their lanes."""

    def __init__(
        self,
        ctx: Context,
        registry: SessionRegistry,
        routing: Routing,
        roster: Attendance,
        login: Login,
        handlers: Handlers,
        attach: Callable[[Transport, Entrance], Session],
    ) -> None:
        """``attach`` opens a session with a connection of its own that has not logged in."""
        self.ctx = ctx
        self._registry = registry
        self._routing = routing
        self._roster = roster
        self._login = login
        self._attach: Callable[[Transport, Entrance], Session] = attach
        own: dict[bytes, Handler] = {b"proxyresume": _refuse_resume, b"waitevent": _wait_event}
        self._handlers = handlers._replace(after_login={**handlers.after_login, **own})
        #: See Home.
        self.waits = Waits(ctx)
        self._sessions: dict[bytes, WebSession] = {}
        #: The same by the name of their users, as ``folded`` has it.
        self._by_user: dict[bytes, dict[WebSession, None]] = {}
        #: Sessions that were given a challenge and have not logged in, the oldest first.
        self._challenged: dict[bytes, WebSession] = {}
        self._tickets = Tickets(ctx)
        self._basic = BasicLogins(ctx, self)
        self._by_certificate = Remembered(ctx)
        #: Clients that prove themselves by a digest of their secret.
        self.digests = DigestLogins(ctx, self)
        self._completed: deque[tuple[Job, bytes, Callable[[], None] | None]] = deque()

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def lanes(self) -> Iterator[Lane]:
        """The sessions that no registry has."""
        for session in self._sessions.values():
            yield from session.lanes

    # -- logging in --------------------------------------------------------

    def login(
        self,
        peer: Peer,
        entrance: Entrance,
        action: bytes,
        done: LoggedIn,
        challenged: bytes = b"",
    ) -> Cancel:
        """Run the action of a client that has not logged in, normally a Login: one whole AMI message.

        ``done`` is called in a later turn with the session, or with None after a refusal, which comes after
        Asterisk's second; and with the answer, b"" if the client was turned away without one because there is
        no room.  ``challenged`` is the key that ``challenge`` returned to this client.  Raises ValueError if
        ``action`` is not exactly one message.
        """
        session = self._challenged.pop(challenged, None)
        if session is not None and not session.came_from(peer, entrance):
            session.end("not logged in")
            session = None
        if session is None:
            session = WebSession(self, peer, entrance, _user_name(action), "secret")
        session.peer, session.name = peer, _user_name(action)
        begun = session

        def answered(answer: bytes) -> None:
            if begun.is_logged_in:
                self._admit(begun)
                done(begun, answer)
            else:
                begun.end("not logged in")
                done(None, answer)

        return session.log_in(action, answered)

    def challenge(
        self, peer: Peer, entrance: Entrance, action: bytes, done: Callable[[bytes, bytes], None]
    ) -> Cancel:
        """Run the Challenge of a client that has not logged in.

        ``done`` is called in a later turn with the key by which its Login finds the challenge within five
        seconds, b"" if it was given none; and with the answer.  Raises ValueError as ``login`` does.
        """
        session = WebSession(self, peer, entrance, b"", "secret")

        def answered(answer: bytes) -> None:
            key = b""
            if session.main.challenge and not session.is_over:
                key = session.key = new_key()
                self._keep_challenged(session)
            else:
                session.end("not logged in")
            done(key, answer)

        return session.log_in(action, answered)

    def _keep_challenged(self, session: WebSession) -> None:
        limits, challenged = self.ctx.limits, self._challenged
        challenged[session.key] = session
        near = [one for one in challenged.values() if one.is_near(session.peer)]
        if len(near) > limits.unauthenticated_per_address:
            near[0].main.limit_reached("unauthenticated_per_address")
            near[0].end("displaced before login")
        if len(challenged) > limits.unauthenticated:
            oldest = next(iter(challenged.values()))
            oldest.main.limit_reached("unauthenticated")
            oldest.end("displaced before login")

    def secret_of(self, name: bytes) -> bytes | None:
        """The secret of the user with exactly this name, perhaps with a server's; None if it is not known."""
        found = self._routing.login_name(self.ctx.users, name)
        user = found.user
        return None if user is None or user.name.encode() != found.name else user.md5_secret

    def is_penalised(self, peer: Peer) -> bool:
        """Whether all logins from its address are refused now."""
        return self.ctx.limit_state.admission.is_penalised(peer.address, self.ctx.scheduler.now())

    def refuse(self, peer: Peer, entrance: Entrance, user_name: bytes) -> None:
        """Log and count a login as this user with a wrong secret, which a door has checked."""
        session = WebSession(self, peer, entrance, user_name, "digest")
        self._login.refuse(session.main, user_name)

    def enter(self, peer: Peer, entrance: Entrance, user_name: bytes, by: Proof) -> WebSession | str:
        """Log in a client that has proved in this way that it is the user.

        All other checks of a login are made.  A client with the same certificate and address as before finds
        its session again, until that was not used for 60 seconds; then it ends.  One that comes by an edge is
        limited neither in number nor in time, and its ``peer`` stands for the edge.  Returns the reason, of
        ``REASONS``, if it is refused: the client is to be told so after Asterisk's second, with nothing that
        tells the reasons apart.
        """
        certificate = peer.certificate.sha256 if peer.certificate is not None else ""
        known = (user_name, certificate, peer.address, entrance.door, entrance.server)
        session = self._by_certificate.find(known) if by == "certificate" else None
        if session is not None and self.permits(session, peer, entrance):
            return session
        session = WebSession(self, peer, entrance, user_name, by)
        reason = self._login.enter(session.main, user_name, by)
        if reason:
            return reason
        self._admit(session)
        if by == "certificate":
            self._by_certificate.keep(known, session)
        return session

    def basic(self, peer: Peer, entrance: Entrance, name: bytes, secret: bytes, done: LoggedIn) -> Cancel:
        """As ``login``, with a name and a secret; an equal pair from the same address finds the same session.

        It does so until the session was not used for 60 seconds; then it ends.
        """
        return self._basic.login(peer, entrance, name, secret, done)

    def _admit(self, session: WebSession) -> None:
        """The session has logged in."""
        session.key = new_key()
        session.used = self.ctx.scheduler.now()
        self._sessions[session.key] = session
        if session.by == "edge":
            return
        mine = self._by_user.setdefault(folded(session.user.name), {})
        most = self.ctx.limits.web_sessions_per_user
        while len(mine) >= most:
            idle = [one for one in mine if not one.is_busy] or list(mine)
            longest = min(idle, key=lambda one: one.used)
            longest.main.limit_reached("web_sessions_per_user")
            longest.end("too many web sessions")
        self._by_user.setdefault(folded(session.user.name), mine)[session] = None

    # -- finding them ------------------------------------------------------

    def find(self, key: bytes, peer: Peer, entrance: Entrance) -> WebSession | None:
        """The session whose cookie says this, which is then in use; None if there is none for this client.

        It is not found where its user might not log in: by this door, from this address, or with another
        certificate.
        """
        session = self._sessions.get(key)
        return session if session is not None and self.permits(session, peer, entrance) else None

    def permits(self, session: WebSession, peer: Peer, entrance: Entrance) -> bool:
        """Whether a request from here may use the session; it is then in use.  See ``find``."""
        if session.is_over or session.by == "edge" or entrance.server != session.entrance.server:
            return False
        user = session.user
        claim = self.ctx.users.claim(user, peer.certificate)
        if (
            entrance.door not in user.doors
            or not user.acl.allows(peer.address)
            or claim.refusal is not None
            or (claim.needs_secret and session.by == "certificate")
        ):
            return False
        session.peer = peer
        session.used = self.ctx.scheduler.now()
        return True

    def ticket(self, session: WebSession) -> bytes:
        """A ticket for the session: 32 lower-case hexadecimal digits, good once, for 30 seconds."""
        return self._tickets.make(session)

    def redeem(self, ticket: bytes, peer: Peer, entrance: Entrance) -> WebSession | None:
        """The session that this ticket is for, which is void then; None as for ``find``."""
        session = self._tickets.take(ticket)
        return session if session is not None and self.permits(session, peer, entrance) else None

    def tick(self, now: float) -> None:
        """End what was not used for too long; called once a second, with monotonic seconds."""
        for session in list(self._sessions.values()):
            session.tick(now)
        for session in list(self._challenged.values()):
            if now - session.began > _CHALLENGE_SECONDS:
                session.end("challenge expired")
        self._tickets.tick()
        self._basic.tick()
        self._by_certificate.tick()
        self.digests.tick()

    # -- see Home ----------------------------------------------------------

    def main_lane(self, session: WebSession, entrance: Entrance) -> Lane:
        """See Home."""
        route = self._routing.before_login(entrance)
        lane = Lane(self._roster, self.ctx, session, self._handlers, entrance, route)
        self._roster.opened(lane)
        return lane

    def further_lane(self, session: WebSession, main: Lane) -> Lane:
        """See Home."""
        lane = Lane(self, self.ctx, session, self._handlers, main.entrance, main.route, main)
        lane.follow(self._routing.route(session.user, main.route.bound, lane))
        self._roster.taps.entered(lane)
        return lane

    def complete(self, job: Job, answer: bytes, then: Callable[[], None] | None = None) -> None:
        """See Home."""
        if not self._completed:
            self.ctx.scheduler.later(0, self._tell_completed)
        self._completed.append((job, answer, then))

    def _tell_completed(self) -> None:
        due = list(self._completed)
        self._completed.clear()
        for job, answer, then in due:
            if then is not None:
                then()
            if not job.is_cancelled:
                job.is_done = True
                try:
                    job.done(answer)
                except Exception as fault:
                    self.ctx.fault(fault, "web session")

    def open(
        self, session: WebSession, transport: Transport, entrance: Entrance, mask: bytes
    ) -> Session | str:
        """See Home."""
        opened = self._attach(transport, entrance)
        opened.client = session
        headers = ((b"Events", mask),) if mask else ()
        return self._login.enter(opened, session.name, "session", *headers) or opened

    def forget(self, session: WebSession) -> None:
        """See Home."""
        self._sessions.pop(session.key, None)
        self._challenged.pop(session.key, None)
        user = session.principal.user
        mine = self._by_user.get(folded(user.name), {}) if user is not None else {}
        if session in mine:
            del mine[session]
            if not mine:
                assert user is not None
                del self._by_user[folded(user.name)]

    # -- see SessionOwner, for lanes ------------------------------------------

    def ended(self, session: Session, _reason: str) -> None:
        """See SessionOwner."""
        self._roster.forget(session)

    def gone(self, session: Session) -> None:
        """See SessionOwner."""


def _user_name(action: bytes) -> bytes:
    try:
        return parse_action(action).get(b"username")
    except ProtocolError:
        return b""  # the lane says what is wrong


def _refuse_resume(session: Session, action: Action) -> None:
    session.answer(message.error(action.action_id, NOT_RESUMABLE))


def _wait_event(session: Session, action: Action) -> None:
    assert isinstance(session, Lane)
    session.begin_wait(action)
