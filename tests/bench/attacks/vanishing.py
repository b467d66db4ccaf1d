# ruff: noqa: T201  (a program that prints)
"""Clients of a plain port that log in and vanish: ``python -m tests.bench.attacks.vanishing``.

Each closes its connection without logging off, as a killed process does.  Runs until SIGTERM
and then reports how many there were a second, as JSON.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import time

#: Logins in progress at the same time.
_AT_ONCE = 100


class Clients:
    """All of them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._tasks: set[asyncio.Task[None]] = set()
        self.gone = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(1 / self._options.rate)
            if len(self._tasks) < _AT_ONCE:
                task = asyncio.get_running_loop().create_task(self._one())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _one(self) -> None:
        user, secret = self._options.user, self._options.secret
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._options.port)
                with contextlib.closing(writer):
                    await reader.readuntil(b"\n")
                    writer.write(f"Action: Login\r\nUsername: {user}\r\nSecret: {secret}\r\n\r\n".encode())
                    await reader.readuntil(b"Authentication accepted\r\n\r\n")
                    self.gone += 1


async def _main(options: argparse.Namespace) -> None:
    crowd = Clients(options)
    running = asyncio.get_running_loop().create_task(crowd.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    began = time.monotonic()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    print(json.dumps({"rate": crowd.gone / (time.monotonic() - began)}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--secret", required=True)
    asyncio.run(_main(parser.parse_args()))
