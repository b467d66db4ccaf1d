"""Asking: one client that has asked for a snapshot, until it has all of the answer."""

# mypyc: compiled

from typing import ClassVar, Final, NamedTuple, Protocol

from amiproxy.ami import message, privilege
from amiproxy.ami.message import Action
from amiproxy.ami.stamp import stamped
from amiproxy.core.audit.auditlog import SessionFacts
from amiproxy.core.audit.historycounts import FAILED
from amiproxy.core.clients.routes.route import Place
from amiproxy.core.clients.session import Session
from amiproxy.core.clients.underway import Task
from amiproxy.core.fanout.eventview import EventView
from amiproxy.core.model.state import SEND
from amiproxy.core.policy import Deny, history
from amiproxy.core.policy.verdict import PERMISSION_DENIED
from amiproxy.core.ports import OnBehalf, Scheduler, Timer
from amiproxy.core.servers.requester import Undelivered

COMPLETE: Final = b"ProxySnapshotComplete"


class Question(NamedTuple):
    """What clients that are sent the same snapshot have in common."""

    #: What the client may see, whatever its event mask.
    view: EventView
    #: The names of the servers that it asks about, and of those of them whose history it may not use.
    servers: tuple[str, ...]
    barred: tuple[str, ...]
    #: The names of the kinds.
    kinds: tuple[str, ...]
    #: The end of each message that says which server it is from; b"" if the messages do not say it.
    #: Only for a client of several servers that asks about one.
    stamp: bytes


class Desk(Protocol):
    """What answers the questions, as one client sees it."""

    def ask(self, asking: "Asking") -> None:
        """Answer its question as soon as possible."""

    def dismiss(self, asking: "Asking", text: bytes) -> None:
        """Give the client what is there for it, and end its answer."""

    def abandon(self, asking: "Asking") -> None:
        """Forget the client."""

    def hurry(self) -> None:
        """A client is overdue."""


