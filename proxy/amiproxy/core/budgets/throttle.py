"""Throttle: how fast a session may act.

A session over its own rate, ``action_rate``, is held back: its action is kept and reading is
paused, so that TCP slows the client down.  Over the rate of one kind of action, only actions of
that kind wait, in the line of their user, while the session's other actions go on (see
``aside`` for the order).  Only once a session has been held back continuously for
``limits.rate_wait`` seconds are its actions answered with ``Rate limit``.
"""

# mypyc: compiled

from collections import deque
from typing import NamedTuple

from amiproxy.core.budgets.aside import Place, Waiter
from amiproxy.core.budgets.rests import Rests
from amiproxy.core.limits.bucket import Bucket
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User, UserTable, folded
from amiproxy.core.ports import Scheduler, Timer
from amiproxy.steps import Steps


class Line:
    """The rate of one user for one kind of action, and the actions that wait for it, in order."""

    __slots__ = ("_bucket", "_counted_at", "_scheduler", "_timer", "_waiting", "burst", "limit", "rate")

    def __init__(self, limit: str) -> None:
        #: The name of its rate in the configuration.
        self.limit = limit
        self.rate = 1.0
        self.burst = 1.0
        self._bucket = Bucket()
        #: The rate for which the bucket's level was computed.
        self._counted_at = 1.0
        self._waiting: deque[Place] = deque()
        self._timer: Timer | None = None
        self._scheduler: Scheduler | None = None

    def wait(self, now: float) -> float:
        """Seconds until an action that arrives now may run; 0: at once.  ``now`` is in monotonic seconds."""
        first = self._first(now)
        # If the rate was raised, the first waiting action may be due already, but this one still has to
        # wait behind all of them.
        return first + len(self._waiting) / self.rate

    def take(self, now: float) -> None:
        """Count an action that runs now.  ``now`` is in monotonic seconds."""
        self._bucket.take(now, self.rate)

    def join(self, place: Place, scheduler: Scheduler) -> None:
        """Add a waiting action; when it may run, its place is granted and its session advances."""
        self._scheduler = scheduler
        self._waiting.append(place)
        if self._timer is None:
            self._arm(scheduler)

    def leave(self, waiter: Waiter) -> None:
        """Remove all waiting actions of this session."""
        self._waiting = deque(place for place in self._waiting if place.waiter is not waiter)

    def look_again(self) -> None:
        """Compute the wait again after a change of the rate."""
        if self._timer is not None and self._scheduler is not None:
            self._timer.cancel()
            self._arm(self._scheduler)

    def _first(self, now: float) -> float:
        """Seconds until the first waiting action may run."""
        if self.rate != self._counted_at:
            self._bucket.rescale(now, self._counted_at, self.rate)
            self._counted_at = self.rate
        return self._bucket.wait(now, self.rate, self.burst)

    def _arm(self, scheduler: Scheduler) -> None:
        self._timer = scheduler.later(self._first(scheduler.now()), self._due)

    def _due(self) -> None:
        self._timer = None
        assert self._scheduler is not None
        now = self._scheduler.now()
        granted: list[Waiter] = []
        while self._waiting and not self._first(now):
            self._bucket.take(now, self.rate)
            place = self._waiting.popleft()
            place.granted = True
            granted.append(place.waiter)
        if self._waiting:
            self._arm(self._scheduler)
        for waiter in granted:
            waiter.advance()


