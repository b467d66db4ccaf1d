"""Caused: what it costs to send clients the events that an action causes, charged to its user.

An action of a few bytes may become an event for hundreds of clients, and the
time for that is spent long after the action was read.  It is estimated when the
action is about to be sent: as many clients as may read such an event, its size,
and what deliveries of so many bytes have cost lately.  While more of that is
owed than the processor can pay beside its other work, actions that would cause
more wait, in an order that is fair by what each user has caused.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from proxy.ami import privilege
from proxy.ami.actions import ActionTable, Listed
from proxy.ami.message import Action
from proxy.core.bucket import Bucket
from proxy.core.fairtime import FairTime, Member
from proxy.core.ports import Scheduler, Timer
from proxy.core.state import State

if TYPE_CHECKING:
    from proxy.core.session import Session

#: Seconds of deliveries that may be owed.
_AT_ONCE: Final = 0.001
#: What is left of earlier measurements in an estimate, with each one after them.
_KEPT: Final = 0.9
#: What Asterisk says to an action that causes an event: the response, and the event.
_MESSAGES: Final = 2
#: Bytes of an event about which no more is known than that there will be one.
_EVENT_BYTES: Final = 512
_REPORTING: Final = privilege.parse_classes("reporting")
_CALL: Final = privilege.parse_classes("call")
_UNKNOWN: Final = -1
#: Classes of actions whose events have the same class.
_OWN: Final = privilege.parse_classes("call,agent,user")
_DIALPLAN: Final = privilege.parse_classes("dialplan")
#: The bound that bounds nothing.
WHOLE: Final = 1.0

#: What an action costs, and what lets it go on.
_Held = tuple[float, Callable[[], None]]


def classes_of_events(row: Listed) -> int:
    """The classes of the event that an action is taken to cause; 0 for one that only tells something.

    What a user may ask for with class reporting alone, or with none, changes nothing; of everything else
    one event is expected.  More come of an Originate, which has a rate of its own.
    """
    if not row.classes or row.classes & _REPORTING:
        return 0
    if row.name == b"Setvar":
        return _DIALPLAN
    return row.classes & _OWN or _CALL


class Caused:
    """All of one hub."""

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
        "_table",
        "_timer",
        "_waiting",
    )

    def __init__(self, scheduler: Scheduler, share: float) -> None:
        #: The part of the processor's time that they may take; WHOLE: no bound.
        self._share = share
        self._scheduler = scheduler
        # Of the last flushes and reads, each less than the one after it.
        self._seconds = self._bytes = 0.0
        self._read_seconds = self._read_messages = 0.0
        self._table: ActionTable | None = None
        #: Of the events that each action of that table is taken to cause.
        self._classes: dict[bytes, int] = {}
        self._bucket = Bucket()
        self._line: FairTime[_Held] = FairTime()
        #: By user: as many as there are users.
        self._waiting: dict[str, Member[_Held]] = {}
        self._timer: Timer | None = None

    def adopt(self, share: float) -> None:
        """Another part of the time, from now on; what waits goes on by it."""
        now = self._scheduler.now()
        self._bucket.rescale(now, self._share, share)
        self._share = share
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._arm(now)

    def flushed(self, seconds: float, size: int) -> None:
        """So many bytes were delivered in so much time."""
        self._seconds = _KEPT * self._seconds + seconds
        self._bytes = _KEPT * self._bytes + size

    def read(self, seconds: float, messages: int) -> None:
        """So many messages of Asterisk were taken in so much time."""
        self._read_seconds = _KEPT * self._read_seconds + seconds
        self._read_messages = _KEPT * self._read_messages + messages

    def cost(self, size: float) -> float:
        """Seconds that an action takes whose event is so many bytes for all its readers, as things are."""
        seconds = size * self._seconds / self._bytes if self._bytes else 0.0
        return seconds + self.reading(_MESSAGES)

    def reading(self, messages: int) -> float:
        """Seconds that it takes to take so many messages of Asterisk, as things are."""
        return messages * self._read_seconds / self._read_messages if self._read_messages else 0.0

    def admits(self, session: "Session", action: Action, outgoing: Action) -> bool:
        """Whether the action may be sent now; it is charged, and runs later by itself if not."""
        hub = session.hub
        if hub.table is not self._table:
            self._table = hub.table
            self._classes.clear()
        classes = self._classes.get(outgoing.key, _UNKNOWN)
        if classes == _UNKNOWN:
            row = hub.table.find(outgoing.key)
            classes = _CALL
            if row is not None:
                classes = self._classes[outgoing.key] = classes_of_events(row)
        if not classes:
            return True
        readers = hub.readers(classes)
        if not readers:
            return True
        size = _EVENT_BYTES
        if outgoing.key == b"userevent":
            size = sum(len(name) + len(value) for name, value in outgoing.headers)
        seconds = self.cost(readers * size)
        hub.shares.charge(session.share, seconds)
        now = self._scheduler.now()
        if not (self._line or self._wait(now)):
            self._bucket.take(now, self._share, seconds)
            return True
        session.hit("delivery_share", action=outgoing.name)
        session.hold_back(action)
        member = self._waiting.get(session.payer)
        if member is None:
            member = self._waiting[session.payer] = Member()
        self._line.add(member, (seconds, lambda: _go_on(session, action)), now)
        self._arm(now)
        return False

    def _wait(self, now: float) -> float:
        """Seconds until no more is owed than may be."""
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


def _go_on(session: "Session", action: Action) -> None:
    if session.state is not State.HELD:
        return  # closed meanwhile
    session.let_go()
    session.run(action, paid=True)
    session.advance()
