"""Past: what is kept of the events of one Asterisk: its calls, the last events, and what exists there now."""

# mypyc: compiled

from amiproxy.core.audit.stats import Stats
from amiproxy.core.calls.scope import CallTracker
from amiproxy.core.history.journal import Journal
from amiproxy.core.history.kinds.joining import calls
from amiproxy.core.history.kinds.table import KINDS
from amiproxy.core.history.state.state import State
from amiproxy.core.limitstate import LimitState
from amiproxy.core.model.limits import HistoryBounds
from amiproxy.core.ports import Scheduler
from amiproxy.core.servers.parts.links import Links
from amiproxy.core.servers.receiver import EventReceiver, ServerOwner


class Past(Links):
    """The part of a server that keeps what its events have told."""

    def __init__(
        self,
        name: str,
        receiver: EventReceiver,
        owner: ServerOwner,
        limit_state: LimitState,
        stats: Stats,
        scheduler: Scheduler,
    ) -> None:
        self.counts = stats.links_of(name)
        super().__init__(self.counts, limit_state, scheduler, owner)
        self.name = name
        #: Its name in log lines; None for the only server, which is not named there.
        self.logged_name: str | None = None
        self._receiver = receiver
        self._owner = owner
        self._stats = stats
        #: Follows the calls, while any user has a scope; see ``follow_calls``.
        self.tracker: CallTracker | None = None
        #: The last events; None while no user needs them.  See ``keep``.
        self.journal: Journal | None = None
        #: What exists there now; None while no user needs it.  See ``keep``.
        self.state: State | None = None

    def follow_calls(self) -> CallTracker:
        """Follow calls from the next event on: a user has a scope."""
        if self.tracker is None:
            self.tracker = CallTracker()
            self._tell_tracker()
            self._know_calls()
        return self.tracker

    def keep(self, past: HistoryBounds | None, present: bool) -> None:
        """Keep events within these bounds from the next one on (None: none), and the present or not."""
        self._keep_present(present)
        journal = self.journal
        if past is None:
            journal = None
        elif journal is None:
            journal = Journal(past, self._scheduler.now, self._owner.sealer)
        else:
            journal.adopt(past)
        self.journal = journal
        self._tell_tracker()
        self._receiver.keep(journal)

    def _tell_tracker(self) -> None:
        if self.tracker is not None:
            self.tracker.hold(None if self.journal is None else self.journal.events)

    def _keep_present(self, present: bool) -> None:
        state = self.state
        if state is not None and not present:
            state.end()
            self.state = None
        elif state is None and present:
            state = State(KINDS, self, self._stats.history_of(self.name), self._scheduler)
            state.logged_name = self.logged_name
            state.on_seeded = self._know_calls
            self.state = state
            if self.exchange.serving:
                state.begin()

    def fault(self, error: Exception, where: str) -> None:
        """See Lists."""
        self._owner.fault(error, where)

    def _know_calls(self, _kind: str = "") -> None:
        """Tell the tracker of calls that are older than the link, or than the tracker."""
        if self.tracker is not None and self.state is not None:
            present = self.state.present(("channels", "bridges"))
            for facts in calls(present.get("channels", []), present.get("bridges", [])):
                self.tracker.know(facts)

    def missed(self) -> None:
        """Events may have been missed: nobody resumes from a position before this moment."""
        if self.journal is not None:
            self.journal.begin()
        if self.state is not None:
            self.state.doubt()

    def skip(self) -> None:
        """Count an event that has a number where the events come from, and is passed on to nobody."""
        if self.journal is not None:
            self.reach(self.journal.last + 1)

    def reach(self, last: int) -> None:
        """Count events that are passed on to nobody, until the newest one has this number."""
        if self.journal is not None:
            before = self.journal.last
            self.journal.reach(last)
            if self.tracker is not None:
                self.tracker.skip(self.journal.last - before)
