"""The simulator as a program, which runs until it gets a signal."""

import asyncio
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from amiproxy.tools.simulator.misbehaviour.schedule import Scheduled
from amiproxy.tools.simulator.recorded.replay import Replay
from amiproxy.tools.simulator.recorded.transcript import Transcript
from amiproxy.tools.simulator.server import Simulator
from amiproxy.tools.simulator.settings import Settings
from amiproxy.tools.simulator.users import User

#: Called with a line of text for each thing that happens.
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
    """Serve until SIGINT or SIGTERM; calls ``ready`` with the port.  Raises OSError if it cannot listen.

    ``told`` is called with the name of each scheduled fault as it happens.
    """
    simulator = Simulator([user], settings)
    await simulator.start(host, port)
    try:
        with _stopped_by_signals() as stopped:
            # Faults that apply from the start take effect before any client connects.
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
