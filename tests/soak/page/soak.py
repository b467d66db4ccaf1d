"""The soak test of the page: a large call centre for minutes; at the end nothing has grown or is wrong."""

import asyncio
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from amiproxy.net.loop.eventloop import new_event_loop
from amiproxy.tools.simulator import User
from tests.asterisk.page.board import Board, come_true
from tests.asterisk.page.proxy import SECRET, PageProxy
from tests.soak.growth import growth_of
from tests.soak.page.crowd import Crowd, Size
from tests.soak.page.watching import Seen, Watcher
from tests.support.browser import chromium

_MIB = 1 << 20
_STATES = ("free", "ringing", "talking", "paused", "away")


LARGE = Size()


@dataclass(frozen=True)
class Plan:
    """Durations are in seconds.  Samples of the first ``warm_up`` of the run do not count."""

    minutes: float
    size: Size = LARGE
    every: float = 10.0
    round_every: float = 60.0
    warm_up: float = 0.1
    #: Events a second that the page must have been sent, so that the run says something.
    least_events: float = 1000.0
    #: Bytes by which the heap may have grown at the end, by the slope of its samples.
    heap: float = 1 * _MIB
    #: The share of time that tasks of more than 50 ms may take.
    long_tasks: float = 0.05


@dataclass
class Outcome:
    """The result: ``missed`` has the bounds that were missed, and must be empty."""

    missed: list[str] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)


class _Upstream(NamedTuple):
    host: str
    port: int
    user: str
    secret: str


class _Running:
    """The simulator in a thread with a loop of its own: what drives the browser must not wait for it."""

    def __init__(self, size: Size) -> None:
        self.crowd = Crowd(User("proxy", SECRET), size)
        self._ready = threading.Event()
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Crowd:
        self._thread.start()
        self._ready.wait()
        return self.crowd

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            self.crowd.hurry()
            await self.crowd.start()
            self.crowd.go_on()
        finally:
            self._ready.set()
        await self._stop.wait()
        await self.crowd.stop()


