"""Throttle: how fast a session may act.

Who is over a rate is made to wait: its action is kept, nothing more is read
from it, and TCP tells its sender.  Only who has been held back for
``limits.rate_wait`` without a break is told ``Rate limit``, until it lets up.
"""

from typing import TYPE_CHECKING, NamedTuple

from proxy.ami import message
from proxy.ami.message import Action
from proxy.config.limits import Limits
from proxy.core.bucket import Bucket
from proxy.core.state import State

if TYPE_CHECKING:
    from proxy.core.session import Session


class _Shared(NamedTuple):
    bucket: Bucket
    rate: float
    burst: float
    limit: str


class UserRates:
    """What the sessions of one user share: its Originates and its Commands."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        # As many as there are users, twice.
        self._buckets: dict[tuple[str, bytes], Bucket] = {}
        # As many as there are users.
        self._sleeps: dict[str, Bucket] = {}

    def find(self, user: str, key: bytes) -> _Shared | None:
        """What limits this action (its key) of this user, beside the session's own rate."""
        limits = self.limits
        if key == b"originate":
            rate, burst, name = limits.originate_rate, limits.originate_burst, "originate_rate"
        elif key == b"command":
            rate, burst, name = limits.command_rate, limits.command_burst, "command_rate"
        else:
            return None
        return _Shared(self._buckets.setdefault((user, key), Bucket()), rate, burst, name)

    def sleep_wait(self, user: str, seconds: float, now: float) -> float:
        """Seconds until the user's action may sleep so long in Asterisk's session."""
        hold = self.limits.link_hold
        return self._sleeps.setdefault(user, Bucket()).wait(now, hold, hold, seconds)

    def sleep(self, user: str, seconds: float, now: float) -> None:
        """The user's action sleeps so long, now or after ``sleep_wait``."""
        self._sleeps.setdefault(user, Bucket()).take(now, self.limits.link_hold, seconds)


class Held(NamedTuple):
    """An action that may not run yet."""

    seconds: float
    #: The limit it is over.
    limit: str
    #: It shall not run at all, and be told so when the seconds are over.
    refused: bool
    #: The first after one that did not have to wait.
    first: bool


class Throttle:
    """One session's rate, together with its user's."""

    __slots__ = ("_held_since", "_own", "_shared")

    def __init__(self, shared: UserRates) -> None:
        self._shared = shared
        self._own = Bucket()
        self._held_since: float | None = None

    def judge(self, user: str, key: bytes, now: float) -> Held | None:
        """None if the action may run now.  Either way it is counted: ask once for each."""
        limits = self._shared.limits
        own = self._own.wait(now, limits.action_rate, limits.action_burst)
        self._own.take(now, limits.action_rate)
        found = self._shared.find(user, key)
        wait, name = own, "action_rate"
        if found is not None and (users := found.bucket.wait(now, found.rate, found.burst)) > own:
            wait, name = users, found.limit
        first = self._held_since is None
        if wait <= 0:
            self._held_since = None
        elif self._held_since is None:
            self._held_since = now
        if self._held_since is not None and now + wait - self._held_since > limits.rate_wait:
            return Held(own, name, True, first)
        if found is not None:
            found.bucket.take(now, found.rate)
        return Held(wait, name, False, first) if wait > 0 else None


def admits(session: "Session", action: Action) -> bool:
    """Whether the session's action may run now; one that may not runs later by itself, or is refused."""
    hub, peer = session.hub, session.transport.peer.address
    assert session.user is not None
    if peer in hub.bounds.exempt:
        return True
    held = session.throttle.judge(session.user.name, action.key, hub.scheduler.now())
    if held is None:
        return True
    if held.first or held.refused:
        hub.bounds.hit(held.limit, peer, session=session.id, user=session.user.name, refused=held.refused)
    if held.seconds:
        session.hold_back()
        hub.scheduler.later(held.seconds, lambda: _over(session, action, held))
    else:
        _refuse(session, action)
    return False


def _over(session: "Session", action: Action, held: Held) -> None:
    if session.state is not State.HELD:
        return  # closed meanwhile
    session.let_go()
    if held.refused:
        _refuse(session, action)
    else:
        session.run(action)
    session.advance()


def _refuse(session: "Session", action: Action) -> None:
    session.reply(message.error(action.action_id, b"Rate limit"))
