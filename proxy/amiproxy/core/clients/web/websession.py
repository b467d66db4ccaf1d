"""WebSession: a client that is logged in, whose requests come over any connections."""

from collections.abc import Callable
from typing import Final, Protocol

from amiproxy.ami import message
from amiproxy.ami.message import Action
from amiproxy.core.admission.addresses import network_of
from amiproxy.core.clients.principal import Principal
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.session import Session
from amiproxy.core.clients.web.jobs import EDGE_REFUSED, Cancel, EdgeRequest, Job, job_of
from amiproxy.core.clients.web.lane import Lane
from amiproxy.core.clients.web.unread import Unread
from amiproxy.core.clients.web.waiting import Waits, WebWait
from amiproxy.core.context import Context
from amiproxy.core.model.state import OVER
from amiproxy.core.model.users import User
from amiproxy.core.ports import Peer, Transport

#: Lanes that are free and are kept for the next actions.
_KEPT: Final = 2
#: Seconds for which a lane is kept besides: Asterisk may still have an event for its client alone.
_KEPT_SECONDS: Final = 60.0
#: Seconds by which a WaitEvent is shorter than a session may be unused, as in Asterisk.
_SPARE_SECONDS: Final = 10.0
#: The Message of the error for an answer that is longer than an answer may be.
TOO_LONG: Final = b"Answer too long (limits.http_answer_bytes)"
#: Why sessions end, besides the reasons of other sessions.
REASONS: Final = ("not logged in", "challenge expired", "too many web sessions", "too old", EDGE_REFUSED)


class Home(Protocol):
    """All web sessions, as one of them sees them."""

    @property
    def ctx(self) -> Context:
        """That of all sessions."""

    @property
    def waits(self) -> Waits:
        """The WaitEvents that are running."""

    def main_lane(self, session: "WebSession", entrance: Entrance) -> Lane:
        """A session that has not logged in."""

    def further_lane(self, session: "WebSession", main: Lane) -> Lane:
        """A lane beside this one, which has logged in."""

    def complete(self, job: Job, answer: bytes, then: Callable[[], None] | None = None) -> None:
        """Call ``then``, and give the answer to the client, in the next turn."""

    def open(
        self, session: "WebSession", transport: Transport, entrance: Entrance, mask: bytes
    ) -> Session | str:
        """See ``WebSession.open``."""

    def forget(self, session: "WebSession") -> None:
        """It is over."""


