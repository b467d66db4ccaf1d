"""Following: how an edge follows the events of one server, of which one or more agents tell it.

It follows one agent at a time, so that no event comes from two: the one it has, until that one is gone or its
link to Asterisk is; then the lowest-named one that is up (``choice``).

Events are passed on in order and once each.  If some are missing, the agent is asked for them, and what
arrives meanwhile is kept.  If they cannot be had in time, the server goes down and comes up again at the
agent's present position, as after a lost link: nothing is left out silently.
"""

# mypyc: compiled

from collections.abc import Iterable
from typing import Final, Protocol

from amiproxy.core.fleet.agentview import GONE_AFTER, AgentView
from amiproxy.core.fleet.choice import chosen
from amiproxy.core.fleet.followcounts import FollowCounts
from amiproxy.core.fleet.repair import AGAIN_AFTER, Repair, check, without
from amiproxy.core.fleet.wire import BEAT, END, EVENTS, GONE, Head, WireError, decode_beat, parsed
from amiproxy.core.limits.bucket import Bucket

#: Seconds between two ticks, and how much longer a pause is that says that this process was stopped.
TICK: Final = 0.25
_STOPPED: Final = 0.75

#: How often the server goes up: this many times at once, and then once in this many seconds.  Each time costs
#: every client of the server something, and an agent could begin an epoch with each message.
_UPS: Final = 8.0
_UP_SECONDS: Final = 1.0

_NOT_HEARD: Final = "no agent has been heard"
_LOST: Final = "events were lost"
_OTHER_EPOCH: Final = "the agent's events began again"


class Sink(Protocol):
    """What is made of a server's events.  None of these methods but ``ask`` calls back before it returns."""

    def up(self, agent: str, epoch: int, last: int, banner: bytes) -> None:
        """The server is there; its events begin behind number ``last`` of this epoch of the agent.

        The banner has no line end.  Asterisk may still be booting until ``serve``.
        """

    def serve(self) -> None:
        """Asterisk has booted."""

    def events(self, epoch: int, first: int, body: bytes) -> None:
        """The next events, whole messages: the number of the first of them is ``first``."""

    def down(self, reason: str) -> None:
        """The server is not there, or events were missed; ``up`` may follow at once."""

    def ask(self, agent: str, epoch: int, first: int) -> None:
        """Ask the agent for all events of this epoch from ``first`` on; see ``Following.replayed``.

        An earlier question need not be answered any more.  ``Following.unanswered`` may be called before this
        returns.
        """


