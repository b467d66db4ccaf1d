"""Caused: the cost of delivering the events that an action causes, charged to the action's user.

An action of a few bytes may become an event for hundreds of clients, and that time is spent long after
the action was read.  So the cost is estimated when the action is about to be sent, from the number of
clients that may read such an event, its size, and the recent cost of delivering that many bytes.  While
more deliveries are owed than the processor can make beside its other work, actions that would cause more
of them wait, in an order that is fair by what each user has caused.
"""

# mypyc: compiled

from collections.abc import Callable
from typing import Final

from amiproxy.ami import privilege
from amiproxy.ami.actions import ActionTable, Listed
from amiproxy.ami.message import Action
from amiproxy.core.limits.bucket import Bucket
from amiproxy.core.limits.fairtime import FairTime
from amiproxy.core.model.share import Member
from amiproxy.core.ports import Scheduler, Timer

#: Seconds of deliveries that may be outstanding before actions have to wait.
_AT_ONCE: Final = 0.001
#: The factor by which each new measurement reduces the weight of the earlier ones.
_KEPT: Final = 0.9
#: Messages that Asterisk sends for an action that causes an event: the response and the event.
_MESSAGES: Final = 2
#: Assumed size in bytes of an event of unknown content.
_EVENT_BYTES: Final = 512
_REPORTING: Final = privilege.parse_classes("reporting")
_CALL: Final = privilege.parse_classes("call")
_UNKNOWN: Final = -1
#: Privilege classes whose actions cause events of the same class.
_OWN: Final = privilege.parse_classes("call,agent,user")
_DIALPLAN: Final = privilege.parse_classes("dialplan")
#: The share that means no limit.
WHOLE: Final = 1.0

#: A held action: its cost in seconds, and the call that lets it continue.
_Held = tuple[float, Callable[[], None]]


def classes_of_events(row: Listed) -> int:
    """The classes of the event that an action is assumed to cause; 0 for one that only reports.

    An action that needs no class, or that class reporting alone permits, changes nothing.  Of every other
    action one event is expected.  An Originate causes more, but has a rate limit of its own.
    """
    if not row.classes or row.classes & _REPORTING:
        return 0
    if row.name == b"Setvar":
        return _DIALPLAN
    return row.classes & _OWN or _CALL


class Caused:
    """The deliveries caused by the actions of all users of one hub."""

    __slots__ = (
        "_bucket",
        "_bytes",
        "_classes",
        "_line",
        "_read_messages",
        "_read_seconds",
        "_scheduler",
        "_seconds",
        "_share",
        "_timer",
        "_waiting",
    )

    def __init__(self, scheduler: Scheduler, share: float) -> None:
        #: The part of the processor's time that caused deliveries may take; WHOLE means no limit.
        self._share = share
        self._scheduler = scheduler
        # Sums over the last flushes and reads, in which each weighs less than the one after it.
        self._seconds = self._bytes = 0.0
        self._read_seconds = self._read_messages = 0.0
        #: By server: its action table, and the classes of the event that each action of that table is
        #: assumed to cause, by the action's key.
        self._classes: dict[str, tuple[ActionTable, dict[bytes, int]]] = {}
        self._bucket = Bucket()
        self._line: FairTime[_Held] = FairTime()
        #: The waiting actions of each user; at most as many entries as there are users.
        self._waiting: dict[str, Member[_Held]] = {}
        self._timer: Timer | None = None

    def adopt(self, share: float) -> None:
        """Change the share, in seconds of deliveries per second; it applies to waiting actions, too."""
        now = self._scheduler.now()
        self._bucket.rescale(now, self._share, share)
        self._share = share
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._arm(now)

    def drop(self, server: str) -> None:
        """Forget a server that is no longer configured."""
        self._classes.pop(server, None)

    def flushed(self, seconds: float, size: int) -> None:
        """Record that ``size`` bytes were delivered in ``seconds``."""
        self._seconds = _KEPT * self._seconds + seconds
        self._bytes = _KEPT * self._bytes + size

    def read(self, seconds: float, messages: int) -> None:
        """Record that ``messages`` from Asterisk were handled in ``seconds``."""
        self._read_seconds = _KEPT * self._read_seconds + seconds
        self._read_messages = _KEPT * self._read_messages + messages

    def cost(self, size: float) -> float:
        """Estimated seconds for an action whose event is ``size`` bytes, summed over all its readers."""
        seconds = size * self._seconds / self._bytes if self._bytes else 0.0
        return seconds + self.reading(_MESSAGES)

    def reading(self, messages: int) -> float:
        """Estimated seconds to handle this many messages from Asterisk."""
        return messages * self._read_seconds / self._read_messages if self._read_messages else 0.0

    def estimate(
        self, action: Action, server: str, table: ActionTable, readers: Callable[[int], int]
    ) -> float | None:
        """Estimated seconds for the events that this action causes; None if it causes none for anyone.

        ``server`` is the name of the one that it goes to, and ``table`` is its action table.  ``readers``
        returns the number of sessions that may read an event of these classes from there.
        """
        known = self._classes.get(server)
        if known is None or known[0] is not table:
            known = self._classes[server] = table, {}
        classes = known[1].get(action.key, _UNKNOWN)
        if classes == _UNKNOWN:
            row = table.find(action.key)
            classes = _CALL
            if row is not None:
                classes = known[1][action.key] = classes_of_events(row)
        if not classes:
            return None
        count = readers(classes)
        if not count:
            return None
        size = _EVENT_BYTES
        if action.key == b"userevent":
            size = sum(len(name) + len(value) for name, value in action.headers)
        return self.cost(count * size)

    def admits(self, seconds: float) -> bool:
        """Whether an action that causes ``seconds`` may be sent now, which is then counted; else ``join``."""
        now = self._scheduler.now()
        if self._line or self._wait(now):
            return False
        self._bucket.take(now, self._share, seconds)
        return True

    def join(self, user: str, seconds: float, go_on: Callable[[], None]) -> None:
        """Add an action of this user that causes ``seconds``; ``go_on`` is called when it may be sent."""
        now = self._scheduler.now()
        member = self._waiting.get(user)
        if member is None:
            member = self._waiting[user] = Member()
        self._line.add(member, (seconds, go_on), now)
        self._arm(now)

    def _wait(self, now: float) -> float:
        """Seconds until the outstanding deliveries are within ``_AT_ONCE`` again."""
        return self._bucket.wait(now, self._share, _AT_ONCE, 0.0) if self._share < WHOLE else 0.0

    def _arm(self, now: float) -> None:
        if self._line and self._timer is None:
            self._timer = self._scheduler.later(self._wait(now), self._due)

    def _due(self) -> None:
        self._timer = None
        now = self._scheduler.now()
        try:
            while self._line and not self._wait(now):
                member, (seconds, go_on) = self._line.take()
                self._line.done(member, seconds, now)
                self._bucket.take(now, self._share, seconds)
                go_on()
        finally:
            self._arm(now)
