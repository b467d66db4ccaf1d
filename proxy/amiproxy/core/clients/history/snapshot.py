"""Snapshots: ProxySnapshot sends a client what exists now, and then come exactly the events since.

Clients that ask the same at about the same time share one answer: it is judged and written once, and its
bytes are in memory once.  Nobody gets an answer that is older than the question.  All that a question is
about is taken from the state at one moment; the events before it are sent ahead of the answer, and those
behind it after the answer.  The answer is written, and delivered, in slices.
"""

# mypyc: compiled

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from amiproxy.ami import message
from amiproxy.ami.message import Action
from amiproxy.ami.stamp import stamp_of
from amiproxy.core.audit.historycounts import COMPLETE, PARTIAL
from amiproxy.core.clients.history.asking import Asking, Question
from amiproxy.core.clients.history.listing import Listing, Part
from amiproxy.core.clients.routes.leg import not_connected
from amiproxy.core.clients.session import Session
from amiproxy.core.context import Context
from amiproxy.core.history.kinds.table import KINDS
from amiproxy.core.history.positions import joined
from amiproxy.core.history.showing import Showing
from amiproxy.core.history.state.item import Form, Item
from amiproxy.core.history.state.state import State, Waiting
from amiproxy.core.ports import Timer
from amiproxy.core.servers.answers.base import PendingAnswer
from amiproxy.core.servers.answers.failures import CUT_OFF, NOT_CONNECTED
from amiproxy.core.servers.requester import Asker
from amiproxy.core.servers.server import Server
from amiproxy.core.servers.sharing.deliveries import Deliveries, DeliveryOwner
from amiproxy.core.servers.sharing.flight import Flight

#: The forms of the items of each kind, by its name, in the order in which snapshots show them.
_FORMS: Final[dict[str, tuple[Form, ...]]] = {
    kind.name: tuple(kind.forms.values()) for kind in [make(float) for make in KINDS]
}
#: Seconds that a client waits for kinds that are not known yet.
_WAIT: Final = 5.0
#: Seconds of writing after which others are served.
_SLICE: Final = 0.001
#: The pause between two rounds, as a multiple of the time that the last one took to write.
_PAUSE: Final = 10.0
#: The longest pause, in seconds.
_LONGEST_PAUSE: Final = 0.25


#: The items of each kind that is known.
Present = dict[str, list[Item]]


class _NoLink:
    """The origin of an answer that comes from no link."""

    def answers_for(self, requester: Flight) -> list[PendingAnswer]:
        """See Origin."""
        return []


_NO_LINK: Final = _NoLink()


class _Picture(NamedTuple):
    """What a question is answered with: the present of its servers at one moment."""

    parts: list[Part]
    #: The headers of the last event behind the number of items.
    last: list[tuple[bytes, bytes]]
    #: Whether it has everything that was asked for.
    is_whole: bool