class Following:
    """The events of one server.  Times are monotonic seconds, and never go back."""

    def __init__(
        self, server: str, agents: Iterable[str], sink: Sink, max_lag: float, counts: FollowCounts
    ) -> None:
        self.server = server
        self.counts = counts
        #: The agent that is followed; None if none is up.
        self.agent: str | None = None
        #: Why the server is not up.
        self.reason = _NOT_HEARD
        self._sink = sink
        self._max_lag = max_lag
        self._views = {name: AgentView(name) for name in sorted(agents)}
        self._is_up = self._serves = self._is_behind = False
        #: Whether an agent says that it has no link.
        self._is_told = False
        self._epoch = 0
        #: The number of the next event to pass on, and the highest that was seen to be the next one's.
        self._want = self._end = 1
        self._repair: Repair | None = None
        #: The agent whose events were passed on last.
        self._name = ""
        self._ticked = 0.0
        self._ups = Bucket()
        #: Seconds by which the sink is behind.
        self._backlog = 0.0

    # -- what is shown -----------------------------------------------------

    @property
    def agents(self) -> tuple[AgentView, ...]:
        """All configured agents, by name."""
        return tuple(self._views.values())

    @property
    def state(self) -> str:
        """One of "up", "booting", "behind", "down" (an agent says so) and "waiting" (none is heard)."""
        if self._is_up:
            return "up" if self._serves else "booting"
        if self._is_behind:
            return "behind"
        return "down" if self._is_told else "waiting"

    @property
    def is_up(self) -> bool:
        """Whether events are passed on, whether Asterisk has booted or not."""
        return self._is_up

    @property
    def epoch(self) -> int:
        """The epoch of the events that are passed on."""
        return self._epoch

    @property
    def position(self) -> int:
        """The number of the last event that was passed on."""
        return self._want - 1

    @property
    def repairing(self) -> bool:
        """Whether the agent was asked for missing events."""
        return self._repair is not None

    @property
    def lag(self) -> float:
        """Seconds by which events are late."""
        view = self._view
        return max(self._backlog, view.clock.lag if view is not None else 0.0)

    def agent_now(self, now: float) -> int:
        """What the clock of the agent that is followed shows at least, in milliseconds; 0 if none is."""
        view = self._view
        return view.clock.agent_now(now) if view is not None else 0

    @property
    def _view(self) -> AgentView | None:
        return self._views.get(self.agent) if self.agent is not None else None

    # -- what arrives ------------------------------------------------------

    def received(self, agent: str, data: bytes, now: float) -> None:
        """A message of the agent's events subject."""
        view = self._views.get(agent)
        if view is None:
            return
        self.counts.messages += 1
        self.counts.bytes += len(data)
        try:
            head, body = parsed(data)
            if head.kind == EVENTS:
                self._sent(view, head, body, now)
            elif head.kind == BEAT:
                self._beat(view, head, body, now)
            else:
                raise WireError("neither events nor a beat")
        except WireError:
            self.counts.malformed += 1

    def replayed(self, agent: str, data: bytes, now: float) -> None:
        """A message of the answer to the last question; see ``Sink.ask``."""
        repair = self._repair
        if repair is None or agent != self.agent:
            return
        try:
            head, body = parsed(data)
            if head.kind == GONE:
                self._views[agent].present(head)
                self._lose(_LOST, now)
            elif head.kind not in {EVENTS, END}:
                raise WireError("not an answer to a question")
            elif head.epoch != self._epoch:
                return
            elif head.kind == END:
                self._end = max(self._end, head.first)
                self._resume(repair, now)
            elif head.first <= self._want:
                check(head, body)
                repair.asked = now
                self._deliver(head, body)
        except WireError:
            self.counts.malformed += 1

    def unanswered(self, agent: str, now: float) -> None:
        """The last question has reached nobody, or its answer cannot arrive: it is to be asked again soon."""
        if self._repair is not None and agent == self.agent:
            self._repair.unanswered(now)

    def _beat(self, view: AgentView, head: Head, body: bytes, now: float) -> None:
        beat = decode_beat(body)
        if beat.agent != view.name or beat.server != self.server:
            raise WireError("another agent's beat")
        if not view.take(head, beat, now):
            return
        if self._is_up and view.name == self.agent:
            if beat.state == "down":
                self._lose(beat.reason or "the agent's link to Asterisk is down", now)
            elif head.epoch != self._epoch or view.rewound:
                self._lose(_OTHER_EPOCH, now)
            elif self.lag > self._max_lag:
                self._fall_behind(now)
            else:
                self._end = max(self._end, head.first)
                if self._end > self._want and self._repair is None:
                    self._miss(now)
                self._show_boot(beat.state)
            return
        self._settle(now)

    def _sent(self, view: AgentView, head: Head, body: bytes, now: float) -> None:
        check(head, body)
        is_current = view.sent(head)
        if not self._is_up or view.name != self.agent:
            return
        if not is_current:
            if view.doubtful:
                self._lose(_OTHER_EPOCH, now)
            return
        self._end = max(self._end, head.first + head.events)
        if self._repair is not None:
            self._keep(self._repair, head, body, now)
        elif head.first > self._want:
            self._keep(self._miss(now), head, body, now)
        else:
            self._deliver(head, body)

    # -- events ------------------------------------------------------------

    def _deliver(self, head: Head, body: bytes) -> None:
        """Pass on those of these events that were not; none before them is missing."""
        known = min(self._want - head.first, head.events)
        self.counts.duplicates += known
        if known == head.events:
            return
        first = self._want
        self._want = head.first + head.events
        self.counts.events += head.events - known
        self._sink.events(self._epoch, first, without(known, body) if known else body)

    def _miss(self, now: float) -> Repair:
        """Events are missing: ask for them."""
        self.counts.gaps += 1
        self._repair = repair = Repair()
        self._ask(repair, now)
        return repair

    def _keep(self, repair: Repair, head: Head, body: bytes, now: float) -> None:
        if not repair.keep(head, body):
            self._lose(_LOST, now)

    def _ask(self, repair: Repair, now: float) -> None:
        if not repair.may_ask(self._want):
            self._lose(_LOST, now)
        else:
            repair.ask(self._want, now)
            self._sink.ask(self._name, self._epoch, self._want)

    def _resume(self, repair: Repair, now: float) -> None:
        """The answer is over: go on with what was kept, and ask for what is missing even now."""
        for head, body in repair.take():
            if head.first > self._want:
                repair.keep(head, body)
            else:
                self._deliver(head, body)
        if self._want < self._end:
            self._ask(repair, now)
        else:
            self._repair = None
            self.counts.repaired += 1

    # -- time --------------------------------------------------------------

    def tick(self, now: float, backlog: float = 0.0) -> None:
        """To be called each TICK seconds; ``backlog`` is the age of the oldest event that the sink holds."""
        stopped = now - self._ticked - TICK if self._ticked else 0.0
        self._ticked = now
        self._backlog = backlog
        if stopped > _STOPPED:
            self._wake(stopped, now)
        if self._is_up:
            view = self._views[self._name]
            if not view.lives(now):
                self._lose(f"{view.name} has not been heard for {view.age(now):.1f} s", now)
            elif backlog > self._max_lag:
                self._fall_behind(now)
            elif self._repair is not None:
                self._hurry(self._repair, now)
        self._settle(now)

    def _wake(self, stopped: float, now: float) -> None:
        """This process was stopped for so many seconds: what has been sent meanwhile is still to be read.

        If that was longer than the lag that is accepted, go on where the next beat says.
        """
        for view in self._views.values():
            view.excuse(stopped)
            view.doubtful = view.doubtful or stopped > self._max_lag
        if self._is_up and stopped > self._max_lag:
            self._lose(f"this process was stopped for {stopped:.1f} s", now)

    def _hurry(self, repair: Repair, now: float) -> None:
        if now - repair.since > self._max_lag:
            self._lose(_LOST, now)
        elif now - repair.asked >= AGAIN_AFTER:
            self._ask(repair, now)

    def adopt(
        self, agents: Iterable[str], max_lag: float, now: float, reason: str = "settings changed"
    ) -> None:
        """Other agents may be followed from now on, or the lag that is accepted is another one.

        ``reason`` is why the server goes down if its agent may not be followed any more.
        """
        self._max_lag = max_lag
        self._views = {name: self._views.get(name) or AgentView(name) for name in sorted(agents)}
        if self.agent is not None and self.agent not in self._views:
            self._lose(reason, now)

    # -- up and down -------------------------------------------------------

    def overrun(self, now: float) -> None:
        """The sink has more events waiting than it has room for: they are lost."""
        if self._is_up:
            self._fall_behind(now)

    def recycle(self, reason: str, now: float) -> None:
        """What was passed on cannot be trusted: go down, and come up where the agent is."""
        if self._is_up:
            self._lose(reason, now)

    def _fall_behind(self, now: float) -> None:
        self._is_behind = True
        self._lose(f"{self.lag:.1f} s behind", now)

    def _lose(self, reason: str, now: float) -> None:
        self.reason = reason
        self._repair = None
        self._backlog = 0.0
        if self._is_up:
            self._is_up = self._serves = False
            self._sink.down(reason)
        self._settle(now)

    def _settle(self, now: float) -> None:
        """If the server is not up, choose an agent, and go up where that one is."""
        if self._is_up:
            return
        view = chosen(self._views.values(), self._view, now)
        if view is None:
            self.agent = None
            self._is_behind = False
            self._hear(now)
            return
        self._is_told = False
        beat = view.beat
        self.agent = view.name
        if view.doubtful or beat is None:
            return
        if view.clock.lag > (self._max_lag / 2 if self._is_behind else self._max_lag):
            self._is_behind = True
            self.reason = f"{view.clock.lag:.1f} s behind"
            return
        self._is_behind = False
        if self._ups.wait(now, 1.0 / _UP_SECONDS, _UPS) > 0:
            return
        self._ups.take(now, 1.0 / _UP_SECONDS)
        if self._name:
            self.counts.snapshots += 1
            self.counts.changes += view.name != self._name
        self._name = view.name
        self._epoch = view.epoch
        self._want = self._end = view.next
        self._is_up = True
        self.reason = ""
        self._sink.up(view.name, view.epoch, view.next - 1, beat.banner)
        self._show_boot(beat.state)

    def _show_boot(self, state: str) -> None:
        if state == "up" and not self._serves:
            self._serves = True
            self._sink.serve()

    def _hear(self, now: float) -> None:
        """Note what the agents without a link say of it."""
        views = self._views.values()
        heard = [view for view in views if view.age(now) <= GONE_AFTER and view.state == "down"]
        self._is_told = bool(heard)
        if heard:
            self.reason = heard[0].reason or self.reason
