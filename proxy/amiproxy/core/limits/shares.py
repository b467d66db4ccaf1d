"""Shares: fair scheduling of CPU time between users, by the time already spent on each.

All sessions of a user have one share, however many they are and however often they
reconnect; unauthenticated clients have one share for each network that they come from.
Waiting jobs are served by a fair queue, in which all unauthenticated clients together get
no more than all users together.  The queue is work-conserving: while only one share has
jobs, it gets all the time.

The time is divided into turns, so that the loop returns to Asterisk, to timers and to new
work after each.  While more jobs wait than one turn can do, a turn is as long as the loop's
other work since the last one, so that jobs get half of the time.  A job that has more to do
than its turn allows (``over``) must leave the rest to a later job.  Shares are charged the
time that passes, because reading that clock costs next to nothing; time that other
processes take is charged to all users alike.
"""

# mypyc: compiled

from collections.abc import Container
from typing import Final

from amiproxy.core.limits.fairtime import FairTime
from amiproxy.core.model.share import Job, Share
from amiproxy.core.ports import Scheduler, Timer

#: Seconds of a turn, before the loop does its other work.  A job that has begun is finished.
TURN: Final = 0.0005
#: Seconds of the longest turn.
_LONGEST_TURN: Final = 0.003
#: Seconds for which one share is served before the next is picked; picking costs as much as a small job.
_QUANTUM: Final = 0.0005
#: Most networks whose share is remembered; past it the one added first is forgotten.
_REMEMBERED: Final = 4096


class Shares:
    """The shares and waiting jobs of all users and unauthenticated clients of the process."""

    __slots__ = (
        "_began",
        "_by_network",
        "_by_user",
        "_clock",
        "_left_at",
        "_running",
        "_scheduler",
        "_timer",
        "_turn",
        "_unauthenticated",
        "_unauthenticated_turn",
        "_until",
        "_users",
        "_users_turn",
        "turn_seconds",
        "unknown",
    )

    def __init__(self, scheduler: Scheduler, turn_seconds: float = TURN) -> None:
        self._scheduler = scheduler
        self._clock = scheduler.clock
        self.turn_seconds = turn_seconds
        self._users: FairTime[Job] = FairTime()
        self._unauthenticated: FairTime[Job] = FairTime()
        # A fair queue of two: the time that all users and all unauthenticated clients have had, and
        # the time that the side being served had when its turn began.
        self._users_turn = self._unauthenticated_turn = self._turn = 0.0
        self._by_user: dict[str, Share] = {}
        self._by_network: dict[str, Share] = {}
        #: For work whose owner is not known yet, such as new connections.
        self.unknown = Share("", is_user=False)
        self._until = self._began = 0.0
        #: Time at which the next turn was scheduled.
        self._left_at = 0.0
        self._running = False
        self._timer: Timer | None = None

    # -- shares ------------------------------------------------------------

    def of_user(self, name: str) -> Share:
        """The share of this user, which all its sessions have in common."""
        share = self._by_user.get(name)
        if share is None:
            share = self._by_user[name] = Share(name, is_user=True)
        return share

    def of_network(self, network: str) -> Share:
        """The share of the unauthenticated clients from this network, named as by ``network_of``."""
        share = self._by_network.get(network)
        if share is None:
            if len(self._by_network) >= _REMEMBERED:
                del self._by_network[next(iter(self._by_network))]
            share = self._by_network[network] = Share(network, is_user=False)
        return share

    def keep(self, users: Container[str]) -> None:
        """Forget the shares of all users but these."""
        for name in [name for name in self._by_user if name not in users]:
            del self._by_user[name]

    def seconds(self) -> dict[str, float]:
        """Seconds spent on each user since the start, by name."""
        return {name: share.seconds for name, share in self._by_user.items()}

    # -- turns -------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether any job waits."""
        return bool(self._users.heap or self._unauthenticated.heap)

    @property
    def over(self) -> bool:
        """Whether this turn's time is used up: a job that has more to do must leave it to a later job."""
        return self._clock() >= self._until

    @property
    def is_due(self) -> bool:
        """Whether the next turn is scheduled."""
        return self._timer is not None

    def add(self, share: Share, job: Job) -> None:
        """Queue a job for its share, to be run by the next call of ``run``."""
        if share.is_user:
            if not self._users.heap:
                self._users_turn = max(self._users_turn, self._turn)
            self._users.add(share, job, self._clock())
        else:
            if not self._unauthenticated.heap:
                self._unauthenticated_turn = max(self._unauthenticated_turn, self._turn)
            self._unauthenticated.add(share, job, self._clock())

    def later(self, share: Share, job: Job) -> None:
        """Queue a job for its share and schedule a turn, in the loop's next iteration at the earliest."""
        self.add(share, job)
        self._wake()

    def run(self) -> None:
        """Run one turn: serve waiting jobs until its time is used up.

        Schedules the next turn if jobs are left, also when a job raises; its exception passes through.
        """
        self._run(self._clock(), self.turn_seconds)

    def _run(self, now: float, seconds: float) -> None:
        self._until = now + seconds
        self._running = True
        try:
            while self.busy:
                now = self._serve(now, self._until)
                if now >= self._until:
                    break
        finally:
            self._running = False
            if self.busy:
                self._wake()

    def serve(self, share: Share, job: Job) -> None:
        """Run one job in a turn of its own, without the queue: the common case, while no other job waits.

        An exception of the job passes through; its time is charged all the same.
        """
        began = self._clock()
        self._until = began + self.turn_seconds
        self._running = True
        try:
            job()
        finally:
            self._running = False
            self.charge(share, self._clock() - began)

    def begin(self) -> None:
        """Begin work that may be long: a turn of its own, unless it is already part of a turn."""
        if not self._running:
            self._began = self._clock()
            self._until = self._began + self.turn_seconds

    def end(self, share: Share) -> None:
        """End the work that ``begin`` began, and charge it to this share."""
        if not self._running:
            self.charge(share, self._clock() - self._began)

    def charge(self, share: Share, seconds: float) -> None:
        """Charge time to the share that was spent outside its turns, or will be."""
        share.seconds += seconds
        (self._users if share.is_user else self._unauthenticated).charge(share, seconds, self._clock())

    def _serve(self, began: float, until: float) -> float:
        """Serve one share until its jobs or its quantum are used up; returns the time at which it ended."""
        users, unauthenticated = bool(self._users.heap), bool(self._unauthenticated.heap)
        users = users and (not unauthenticated or self._users_turn <= self._unauthenticated_turn)
        queue = self._users if users else self._unauthenticated
        self._turn = self._users_turn if users else self._unauthenticated_turn
        member = queue.next()
        assert isinstance(member, Share)
        waiting, clock = member.waiting, self._clock
        until = min(until, began + _QUANTUM)
        ended = began
        try:
            while True:
                waiting.popleft()()
                ended = clock()
                if ended >= until or not waiting:
                    break
        except BaseException:
            ended = clock()
            raise
        finally:
            took = ended - began
            member.seconds += took
            queue.done(member, took, ended)
            if users:
                self._users_turn += took
            else:
                self._unauthenticated_turn += took
        return ended

    def _wake(self) -> None:
        if self._timer is None:
            self._left_at = self._clock()
            self._timer = self._scheduler.later(0, self._due)

    def _due(self) -> None:
        self._timer = None
        now = self._clock()
        self._run(now, max(self.turn_seconds, min(now - self._left_at, _LONGEST_TURN)))
