"""The simulator as a program, which runs until it gets a signal."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from typing import NamedTuple

from amiproxy.tools.simulator.misbehaviour.schedule import Scheduled
from amiproxy.tools.simulator.recorded.replay import Replay
from amiproxy.tools.simulator.recorded.transcript import Transcript
from amiproxy.tools.simulator.server import Simulator
from amiproxy.tools.simulator.settings import Settings
from amiproxy.tools.simulator.users import User

#: Called with a line of text for each thing that happens.
Told = Callable[[str], None]


class Simulated(NamedTuple):
    """One simulated Asterisk: where it listens, its settings, and its faults."""

    host: str
    port: int
    settings: Settings
    faults: Sequence[Scheduled] = ()


class CannotListen(Exception):
    """The address of ``simulated`` cannot be used; the text says why."""

    def __init__(self, simulated: Simulated, error: OSError) -> None:
        super().__init__(error.strerror or str(error))
        self.simulated = simulated


async def simulate(
    user: User,
    several: Sequence[Simulated],
    ready: Callable[[Simulated, int], None],
    told: Callable[[Simulated, str], None] = lambda _one, _fault: None,
) -> None:
    """Serve until SIGINT or SIGTERM; calls ``ready`` with each and its port.  Raises CannotListen.

    They have nothing in common but the manager user.  ``told`` is called with the name of each scheduled
    fault as it happens.
    """
    async with AsyncExitStack() as stack:
        started = []
        for one in several:
            simulator = Simulator([user], one.settings)
            try:
                await simulator.start(one.host, one.port)
            except OSError as error:
                raise CannotListen(one, error) from None
            stack.push_async_callback(simulator.stop)
            started.append((one, simulator))
        with _stopped_by_signals() as stopped:
            # Faults that apply from the start take effect before any client connects.
            for one, simulator in started:
                for fault in one.faults:
                    simulator.spawn(fault.run(simulator.faults, partial(told, one)))
            await asyncio.sleep(0)
            for one, simulator in started:
                ready(one, simulator.port)
            await stopped.wait()


async def replay(
    transcript: Transcript, host: str, port: int, ready: Callable[[int], None], told: Told = lambda _: None
) -> bool:
    """Replay to each client until SIGINT or SIGTERM; returns whether all sent what was recorded.

    ``told`` is called with each mismatch.  Raises OSError if it cannot listen.
    """
    server = Replay(transcript, told)
    await server.start(host, port)
    try:
        with _stopped_by_signals() as stopped:
            ready(server.port)
            await stopped.wait()
    finally:
        await server.stop()
    return not server.mismatches


@contextmanager
def _stopped_by_signals() -> Iterator[asyncio.Event]:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    try:
        yield stopped
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