async def soak(plan: Plan) -> Outcome:
    """Run it; the report is in the outcome."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as folder, _Running(plan.size) as crowd:
        here, profile = _folders(Path(folder))
        proxy = PageProxy(here, _Upstream("127.0.0.1", crowd.port, "proxy", SECRET))
        await asyncio.to_thread(proxy.start)
        try:
            async with chromium(profile) as browser:
                board = Board(await browser.page(), proxy.url)
                watcher = Watcher(board)
                await watcher.begin()
                await board.open(width=1920)
                await board.log_in("board", SECRET)
                await board.go("#calls")
                await board.has_rows("calls", within=60)
                await watcher.watch(plan.minutes * 60, plan.every, plan.round_every)
                crowd.freeze()
                await _compare(outcome, board, crowd)
                outcome.missed += [f"the page has a fault: {fault}" for fault in board.faults()[:5]]
                size = {"calls": len(crowd.calls_now()), "queues": len(crowd.queues_now())}
        finally:
            proxy.kill()
    _judge(outcome, plan, watcher.seen, size | {"agents": len(crowd.agents_now())})
    return outcome


def _folders(inside: Path) -> tuple[Path, Path]:
    """Of the proxy and of the browser."""
    made = inside / "proxy", inside / "browser"
    for folder in made:
        folder.mkdir()
    return made


async def _compare(outcome: Outcome, board: Board, crowd: Crowd) -> None:
    found: list[str] = []

    async def agrees() -> bool:
        found[:] = await _differences(board, crowd)
        return not found

    try:
        await come_true(agrees, within=40)
        outcome.figures["the board"] = "agrees with the simulator at the end"
    except AssertionError:
        outcome.figures["the board"] = f"differs from the simulator in {len(found)} places"
        outcome.missed += [f"the board is wrong at the end: {one}" for one in found[:10]]


async def _differences(board: Board, crowd: Crowd) -> list[str]:
    await board.go("#calls")
    calls = {row["key"].rpartition(" ")[2] for row in await board.has_rows("calls")}
    there = crowd.calls_now()
    wrong = [f"calls {len(calls)}, not {len(there)}"] if len(calls) != len(there) else []
    await board.go("#queues")
    queues = {row["cells"]["name"]["text"]: row["cells"] for row in await board.has_rows("queues")}
    for name, figures in crowd.queues_now().items():
        shown = {field: int(queues[name][field]["text"].replace(",", "")) for field in figures}
        wrong += [f"{name}: {shown}, not {figures}"] if shown != figures else []
    await board.go("#agents")
    agents = {
        row["cells"]["name"]["text"]: row["cells"]["state"]["state"] for row in await board.has_rows("agents")
    }
    wrong += [
        f"{name} is {agents.get(name)}, not {state}"
        for name, state in crowd.agents_now().items()
        if agents.get(name) != state
    ]
    return wrong


def _judge(outcome: Outcome, plan: Plan, seen: Seen, size: dict[str, int]) -> None:
    took = seen.seconds[-1]
    counted: dict[str, Any] = seen.counted
    growth = growth_of(seen.seconds, seen.heap, took * plan.warm_up)
    grown = growth.slope / 3600 * growth.seconds
    events = counted["messages"] / took
    long_share = sum(counted["long"]) / 1000 / took
    first = max(1, int(len(seen.nodes) * plan.warm_up))
    missed = outcome.missed
    if events < plan.least_events:
        missed.append(f"only {events:.0f} messages a second")
    if grown > plan.heap and growth.slope > 2 * growth.error:
        missed.append(f"the heap grows by {grown / _MIB:.2f} MiB")
    if counted["twice"]:
        missed.append(f"{counted['twice']} frames had more than one draw")
    if long_share > plan.long_tasks:
        missed.append(f"long tasks take {long_share:.1%} of the time")
    if counted["opened"] != 1:
        missed.append(f"{counted['opened']} sockets were opened")
    for what, values in (("nodes", seen.nodes), ("listeners", seen.listeners)):
        # As many as at first, but for calls that come and go.
        if max(values[-3:]) > 1.2 * max(values[: max(first + 1, len(values) // 4)]) + 100:
            missed.append(f"{what} grow: {values[first]:,} at first, {values[-1]:,} at the end")
    outcome.figures |= {
        "duration": f"{took:.0f} s, {', '.join(f'{number:,} {what}' for what, number in size.items())}",
        "messages": f"{counted['messages']:,}, {events:,.0f} a second",
        "heap": f"{seen.heap[0] / _MIB:.2f} MiB at first, {max(seen.heap) / _MIB:.2f} at most, "
        f"{seen.heap[-1] / _MIB:.2f} at last; each minute "
        + " ".join(f"{size / _MIB:.2f}" for size in seen.heap[:: max(1, round(60 / plan.every))]),
        "heap growth": f"{grown / _MIB:+.2f} MiB by the slope in {growth.seconds:.0f} s "
        f"({growth.slope / _MIB:+.2f} ± {2 * growth.error / _MIB:.2f} MiB/h); "
        f"{growth.gained / _MIB:+.2f} MiB gained",
        "nodes": f"{seen.nodes[first]:,} at first, {max(seen.nodes):,} at most, {seen.nodes[-1]:,} at last",
        "listeners": f"{seen.listeners[first]:,} at first, {seen.listeners[-1]:,} at last",
        "draws": f"{counted['draws']:,} in {counted['frames']:,} frames, twice in {counted['twice']}, "
        f"{counted['draws'] / took:.1f} a second",
        "long tasks": f"{len(counted['long'])}, the longest {max(counted['long'], default=0)} ms, "
        f"{long_share:.2%} of the time",
        "main thread": f"{(seen.busy[-1] - seen.busy[0]) / took:.0%} busy",
    }
