"""Helpers shared by the simulator's tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from amiproxy.tools.simulator import Settings, Simulator, User
from amiproxy.tools.simulator.calls.call import Call, Step
from amiproxy.tools.simulator.calls.timeline import Timeline
from amiproxy.tools.simulator.pbx.state import Pbx
from tests.support.ami_client import AmiClient

USERS = (
    User("proxy", "secret"),
    User("caller", "secret", "call", "call,originate"),
    User("wallboard", "secret", "agent", "none"),
    User("single", "secret", multiple_login=False),
)
#: Fast enough for tests: a failed login is answered at once.
SETTINGS = Settings(login_delay=0.0)


@asynccontextmanager
async def unauthenticated(simulator: Simulator) -> AsyncIterator[AmiClient]:
    """A client that is connected but not logged in."""
    client = await AmiClient.connect("127.0.0.1", simulator.port)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def session(
    simulator: Simulator, user: str = "proxy", *, events: str = "on"
) -> AsyncIterator[AmiClient]:
    """A client that is logged in."""
    async with unauthenticated(simulator) as client:
        assert (await client.login(user, "secret", Events=events)).get("Message") == "Authentication accepted"
        yield client


class Clock:
    """A clock that tests advance by hand."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class Day:
    """A PBX with its timeline, and a clock that only ``run`` advances."""

    def __init__(self, seed: int = 1) -> None:
        self.clock = Clock()
        self.pbx = Pbx(self.clock, seed)
        self.timeline = Timeline()

    def start(self, call: Call) -> None:
        self.timeline.start(call, self.clock.now)

    def run(self, seconds: float = float("inf")) -> list[Step]:
        """All steps of the next ``seconds`` (by default: until nothing more is due)."""
        steps: list[Step] = []
        end = self.clock.now + seconds
        while (due := self.timeline.next_due) is not None and due <= end and due != float("inf"):
            delay, self.clock.now = due - self.clock.now, due
            for raw in self.timeline.advance(due):
                steps.append((delay, raw))
                delay = 0.0
        if end != float("inf"):
            self.clock.now = end
        return steps


def names(steps: list[Step]) -> list[str]:
    """The events' names."""
    return [raw.split(b"\r\n")[0].removeprefix(b"Event: ").decode() for _, raw in steps]


def header(raw: bytes, name: str) -> str | None:
    """The first value of a header."""
    start = name.encode() + b": "
    return next((line[len(start) :].decode() for line in raw.split(b"\r\n") if line.startswith(start)), None)