class UserRates:
    """The rates that a user's sessions share: of Originates, of Commands, of sleeping in Asterisk.

    Users are known by their names without regard to case: a reload that spells a name differently changes no
    rate, and actions that wait stay where their session finds them.  ``now`` is in monotonic seconds.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        # At most two per user.
        self._lines: dict[tuple[bytes, bytes], Line] = {}
        # At most one per user and server: each Asterisk's session is a resource of its own.
        self._rests: dict[bytes, dict[str, Rests]] = {}
        #: Buckets of sessions that have ended, by user; at most ``limits.sessions_per_user`` each.
        self._kept: dict[bytes, list[Bucket]] = {}

    def find(self, user: User, key: bytes) -> Line | None:
        """The line for actions with this key; None if they have no rate besides the session's own."""
        if key not in (b"originate", b"command"):
            return None
        name = folded(user.name)
        line = self._lines.get((name, key))
        if line is None:
            line = self._lines[name, key] = Line(key.decode() + "_rate")
        limits, own = self.limits, user.limits
        if key == b"originate":
            line.rate = own.originate_rate or limits.originate_rate
            line.burst = float(own.originate_burst or limits.originate_burst)
        else:
            line.rate = own.command_rate or limits.command_rate
            line.burst = float(own.command_burst or limits.command_burst)
        return line

    def adopting(self, users: UserTable) -> Steps[None]:
        """Apply other limits or users, in steps: waiting actions are scheduled by the new rates."""
        for name in [name for name in self._kept if users.find(name) is None]:
            del self._kept[name]
        for name in [name for name in self._rests if users.find(name) is None]:
            del self._rests[name]
        for (name, key), line in list(self._lines.items()):
            user = users.find(name)
            if user is None:
                self._lines.pop((name, key), None)
            else:
                self.find(user, key)
                line.look_again()
            yield

    def leave(self, user: str, waiter: Waiter) -> None:
        """Remove the waiting actions of a session of this user, which is closed."""
        name = folded(user)
        for key in (b"originate", b"command"):
            line = self._lines.get((name, key))
            if line is not None:
                line.leave(waiter)
        for rests in self._rests.get(name, {}).values():
            rests.leave(waiter)

    def rests(self, user: str, server: str, hold: float, scheduler: Scheduler) -> Rests:
        """The ``Rests`` of this user: when its actions may sleep in the session of this server.

        ``hold`` is the ``link_hold`` of the server.
        """
        by_server = self._rests.setdefault(folded(user), {})
        rests = by_server.get(server)
        if rests is None:
            rests = by_server[server] = Rests(scheduler)
        rests.hold = hold
        return rests

    def drop(self, server: str) -> None:
        """Forget a server that is no longer configured."""
        for by_server in self._rests.values():
            by_server.pop(server, None)

    def keep(self, user: str, bucket: Bucket, now: float) -> None:
        """Keep the bucket of a session that has ended, if it is not full, for the user's next session.

        Otherwise a client could get around its rate by reconnecting.
        """
        if not bucket.is_full(now):
            name = folded(user)
            kept = [one for one in self._kept.get(name, ()) if not one.is_full(now)]
            self._kept[name] = [*kept, bucket][-self.limits.sessions_per_user :]

    def take_kept(self, user: str, now: float) -> Bucket | None:
        """Take out a bucket that an earlier session of the user has left; None if none was left."""
        name = folded(user)
        kept = [one for one in self._kept.pop(name, ()) if not one.is_full(now)]
        if len(kept) > 1:
            self._kept[name] = kept[:-1]
        return kept[-1] if kept else None


class Held(NamedTuple):
    """An action that may not run yet."""

    seconds: float
    #: The name of the limit that it exceeds.
    limit: str
    #: Whether it is to be refused; for ``action_rate``, once the seconds are over.
    refused: bool
    #: Whether the action before it did not have to wait.
    first: bool


class Throttle:
    """One session's own rate, and the time since which each limit has held it back.

    ``now`` is in monotonic seconds.
    """

    __slots__ = ("_counted_at", "_own", "_shared", "_since")

    def __init__(self, shared: UserRates) -> None:
        self._shared = shared
        self._own = Bucket()
        self._counted_at = 1.0
        self._since: dict[str, float] = {}

    def begin(self, user: User, now: float) -> None:
        """Start for a session that has logged in, with the bucket of an earlier session if one was kept."""
        self._own = self._shared.take_kept(user.name, now) or self._own
        self._counted_at = user.limits.action_rate or self._shared.limits.action_rate

    def end(self, user: User, now: float) -> None:
        """Keep the bucket of the session, which has ended."""
        self._shared.keep(user.name, self._own, now)

    def own(self, user: User, now: float) -> Held | None:
        """None if the session may act now.  The action is counted either way, so call this once for each."""
        limits, own = self._shared.limits, user.limits
        rate = own.action_rate or limits.action_rate
        if rate != self._counted_at:
            self._own.rescale(now, self._counted_at, rate)
            self._counted_at = rate
        wait = self._own.wait(now, rate, own.action_burst or limits.action_burst)
        self._own.take(now, rate)
        return self._held("action_rate", wait, now)

    def kind(self, line: Line, now: float) -> Held | None:
        """None if the user may run an action of this kind now, which is then counted.

        Otherwise the caller must ``join`` it to the line, or refuse it.
        """
        held = self._held(line.limit, line.wait(now), now)
        if held is None:
            line.take(now)
        return held

    def _held(self, limit: str, wait: float, now: float) -> Held | None:
        since = self._since.get(limit)
        if wait <= 0:
            if since is not None:
                del self._since[limit]
            return None
        first = since is None
        if since is None:
            since = self._since[limit] = now
        return Held(wait, limit, now + wait - since > self._shared.limits.rate_wait, first)
