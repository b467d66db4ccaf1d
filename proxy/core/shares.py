"""Shares: whose work the processor does next, by the time that it has spent on each.

All sessions of a user have one share, however many they are and however often
they come back; clients that have not logged in have one for each network they
come from.  Those who wait go by a fair queue, and all strangers together have
no more of it than all users together.  While only one has work it gets all the
time there is; a share makes nobody wait for nothing.

The time is cut into turns, so that the loop comes back to Asterisk, to timers
and to new work after each.  While more waits than a turn can do, it is as long
as what the loop has done meanwhile, so that users' work is half of all.  A job
that has more to do than its turn allows (``over``) leaves the rest to a later
job.  What is counted is the time that passes, which costs next to nothing to
ask; what other processes take of it falls on all users alike.
"""

from collections.abc import Callable, Container
from typing import Final

from proxy.core.fairtime import FairTime, Member
from proxy.core.ports import Scheduler, Timer

Job = Callable[[], None]

#: Seconds of the processor before the loop sees to its other business.  What has begun is finished.
TURN: Final = 0.0005
#: Seconds of the longest turn.
_LONGEST_TURN: Final = 0.003
#: Seconds for which one member is served before the queue is asked again, which costs as much as a small job.
_QUANTUM: Final = 0.0005
#: Networks of which the share is remembered; over it the one that came first is forgotten.
_REMEMBERED: Final = 4096


class Share(Member[Job]):
    """One user, or one network of strangers."""

    __slots__ = ("is_user", "name", "seconds")

    def __init__(self, name: str, is_user: bool) -> None:
        super().__init__()
        self.name = name
        self.is_user = is_user
        #: Seconds of the processor since the start.
        self.seconds = 0.0


class Shares:
    """All users and strangers of one process."""

    __slots__ = (
        "_began",
        "_by_network",
        "_by_user",
        "_clock",
        "_left_at",
        "_running",
        "_scheduler",
        "_strangers",
        "_strangers_turn",
        "_timer",
        "_turn",
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
        self._strangers: FairTime[Job] = FairTime()
        # What users and strangers have had, and what those had who are being served: a fair queue of two.
        self._users_turn = self._strangers_turn = self._turn = 0.0
        self._by_user: dict[str, Share] = {}
        self._by_network: dict[str, Share] = {}
        #: For work of which it is not known yet whose it is, as for new connections.
        self.unknown = Share("", is_user=False)
        self._until = self._began = 0.0
        #: Since when something waits for the next turn.
        self._left_at = 0.0
        self._running = False
        self._timer: Timer | None = None

    # -- whose -------------------------------------------------------------

    def of_user(self, name: str) -> Share:
        """The share of this user, the same for all its sessions."""
        share = self._by_user.get(name)
        if share is None:
            share = self._by_user[name] = Share(name, is_user=True)
        return share

    def of_network(self, network: str) -> Share:
        """The share of those who come from there and have not logged in."""
        share = self._by_network.get(network)
        if share is None:
            if len(self._by_network) >= _REMEMBERED:
                del self._by_network[next(iter(self._by_network))]
            share = self._by_network[network] = Share(network, is_user=False)
        return share

    def keep(self, users: Container[str]) -> None:
        """Forget the users that are not among these."""
        for name in [name for name in self._by_user if name not in users]:
            del self._by_user[name]

    def seconds(self) -> dict[str, float]:
        """Seconds of the processor since the start, by user."""
        return {name: share.seconds for name, share in self._by_user.items()}

    # -- whose turn --------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether anybody waits for a turn."""
        return bool(self._users.heap or self._strangers.heap)

    @property
    def over(self) -> bool:
        """Whether this turn's time is used up: a job that could do more leaves that to a later one."""
        return self._clock() >= self._until

    @property
    def is_due(self) -> bool:
        """Whether the next turn begins by itself."""
        return self._timer is not None

    def add(self, share: Share, job: Job) -> None:
        """The job waits for its share's turn; ``run`` is to be called."""
        if share.is_user:
            if not self._users.heap:
                self._users_turn = max(self._users_turn, self._turn)
            self._users.add(share, job, self._clock())
        else:
            if not self._strangers.heap:
                self._strangers_turn = max(self._strangers_turn, self._turn)
            self._strangers.add(share, job, self._clock())

    def later(self, share: Share, job: Job) -> None:
        """The job waits for its share's turn, in the loop's next round at the earliest."""
        self.add(share, job)
        self._wake()

    def run(self) -> None:
        """One turn: serve those who wait until its time is over."""
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
        """One turn for one job, while nobody else waits: the common case, without the queue."""
        began = self._clock()
        self._until = began + self.turn_seconds
        self._running = True
        try:
            job()
        finally:
            self._running = False
            self.charge(share, self._clock() - began)

    def begin(self) -> None:
        """Work begins that may be long: a turn of its own, unless it is part of one."""
        if not self._running:
            self._began = self._clock()
            self._until = self._began + self.turn_seconds

    def end(self, share: Share) -> None:
        """It has ended, and was this share's."""
        if not self._running:
            self.charge(share, self._clock() - self._began)

    def charge(self, share: Share, seconds: float) -> None:
        """Time was spent on it outside its turns, or will be."""
        share.seconds += seconds
        (self._users if share.is_user else self._strangers).charge(share, seconds, self._clock())

    def _serve(self, began: float, until: float) -> float:
        """Serve one member, all that it has waiting or as much as its quantum allows; when it ended."""
        users, strangers = bool(self._users.heap), bool(self._strangers.heap)
        users = users and (not strangers or self._users_turn <= self._strangers_turn)
        queue = self._users if users else self._strangers
        self._turn = self._users_turn if users else self._strangers_turn
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
                self._strangers_turn += took
        return ended

    def _wake(self) -> None:
        if self._timer is None:
            self._left_at = self._clock()
            self._timer = self._scheduler.later(0, self._due)

    def _due(self) -> None:
        self._timer = None
        now = self._clock()
        self._run(now, max(self.turn_seconds, min(now - self._left_at, _LONGEST_TURN)))
