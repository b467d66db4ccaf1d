"""The simulator as a program: up until a signal says stop."""

import asyncio
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from proxy.simulator.replay import Replay
from proxy.simulator.schedule import Scheduled
from proxy.simulator.server import Simulator
from proxy.simulator.settings import Settings
from proxy.simulator.transcript import Transcript
from proxy.simulator.users import User

#: Told what happens, a line each.
Told = Callable[[str], None]


async def simulate(
    user: User,
    settings: Settings,
    host: str,
    port: int,
    ready: Callable[[int], None],
    faults: Iterable[Scheduled] = (),
    told: Told = lambda _: None,
) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` is told the port.  Raises OSError if it cannot listen."""
    simulator = Simulator([user], settings)
    await simulator.start(host, port)
    try:
        with _stopped_by_signals() as stopped:
            # What is to be wrong from the start is so before anybody comes.
            for fault in faults:
                simulator.spawn(fault.run(simulator.faults, told))
            await asyncio.sleep(0)
            ready(simulator.port)
            await stopped.wait()
    finally:
        await simulator.stop()


async def replay(
    transcript: Transcript, host: str, port: int, ready: Callable[[int], None], told: Told = lambda _: None
) -> bool:
    """Replay to each client until SIGINT or SIGTERM; whether all said what was recorded.

    ``told`` hears of each that did not.  Raises OSError if it cannot listen.
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
