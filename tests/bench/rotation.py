"""The cost of a swap of certificates for connected clients, and for those that connect.

    python -m tests.bench.rotation [--swaps 20] [--sessions 200] [--rate 200]

The proxy, its Asterisk, the readers and the connecting clients are processes of their own.  Windows
with a swap and without one take turns in one run; the table has the longest and the usual
pause of both.  It is for comparing the two rows, not for any absolute figure.
"""

import argparse
import asyncio
import multiprocessing
import signal
import socket
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from amiproxy.tools.simulator import Settings, Simulator, User
from tests.support.badsets import CertificateFolder
from tests.support.service import LIMITS, SECRET, USERS, Service
from tests.support.storm_reader import StormReader

#: Seconds: a swap and the watch's work a second later, or nothing at all.
_WINDOW = 2.5
_WARM_UP = 3.0
_SPAWN = multiprocessing.get_context("spawn")


class Pause(NamedTuple):
    """An interruption of this length."""

    at: float
    """When it was over, ``time.monotonic()``."""
    seconds: float


class _TimedReader(StormReader):
    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[Pause] = []
        self._came = 0.0

    def events_came(self) -> None:
        now = time.monotonic()
        if self._came:
            self.pauses.append(Pause(now, now - self._came))
        self._came = now


def _asterisk(pipe: Connection, rate: float) -> None:
    async def serve() -> None:
        async with Simulator([User("proxy", SECRET)], Settings(login_delay=0.0)) as simulator:
            pipe.send(simulator.port)
            await simulator.storm(rate, 1 << 40)

    asyncio.run(serve())


def _readers(pipe: Connection, port: int, authority: str, sessions: int) -> None:
    async def read() -> None:
        context = ssl.create_default_context(cadata=authority)
        readers = [await _TimedReader.connect(port, context, "boss", "chief") for _ in range(sessions)]
        pipe.send(sessions)
        await asyncio.to_thread(pipe.recv)
        assert not any(reader.ended or reader.wrong for reader in readers), "events or sessions were lost"
        pipe.send(readers[0].pauses)

    asyncio.run(read())


def _connects(pipe: Connection, port: int, authority: str) -> None:
    context = ssl.create_default_context(cadata=authority)
    pauses: list[Pause] = []
    pipe.send("ready")
    while not pipe.poll(0.002):
        began = time.monotonic()
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname="localhost"),
        ):
            now = time.monotonic()
            pauses.append(Pause(now, now - began))
    pipe.send(pauses)


class _Child:
    """A process with a pipe to it."""

    def __init__(self, work: object, *arguments: object) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=work, args=(theirs, *arguments), daemon=True)  # type: ignore[arg-type]
        self._process.start()
        self.first = self.pipe.recv()

    def finish(self) -> list[Pause]:
        """Have it stop and report."""
        self.pipe.send("stop")
        pauses: list[Pause] = self.pipe.recv()
        self._process.join()
        return pauses

    def end(self) -> None:
        self._process.terminate()
        self._process.join()


def measure(
    swaps: int, sessions: int, rate: float
) -> tuple[list[Pause], list[Pause], list[float], list[float]]:
    """Pauses of the stream and of connects; when windows with a swap began, and those without."""
    with tempfile.TemporaryDirectory(prefix="amiproxy-rotation-") as folder:
        directory = Path(folder)
        asterisk = _Child(_asterisk, rate)
        service = Service(directory, ("127.0.0.1", asterisk.first, "proxy", SECRET), USERS, limits=LIMITS)
        site = CertificateFolder(directory / "certs")
        pair = {"chain": "certs/server.crt", "key": "certs/server.key"}
        service.change(listeners=[{"address": f"127.0.0.1:{service.port}", "certificates": [pair]}])
        authority = site.ca.pem.decode()
        service.context.load_verify_locations(cadata=authority)
        service.start()
        try:
            readers = _Child(_readers, service.port, authority, sessions)
            connects = _Child(_connects, service.port, authority)
            time.sleep(_WARM_UP)
            with_swap: list[float] = []
            without: list[float] = []
            for _ in range(swaps):
                without.append(time.monotonic())
                time.sleep(_WINDOW)
                new = site.leaf()
                with_swap.append(time.monotonic())
                site.put(new)
                service.signal(signal.SIGHUP)
                time.sleep(_WINDOW)
            pauses = readers.finish(), connects.finish()
            served = service.stderr.count(" certificate-served ")
            assert served == swaps, f"{served} swaps of {swaps}: {service.stderr[-2000:]}"
            return *pauses, with_swap, without
        finally:
            service.kill()
            asterisk.end()


def table(
    stream: Sequence[Pause], connects: Sequence[Pause], with_swap: Sequence[float], without: Sequence[float]
) -> str:
    """In Markdown, milliseconds."""
    rows = ["| milliseconds | windows | longest | 99 % | median |", "| --- | --- | --- | --- | --- |"]
    for what, pauses in (("between two reads of events", stream), ("connect and handshake", connects)):
        for windows, name in ((without, "no swap"), (with_swap, "swap")):
            within = [
                pause.seconds * 1000
                for pause in pauses
                if any(0 <= pause.at - began < _WINDOW for began in windows)
            ]
            high = statistics.quantiles(within, n=100)[98]
            rows.append(
                f"| {what}, {name} | {len(windows)} | {max(within):.1f} | {high:.1f} | "
                f"{statistics.median(within):.1f} |"
            )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--swaps", type=int, default=20)
    parser.add_argument("--sessions", type=int, default=200, help="that read all events (200)")
    parser.add_argument("--rate", type=float, default=200.0, help="events a second (200)")
    arguments = parser.parse_args()
    measured = measure(arguments.swaps, arguments.sessions, arguments.rate)
    sys.stdout.write(f"{arguments.sessions} sessions, {arguments.rate:g} events/s\n\n{table(*measured)}\n")


if __name__ == "__main__":
    main()