class WebSession:
    """One logged-in client of doors that speak HTTP.  ``WebSessions`` makes and finds them."""

    __slots__ = (
        "_asked",
        "_free",
        "_home",
        "_jobs",
        "_next",
        "_opened",
        "_queue",
        "_running",
        "_unread",
        "_wait",
        "began",
        "by",
        "entrance",
        "is_over",
        "key",
        "lanes",
        "main",
        "name",
        "on_end",
        "peer",
        "used",
    )

    def __init__(self, home: Home, peer: Peer, entrance: Entrance, name: bytes, by: str) -> None:
        """It has not logged in yet; ``name`` is the user's as the client gave it, perhaps with a server's."""
        now = home.ctx.scheduler.now()
        self._home = home
        #: Where its last request came from.
        self.peer = peer
        #: Of the listener and the door where it has logged in.
        self.entrance = entrance
        self.name = name
        #: How its client has proved that it is the user: ``secret`` or a Proof.
        self.by = by
        #: What its cookie says, 32 lower-case hexadecimal digits; b"" before its login.
        self.key = b""
        #: When it was opened and when it was last used, in monotonic seconds.
        self.began = self.used = now
        self.is_over = False
        #: Called once, when it is over.
        self.on_end: list[Callable[[], None]] = []
        #: The lanes that run actions; ``main`` is not one of them.
        self.lanes: list[Lane] = []
        self._free: list[Lane] = []
        self._jobs: dict[Lane, Job] = {}
        #: The number of ``_jobs`` that count as in flight.
        self._running = 0
        #: Those that wait, in order.
        self._queue: dict[Job, None] = {}
        #: Sessions of the same client with connections of their own.
        self._opened: dict[Session, None] = {}
        #: The WaitEvent that is running.
        self._wait: WebWait | None = None
        #: The lane that has been given a WaitEvent which has not begun: the rate of the session may delay it.
        self._asked: Lane | None = None
        #: The WaitEvent that is to follow that one, and the seconds for which it may last at most.
        self._next: tuple[Job, float] | None = None
        self._unread: Unread | None = None
        self.main = home.main_lane(self, entrance)

    @property
    def user(self) -> User:
        """The user who is logged in."""
        user = self.main.principal.user
        assert user is not None
        return user

    @property
    def principal(self) -> Principal:
        """That of all its lanes."""
        return self.main.principal

    @property
    def is_logged_in(self) -> bool:
        """Whether its login has succeeded, and it is not over."""
        return self.main.principal.user is not None and not self.is_over

    @property
    def is_busy(self) -> bool:
        """Whether it is in use now: an action runs, or a session of its client is open."""
        for session in list(self._opened):
            if session.state in OVER:
                del self._opened[session]
        return bool(self._jobs or self._opened)

    def is_near(self, peer: Peer) -> bool:
        """Whether its last request came from what counts as the same address."""
        return network_of(self.peer.address) == network_of(peer.address)

    def came_from(self, peer: Peer, entrance: Entrance) -> bool:
        """Whether it began at this listener and door, and near this peer."""
        return self.entrance is entrance and self.is_near(peer)

    # -- actions -----------------------------------------------------------

    def run(self, action: bytes, done: Callable[[bytes], None], request: EdgeRequest | None = None) -> Cancel:
        """Run one AMI action, a whole message; ``done`` is called with its whole answer, in a later turn.

        The answer is b"" if the session ended without one.  Up to ``limits.in_flight_per_session`` actions
        run at a time; more wait, in order.  Raises ValueError if ``action`` is not exactly one message.
        """
        return self._run(job_of(action, done, request))

    def _run(self, job: Job) -> Cancel:
        if self.is_over:
            self._home.complete(job, b"")
        elif not job.counts:
            return self._wait_for(job, max(self.entrance.idle - _SPARE_SECONDS, 0.0))
        elif self._queue or self._running >= self._home.ctx.limits.in_flight_per_session:
            self._queue[job] = None
        else:
            self._begin(job)

        def cancel() -> None:
            job.cancel()
            # Or a client that asks and leaves could have any number of them wait.
            self._queue.pop(job, None)

        return cancel

    @property
    def waiting(self) -> int:
        """The number of actions that wait for others of this session."""
        return len(self._queue)

    def wait(self, action: bytes, seconds: float, done: Callable[[bytes], None]) -> Cancel:
        """Run a WaitEvent, for ``seconds`` at most, or what the action says if that is less; else as ``run``.

        It ends with the first event since the last one, or since the login; at once if there is one.  It does
        not count as in flight, and ends an earlier one, which is then answered with b"".
        """
        job = job_of(action, done)
        if self.is_over or job.counts:
            return self._run(job)
        return self._wait_for(job, seconds)

    def _wait_for(self, job: Job, seconds: float) -> Cancel:
        if self._asked is None:
            self._begin(job, seconds)
        else:
            # Each would take a lane, and an earlier one would end when it begins.
            if self._next is not None:
                self._home.complete(self._next[0], b"")
            self._next = job, seconds

        def cancel() -> None:
            job.cancel()
            if self._next is not None and self._next[0] is job:
                self._next = None
            elif self._wait is not None and self._jobs.get(self._wait.lane) is job:
                self._wait.replaced()

        return cancel

    def begin_wait(self, lane: Lane, action: Action) -> None:
        """See LaneClient."""
        self._asked = None
        if self._next is not None:
            self._home.ctx.scheduler.later(0, self._go_on)
        job, unread = self._jobs[lane], self.unread
        wait = WebWait(self._home.waits, unread, lane, action)
        if job.is_cancelled:  # while it waited for the rate of the session
            lane.wait(wait)
            wait.replaced()
            return
        if self._wait is not None:
            self._wait.replaced()
        if not unread.keeps_aside:
            unread.keeps_aside = True
            self._home.ctx.subscribe(unread)
        self._wait = wait
        lane.wait(wait)
        wait.begin(lane.longest_wait)

    @property
    def unread(self) -> Unread:
        """The events that it has not been sent.  It must have logged in."""
        if self._unread is None:
            self._unread = Unread(self._home.ctx, self.principal, self._news)
            self._unread.keeps_aside = self.entrance.door == "ajam"
        return self._unread

    def _news(self) -> None:
        if self._wait is not None:
            self._home.waits.due(self._wait)

    def log_in(self, action: bytes, done: Callable[[bytes], None]) -> Cancel:
        """Give the main lane an action before its login; as ``run``."""
        job = job_of(action, done)
        self._jobs[self.main] = job
        self.main.ask(action)

        def cancel() -> None:
            if not job.is_done:
                job.cancel()
                self.main.lost("client closed")

        return cancel

    def _begin(self, job: Job, longest_wait: float = 0.0) -> None:
        lane = self._free.pop() if self._free else self._further()
        self._jobs[lane] = job
        self._running += job.counts
        if not job.counts:
            self._asked = lane
        self.main.received += len(job.action)
        lane.longest_wait = longest_wait
        lane.ask(job.action, job.request)

    def _further(self) -> Lane:
        lane = self._home.further_lane(self, self.main)
        self.lanes.append(lane)
        return lane

    # -- see LaneClient ----------------------------------------------------

    def answered(self, lane: Lane) -> None:
        """See LaneClient."""
        answer = lane.collected.take()
        if lane is not self.main:
            self.main.outbox.sent += len(answer)
        self._complete(lane, answer)

    def _complete(self, lane: Lane, answer: bytes) -> None:
        job = self._jobs.pop(lane, None)
        if self._wait is not None and self._wait.lane is lane:
            self._wait = None
        if self._asked is lane:
            self._asked = None
        if job is not None:
            running = int(job.counts)
            self._home.complete(job, answer, lambda: self._freed(lane, running))

    def _freed(self, lane: Lane, running: int) -> None:
        """The call is over in which the lane has answered."""
        if lane is self.main:
            return
        self._running -= running
        if lane in self.lanes:
            lane.used = self._home.ctx.scheduler.now()
            self._free.append(lane)
        self._go_on()

    def _go_on(self) -> None:
        most = self._home.ctx.limits.in_flight_per_session
        while self._queue and self._running < most and not self.is_over:
            job = next(iter(self._queue))
            del self._queue[job]
            self._begin(job)
        if self._next is not None and self._asked is None:
            following, self._next = self._next, None
            self._begin(*following)

    def aside(self, data: bytes) -> None:
        """See LaneClient."""
        self.unread.keep(data)

    def over(self, lane: Lane, reason: str) -> None:
        """See LaneClient."""
        lane.collected.take()  # a part of an answer is none
        job = self._jobs.get(lane)
        is_too_long = job is not None and reason == "slow consumer"
        self._complete(lane, message.error(job.action_id, TOO_LONG) if job and is_too_long else b"")
        if lane is self.main:
            return
        self.lanes.remove(lane)
        if lane in self._free:
            self._free.remove(lane)
        if reason == "logoff":
            self.end(reason)

    # -- sessions of their own ---------------------------------------------

    def open(self, transport: Transport, entrance: Entrance, mask: bytes = b"") -> Session | str:
        """Open a session of the same user for a WebSocket or an event stream, which is logged in already.

        It ends with this one.  ``mask`` is its event mask as in the header ``Events`` of a Login: with
        ``off`` it is sent no events before it asks, such as by ProxyResume.  Returns the reason if it is
        refused; the transport was closed then.
        """
        if self.is_over:
            return "user changed during login"
        session = self._home.open(self, transport, entrance, mask)
        if isinstance(session, Session):
            self._opened[session] = None
        return session

    # -- the end -----------------------------------------------------------

    def end(self, reason: str) -> None:
        """End it, and everything that its client has open; does nothing if it is over.

        ``reason`` is ASCII, and one of a few fixed texts.
        """
        if not self.is_over:
            self.main.close(reason)

    def ends(self, reason: str) -> None:
        """See LaneClient."""
        if self.is_over:
            return
        self.is_over = True
        for lane in list(self.lanes):
            lane.close(reason)
        text = b"Session closed: " + reason.encode()
        for job in self._queue:
            self._home.complete(job, message.error(job.action_id, text))
        self._queue.clear()
        if self._next is not None:
            self._home.complete(self._next[0], b"")
        for session in list(self._opened):
            session.dismiss(reason)
        self._opened.clear()
        if self._unread is not None:
            self._unread.keeps_aside = False
            self._home.ctx.subscribe(self._unread)
        self._home.forget(self)
        for call in self.on_end:
            call()
        self.on_end.clear()

    def tick(self, now: float) -> None:
        """End it if it was not used for too long, or has lasted too long; ``now`` is in monotonic seconds."""
        if self.is_busy:
            self.used = now
        if now - self.used > self.entrance.idle:
            self.end("idle")
        elif self.by != "edge" and now - self.began > self._home.ctx.limits.web_session_seconds:
            self.main.limit_reached("web_session_seconds")
            self.end("too old")
        elif len(self._free) > _KEPT:
            for lane in self._free[:-_KEPT]:
                if now - lane.used > _KEPT_SECONDS + self._home.ctx.limits.originate_timeout_max:
                    lane.close("idle")