class Asking(Task):
    """One client that waits for a snapshot: an ``Asker``, and the task of its session."""

    #: Nothing is sent for it: what it is shown was collected for the proxy itself.
    on_behalf: ClassVar[OnBehalf | None] = None

    __slots__ = (
        "_action",
        "_desk",
        "_has_begun",
        "_is_broken",
        "_one",
        "is_overdue",
        "kinds",
        "outcome",
        "question",
        "refusal",
        "session",
        "timer",
    )

    def __init__(self, desk: Desk, session: Session, action: Action, kinds: tuple[str, ...]) -> None:
        super().__init__()
        self._desk = desk
        self.session = session
        self._action = action
        self.kinds = kinds
        place = session.place
        #: The name of the one server that it asks about; "" for all that the session sees.
        self._one = place.server.name if place is not None and place.leg is not None else ""
        #: Whether the client has had a part of the answer.
        self._has_begun = False
        #: Whether events that belong behind the answer were sent already: too many would have been held back.
        self._is_broken = False
        #: Whether it has waited long enough for what is not known yet; and what ends that wait.
        self.is_overdue = False
        self.timer: Timer | None = None
        #: Why the client is not answered, if it may not use the history of any of these servers any more.
        self.refusal: Deny | None = None
        self.question: Question | None = self._asked()
        #: How it counts when the client has all of it.
        self.outcome = FAILED

    @property
    def action_id(self) -> bytes:
        """That of its action; b"" if it has none."""
        return self._action.action_id

    @property
    def payer(self) -> str:
        """See Requester."""
        return self.session.payer

    @property
    def _places(self) -> list[Place]:
        places = self.session.route.places
        return [place for place in places if not self._one or place.server.name == self._one]

    def _asked(self) -> Question | None:
        """The question, by the rights that the session has now; None if it may ask about no server."""
        session = self.session
        names: list[str] = []
        barred: list[str] = []
        stamp = b""
        for place in self._places:
            denied = history.refusal_of(place.rights, self._action)
            if denied is not None:
                self.refusal = denied
                barred.append(place.server.name)
                continue
            names.append(place.server.name)
            if self._one and place.leg is not None:
                stamp = place.leg.stamp
        if not names:
            return None
        view = session.principal.view_with(privilege.ALL)._replace(numbered=False)
        return Question(view, tuple(names), tuple(barred), self.kinds, stamp)

    # -- the session's task; see Task ------------------------------------------

    def begin(self) -> None:
        """The session's next action waits from now on until this one is answered."""
        session = self.session
        session.move(SEND)
        session.underway = self
        self._desk.ask(self)

    def answered(self, data: bytes) -> None:
        """See Task."""

    def record(self, user: str, who: SessionFacts | None) -> None:
        """See Task.  The action was counted when it began, and the snapshot by those who answer it."""

    def dismiss(self, text: bytes) -> bool:
        """See Task."""
        self._desk.dismiss(self, text)
        return True

    def abandon(self) -> None:
        """See Task."""
        self.stop_timer()
        self._desk.abandon(self)
        self.outcome = FAILED
        self._count()

    def judge_again(self) -> None:
        """See Task."""
        question = self._asked()
        if question is not None and question == self.question:
            return
        if question is not None and not self._has_begun:
            self._desk.abandon(self)
            if self.session.outbox.holding:
                self.session.release(b"")  # the moment that it is to be shown comes later
            self.question = question
            self._desk.ask(self)
            return
        # It must not be sent what it may not see now, nor a list of which a part was judged by other rights.
        refusal = self.refusal
        if question is None and refusal is not None:
            self.session.record_denied(self._action, refusal.text, refusal.rule, refusal.hint)
        self._desk.dismiss(self, PERMISSION_DENIED)

    # -- the answer; see Asker ------------------------------------------------

    def refuse(self, text: bytes) -> None:
        """Answer with this error; ``text`` is its Message.  Or end the list, if it has begun."""
        self.stop_timer()
        self.outcome = FAILED
        if self._has_begun:
            cancelled = (b"EventList", b"Cancelled")
            echo = [(b"ActionID", self.action_id)] if self.action_id else []
            data = message.event(COMPLETE, *echo, cancelled)
        else:
            data = message.error(self.action_id, text)
        assert self.question is not None
        if self.question.stamp:
            data = stamped(data, self.question.stamp)
        self.session.reply(data)
        self._end()

    def _end(self) -> None:
        self._count()
        self.session.finished()

    def _count(self) -> None:
        stats, question = self.session.ctx.stats, self.question
        assert question is not None
        for name in question.servers:
            stats.history_of(name).snapshots[self.outcome] += 1

    def sent_as(self, request: str) -> None:
        """See Requester.  Not called: nothing is sent for it."""

    def reply(self, data: bytes) -> None:
        """See Requester."""
        if not self.session.outbox.holding:
            self._is_broken = True
        if not self._is_broken:
            self._has_begun = True
            self.session.reply(data)

    def late(self, data: bytes) -> None:
        """See Requester.  Not called."""

    def finished(self) -> None:
        """See Requester."""
        if self._is_broken:
            self.refuse(b"Too many events meanwhile")
        else:
            self._end()

    def failed(self, data: bytes, reason: bytes) -> None:
        """See Requester."""
        self.refuse(reason)

    def release_events(self) -> None:
        """See Requester.  Not called: a query of the proxy itself fails at once when the link is lost."""

    def limit_reached(self, limit: str, **fields: object) -> None:
        """See Requester."""
        self.session.limit_reached(limit, **fields)

    def hold_events(self) -> None:
        """See Asker: all events that came before the snapshot are sent, and later ones held back."""
        self.session.hold_events()

    def share(self, rest: Undelivered) -> None:
        """See Asker."""
        self.session.share(rest)

    def unshare(self, rest: Undelivered) -> None:
        """See Asker."""
        self.session.unshare(rest)

    def takes_more(self) -> bool:
        """See Asker."""
        return self.session.takes_more()

    def more_waits(self) -> None:
        """See Asker.  A client may be slower than others: what it has not taken is in memory once for all."""

    @property
    def is_open(self) -> bool:
        """Whether its session still waits for the end of the answer."""
        return self.session.underway is self

    def wait(self, scheduler: Scheduler, seconds: float) -> None:
        """Wait no longer than this for what is not known yet, from the first call on."""
        if self.timer is None:
            self.timer = scheduler.later(seconds, self._overdue)

    def _overdue(self) -> None:
        self.is_overdue = True
        self._desk.hurry()

    def stop_timer(self) -> None:
        """Wait for nothing any more."""
        timer = self.timer
        if timer is not None:
            timer.cancel()
            self._no_timer()

    def _no_timer(self) -> None:
        self.timer = None
