"""An agent as an edge hears it, a sink that checks what it is given, and a network between the two."""

import random
from collections import defaultdict
from collections.abc import Callable

from amiproxy.core.fleet.followcounts import FollowCounts
from amiproxy.core.fleet.following import TICK, Following
from amiproxy.core.fleet.wire import BEAT, END, EVENTS, GONE, Beat, Head, encode_beat, packed

SERVER = "berlin"
BANNER = b"Asterisk Call Manager/11.0.0"


def event(agent: str, epoch: int, number: int) -> bytes:
    return b"Event: X\r\nPrivilege: call,all\r\nOf: %s %d %d\r\n\r\n" % (agent.encode(), epoch, number)


class Agent:
    """Numbers events, and writes messages about them; keeps the last ``held`` events of its epoch."""

    def __init__(self, name: str, epoch: int = 1, ahead: float = 5000.0, held: int = 10_000) -> None:
        self.name = name
        self.epoch = epoch
        self.ahead = ahead
        self.held = held
        self.last = 0
        self.state = "up"
        self.reason = ""

    def beat(self, now: float, **changes: object) -> bytes:
        values: dict[str, object] = {
            "software": "7.0",
            "agent": self.name,
            "server": SERVER,
            "state": self.state,
            "banner": BANNER,
            "clock": int((now + self.ahead) * 1000),
            "reason": self.reason,
            "rights": b"",
        }
        body = encode_beat(Beat(**(values | changes)))
        return packed(Head(BEAT, 0, self.epoch, self.last + 1), body)

    def events(self, count: int) -> bytes:
        first = self.last + 1
        self.last += count
        return self.message(first, count)

    def message(self, first: int, count: int) -> bytes:
        body = b"".join(event(self.name, self.epoch, number) for number in range(first, first + count))
        return packed(Head(EVENTS, 0, self.epoch, first, count), body)

    def replay(self, epoch: int, first: int, size: int = 10) -> list[bytes]:
        if epoch != self.epoch or first <= self.last - self.held:
            return [self.gone()]
        starts = range(first, self.last + 1, size)
        return [*(self.message(start, min(size, self.last + 1 - start)) for start in starts), self.end()]

    def gone(self) -> bytes:
        return packed(Head(GONE, 0, self.epoch, self.last + 1))

    def end(self) -> bytes:
        return packed(Head(END, 0, self.epoch, self.last + 1))

    def begin(self, epoch: int) -> None:
        self.epoch = epoch
        self.last = 0


class Checking:
    """A sink that fails if events come twice, out of order, or with a hole without ``down`` and ``up``."""

    def __init__(self) -> None:
        #: (agent, epoch, last) of each ``up``, and the reasons of each ``down``.
        self.ups: list[tuple[str, int, int]] = []
        self.downs: list[str] = []
        self.asked: list[tuple[str, int, int]] = []
        self.serves = 0
        self.on_ask: Callable[[str, int, int], None] = lambda *_: None
        self._seen: dict[tuple[str, int], int] = defaultdict(int)
        self._is_up = self._is_serving = False
        self._next = 0

    def up(self, agent: str, epoch: int, last: int, banner: bytes) -> None:
        assert not self._is_up
        assert banner == BANNER
        self._is_up = True
        self.ups.append((agent, epoch, last))
        self._next = last + 1

    def serve(self) -> None:
        assert self._is_up
        assert not self._is_serving
        self._is_serving = True
        self.serves += 1

    def events(self, epoch: int, first: int, body: bytes) -> None:
        agent, current, _ = self.ups[-1]
        assert self._is_up
        assert (epoch, first) == (current, self._next)
        count = body.count(b"\r\n\r\n")
        assert count
        assert body == b"".join(event(agent, epoch, number) for number in range(first, first + count))
        assert first > self._seen[agent, epoch], "passed on twice"
        self._next = first + count
        self._seen[agent, epoch] = self._next - 1

    def down(self, reason: str) -> None:
        assert self._is_up
        assert reason
        self._is_up = self._is_serving = False
        self.downs.append(reason)

    def ask(self, agent: str, epoch: int, first: int) -> None:
        self.asked.append((agent, epoch, first))
        self.on_ask(agent, epoch, first)

    @property
    def last(self) -> int:
        """The number of the last event."""
        return self._next - 1


class Bench:
    """One edge, and agents that beat each second; messages take ``delay``, and meet what ``fate`` says."""

    def __init__(self, *agents: Agent, max_lag: float = 5.0, delay: float = 0.001) -> None:
        self.agents = {agent.name: agent for agent in agents}
        self.sink = Checking()
        self.counts = FollowCounts()
        self.following = Following(SERVER, [*self.agents], self.sink, max_lag, self.counts)
        self.now = 1000.0
        self.delay = delay
        #: Agents that say nothing.
        self.silent: set[str] = set()
        #: Whether the edge is stopped.
        self.is_stopped = False
        #: Returns after how many more seconds a message arrives, once for each time that it does.
        self.fate: Callable[[], list[float]] = lambda: [0.0]
        self._order = 0
        self._under_way: list[tuple[float, int, Callable[[], None]]] = []
        self._beaten = self._ticked = self.now
        self.sink.on_ask = self._asked

    def send(self, agent: Agent, data: bytes) -> None:
        if agent.name not in self.silent:
            self._carry(lambda: self.following.received(agent.name, data, self.now))

    def events(self, agent: Agent, count: int) -> None:
        self.send(agent, agent.events(count))

    def beat(self, agent: Agent) -> None:
        self.send(agent, agent.beat(self.now))

    def run(self, seconds: float) -> "Bench":
        until = self.now + seconds
        while self.now < until:
            self.now = round(self.now + 0.01, 3)
            if self.now - self._beaten >= 1.0:
                self._beaten = self.now
                for agent in self.agents.values():
                    self.beat(agent)
            if self.is_stopped:
                continue
            if self.now - self._ticked >= TICK:
                self._ticked = self.now
                self.following.tick(self.now)
            while self._under_way and self._under_way[0][0] <= self.now:
                self._under_way.pop(0)[2]()
        return self

    def _carry(self, arrive: Callable[[], None]) -> None:
        for later in self.fate():
            self._order += 1
            self._under_way.append((self.now + self.delay + later, self._order, arrive))
        self._under_way.sort(key=lambda each: each[:2])

    def _asked(self, name: str, epoch: int, first: int) -> None:
        asked = len(self.sink.asked)
        agent = self.agents[name]

        def answer() -> None:
            if name not in self.silent:
                for data in agent.replay(epoch, first):
                    self._carry(lambda data=data: replayed(data))

        def replayed(data: bytes) -> None:
            if asked == len(self.sink.asked):
                self.following.replayed(name, data, self.now)

        self._carry(answer)


def unkind(rng: random.Random, loss: float, twice: float, late: float) -> Callable[[], list[float]]:
    """Fates of messages: lost, doubled, or overtaken by those of the next 0.3 seconds."""

    def fate() -> list[float]:
        if rng.random() < loss:
            return []
        times = 2 if rng.random() < twice else 1
        return [rng.uniform(0.0, 0.3) if rng.random() < late else 0.0 for _ in range(times)]

    return fate