class Snapshots:
    """Answers ProxySnapshot for all sessions of one hub."""

    def __init__(self, ctx: Context, owner: DeliveryOwner) -> None:
        self._ctx = ctx
        self._owner = owner
        self._deliveries = Deliveries(ctx.scheduler, owner)
        #: The clients that wait to be answered, by what they ask.
        self._waiting: dict[Question, dict[Asking, None]] = {}
        self._questions: dict[Asking, Question] = {}
        #: Answers that are being written, and those that are written on when a client takes more.
        self._writing: deque[Listing] = deque()
        self._resting: dict[Flight, Listing] = {}
        #: How long the writing of the present round has taken, and when the next one may begin.
        self._seconds = self._not_before = 0.0
        self._timer: Timer | None = None
        #: The states that report when they know what is asked for.
        self._awaited: list[tuple[State, Waiting]] = []

    # -- the action ----------------------------------------------------------

    def answer(self, session: Session, action: Action) -> None:
        """See Handler.  The policy has allowed the action at the session's place."""
        kinds = _kinds_in(action.get(b"kinds"))
        if isinstance(kinds, bytes):
            text = b"No such kind: %b; the kinds are %b" % (kinds, _listed(_FORMS))
            session.answer_there(message.error(action.action_id, text))
            return
        asking = Asking(self, session, action, kinds)
        if asking.question is None:
            refusal = asking.refusal
            assert refusal is not None
            session.deny(action, refusal.text, refusal.rule, refusal.hint)
            return
        asking.begin()

    # -- from the clients; see Desk ------------------------------------------

    def ask(self, asking: Asking) -> None:
        """See Desk."""
        question = asking.question
        assert question is not None
        self._questions[asking] = question
        self._waiting.setdefault(question, {})[asking] = None
        self._arm()

    def dismiss(self, asking: Asking, text: bytes) -> None:
        """See Desk."""
        if not self._forget(asking):
            self._deliveries.dismiss(asking, text)
        if asking.is_open:  # it was waiting, or not all of the answer was written
            asking.refuse(text)
        self._drop_unread()

    def abandon(self, asking: Asking) -> None:
        """See Desk."""
        if not self._forget(asking):
            self._deliveries.abandon(asking)
            self._drop_unread()

    def hurry(self) -> None:
        """See Desk."""
        self._arm()

    def _forget(self, asking: Asking) -> bool:
        """Whether it was waiting; it does not wait any more."""
        question = self._questions.pop(asking, None)
        if question is None:
            return False
        waiting = self._waiting[question]
        del waiting[asking]
        if not waiting:
            del self._waiting[question]
        return True

    # -- rounds --------------------------------------------------------------

    def _arm(self, delay: float = 0.0) -> None:
        if self._timer is None:
            self._timer = self._ctx.scheduler.later(delay, self._turn)

    def _turn(self) -> None:
        """Begin a round, or write for one slice."""
        self._no_timer()
        clock = self._ctx.scheduler.clock
        wait = 0.0
        begins = False
        if self._writing:
            self._write(self._writing.popleft())
        else:
            wait = self._not_before - clock()
            if wait <= 0:
                begins = True
                self._begin_round()
        if self._writing:
            self._arm()
        elif wait > 0:
            self._arm(wait)
        elif not begins:  # the round is over
            pause = min(self._seconds * _PAUSE, _LONGEST_PAUSE)
            self._not_before = max(self._not_before, clock() + pause)
            self._seconds = 0.0
            if self._waiting:
                self._arm()
        self._owner.settle()

    def _no_timer(self) -> None:
        self._timer = None

    def _begin_round(self) -> None:
        self._drop_unread()
        for state, waiting in self._awaited:
            state.dismiss(waiting)
        self._awaited.clear()
        # What exists is looked up once for all questions.
        present: dict[str, Present] = {}
        for question, askings in list(self._waiting.items()):
            ready = self._is_ready(question)
            departing = [asking for asking in askings if ready or asking.is_overdue]
            if not ready:
                for asking in askings:
                    asking.wait(self._ctx.scheduler, _WAIT)
            if departing:
                self._depart(question, departing, present)

    def _is_ready(self, question: Question) -> bool:
        """Whether nothing is to be waited for; if something is, a turn follows when it is there."""
        ready = True
        for server in self._connected(question):
            state = server.state
            assert state is not None
            showing = self._showing(question, server)
            kinds = [kind for kind in question.kinds if showing.may_see(_FORMS[kind])]
            if not state.settled(kinds):
                ready = False
                self._awaited.append((state, state.await_ready(kinds, self._arm)))
        return ready

    def _connected(self, question: Question) -> list[Server]:
        """The servers that the question is about and that are there now."""
        found = [self._ctx.servers.find(name.encode()) for name in question.servers]
        return [
            server
            for server in found
            if server is not None and server.exchange.connected and server.state is not None
        ]

    def _showing(self, question: Question, server: Server) -> Showing:
        view = question.view
        (sight,) = [sight for sight in view.sights if sight.server == server.name]
        stamp = stamp_of(server.name.encode()) if view.named else b""
        return Showing(sight.mask, view.filters, sight.scope, server.tracker, stamp)

    # -- one question --------------------------------------------------------

    def _depart(self, question: Question, askings: list[Asking], present: dict[str, Present]) -> None:
        """Begin to answer a question for these clients: it is this moment that they are shown.

        ``present`` is what exists now, as far as it was looked up for others.
        """
        for asking in askings:
            self._forget(asking)
            asking.stop_timer()
        servers = self._connected(question)
        if not servers:
            text = not_connected(question.servers[0].encode()) if question.stamp else NOT_CONNECTED
            for asking in askings:
                asking.refuse(text)
            return
        try:
            self._writing.append(self._begin(question, servers, askings, present))
        except Exception as error:
            self._fail(error, askings)

    def _begin(
        self,
        question: Question,
        servers: list[Server],
        askings: list[Asking],
        present: dict[str, Present],
    ) -> Listing:
        picture = self._picture(question, servers, present)
        ctx = self._ctx
        flight = Flight(
            _NO_LINK, askings[0].payer, ctx.limit_state.backlog, self._deliveries.due, _never_late
        )
        for asking in askings:
            asking.outcome = COMPLETE if picture.is_whole else PARTIAL
            self._deliveries.add(flight, asking, asking.action_id)
        for server in servers:
            ctx.stats.history_of(server.name).snapshots_shared += len(askings) - 1
        flight.more = lambda: self._write_on(flight)
        return Listing(flight, picture.parts, picture.last, question.stamp)

    def _fail(self, error: Exception, askers: Sequence[Asker]) -> None:
        """End the answers of these clients because of a fault of ours."""
        self._owner.fault(error, "snapshot")
        for asker in askers:
            self._deliveries.abandon(asker)
            asker.failed(b"", CUT_OFF)

    def _picture(self, question: Question, servers: list[Server], present: dict[str, Present]) -> _Picture:
        parts: list[Part] = []
        missing: set[str] = set()
        tokens: list[bytes] = []
        for server in servers:
            state, journal = server.state, server.journal
            assert state is not None
            showing = self._showing(question, server)
            # The others count as missing whether they are known or not, so that their absence tells nothing.
            kinds = [kind for kind in question.kinds if showing.may_see(_FORMS[kind])]
            known = present.setdefault(server.name, {})
            known.update(state.present([kind for kind in kinds if kind not in known]))
            missing.update(kind for kind in question.kinds if kind not in kinds or kind not in known)
            parts += [Part(showing, known[kind]) for kind in kinds if kind in known]
            if journal is not None:
                tokens.append(journal.token(journal.last))
        last = [(b"Kinds", _listed([kind for kind in question.kinds if kind not in missing]))]
        if missing:
            last.append((b"KindsMissing", _listed([kind for kind in question.kinds if kind in missing])))
        absent: list[str] = []
        if question.view.named and not question.stamp:
            here = [server.name for server in servers]
            absent = [name for name in (*question.servers, *question.barred) if name not in here]
            last.append((b"Servers", _listed(here)))
            if absent:
                last.append((b"ServersMissing", _listed(absent)))
        if tokens:
            last.append((b"Sequence", joined(tokens)))
        return _Picture(parts, last, not missing and not absent)

    def _write(self, listing: Listing) -> None:
        flight = listing.flight
        if not flight.seats:
            return
        before = listing.seconds
        try:
            is_full = listing.write(self._ctx.scheduler.clock, _SLICE)
        except Exception as error:
            self._fail(error, [seat.asker for seat in flight.seats])
            return
        seconds = listing.seconds - before
        self._seconds += seconds
        self._owner.delivered(flight.payer, seconds)
        if flight.ended:
            return
        if is_full:
            self._resting[flight] = listing
        else:
            self._writing.append(listing)

    def _write_on(self, flight: Flight) -> None:
        """A client takes more than was written."""
        listing = self._resting.pop(flight, None)
        if listing is not None:
            self._writing.append(listing)
            self._arm_now()

    def _arm_now(self) -> None:
        """As ``_arm``, also if the next round is still to wait."""
        timer = self._timer
        if timer is not None:
            timer.cancel()
            self._no_timer()
        self._arm()

    def _drop_unread(self) -> None:
        """Forget answers that nobody awaits any more."""
        for flight in [flight for flight in self._resting if not flight.seats]:
            del self._resting[flight]


def _never_late(others: int) -> None:
    """The answer does not depend on Asterisk, so there is no deadline."""


def _listed(names: Iterable[str]) -> bytes:
    return ", ".join(names).encode()


def _kinds_in(text: bytes) -> tuple[str, ...] | bytes:
    """The kinds that a value of ``Kinds`` names, in the order of the table; or a name that is none."""
    wanted = [name.strip().lower() for name in text.split(b",") if name.strip()]
    for name in wanted:
        if name.decode("ascii", "replace") not in _FORMS:
            return name
    return tuple(kind for kind in _FORMS if not wanted or kind.encode() in wanted)
