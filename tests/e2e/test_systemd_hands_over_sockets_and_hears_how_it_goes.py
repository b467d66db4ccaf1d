import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from proxy.simulator import Simulator
from tests.support.service import Service

# What systemd does: the sockets from 3 on, and whose they are.
_HAND_OVER = """
import os, sys
descriptor = int(sys.argv[1])
os.dup2(descriptor, 3, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="ami")
os.execv(sys.executable, [sys.executable, "-m", "proxy", "run", "--config", sys.argv[2]])
"""


class Activated(Service):
    """Started as a service with a socket unit."""

    def start(self) -> None:
        with (self.directory / "stderr").open("ab") as stderr, self.listening as sock:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _HAND_OVER, str(sock.fileno()), str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                pass_fds=[sock.fileno()],
                env={**os.environ, **self.environment},
            )

    listening: socket.socket


async def test_systemd_hands_over_sockets_and_hears_how_it_goes(
    simulator: Simulator, make_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = make_service(simulator.port)
    service.__class__ = Activated
    assert isinstance(service, Activated)
    service.listening = socket.create_server(("127.0.0.1", service.port))
    certificates = [{"chain": "server.crt", "key": "server.key"}]
    service.change(listeners=[{"address": "fd:ami", "certificates": certificates}])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        service.environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
        loop = asyncio.get_running_loop()

        async def heard(wanted: str) -> list[str]:
            """The lines of the first datagram that begins so; those before it are passed over."""
            async with asyncio.timeout(15):
                while True:
                    lines = (await loop.sock_recv(manager, 65536)).decode().split("\n")
                    if lines[0].startswith(wanted):
                        return lines

        service.start()
        ready = await heard("READY=1")
        assert ready[1].startswith("STATUS=0 sessions, link ")
        assert f"listeners=127.0.0.1:{service.port}" in service.stderr
        async with await service.client("boss") as boss:
            (status,) = await heard("STATUS=1 sessions, link up")
            assert re.fullmatch(r"STATUS=1 sessions, link up, certificate until \d{4}-\d\d-\d\d", status)
            assert await heard("WATCHDOG=1") == ["WATCHDOG=1"]

            service.signal(signal.SIGHUP)
            first, second = await heard("RELOADING=1")
            assert (first, second.partition("=")[0]) == ("RELOADING=1", "MONOTONIC_USEC")
            assert await heard("READY=1") == ["READY=1", status]

            service.change(colour="blue")
            service.signal(signal.SIGHUP)
            await heard("RELOADING=1")
            kept = status.replace("STATUS=", "STATUS=last reload failed, old configuration kept; ")
            assert await heard("READY=1") == ["READY=1", kept]
            async with await service.client("caller"):
                assert await heard("STATUS=") == [kept.replace("1 sess", "2 sess")], "it is not forgotten"

            service.signal(signal.SIGTERM)
            _, extended, told = await heard("STOPPING=1")
            # limits.stop_timeout and a moment, whatever the unit has for TimeoutStopSec=.
            assert extended.partition("=")[0] == "EXTEND_TIMEOUT_USEC"
            assert 25_000_000 < int(extended.partition("=")[2]) < 30_000_000
            assert told == "STATUS=draining"
            await boss.ended()
        assert await service.status() == 0
