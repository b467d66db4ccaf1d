"""The simulator as a program: up until a signal says stop."""

import asyncio
import signal
from collections.abc import Callable

from proxy.simulator.server import Simulator
from proxy.simulator.settings import Settings
from proxy.simulator.users import User


async def simulate(
    user: User, settings: Settings, host: str, port: int, ready: Callable[[int], None]
) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` is told the port.  Raises OSError if it cannot listen."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    simulator = Simulator([user], settings)
    await simulator.start(host, port)
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        ready(simulator.port)
        await stopped.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        await simulator.stop()
