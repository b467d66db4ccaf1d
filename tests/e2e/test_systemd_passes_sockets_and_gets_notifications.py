import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from amiproxy.tools.simulator import Simulator
from tests.support.ami_client import AmiClient
from tests.support.service import PASSWORDS, Service

# As systemd does: the sockets from 3 on, and the id of the process that they are for.
_HAND_OVER = """
import fcntl, os, sys
config, names, *given = sys.argv[1:]
# Out of the way first: one of them may be where another belongs.
kept = [fcntl.fcntl(int(descriptor), fcntl.F_DUPFD, 100) for descriptor in given]
for descriptor in given:
    os.close(int(descriptor))
for place, descriptor in enumerate(kept, 3):
    os.dup2(descriptor, place, inheritable=True)
    os.close(descriptor)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(given)), LISTEN_FDNAMES=names)
os.execv(sys.executable, [sys.executable, "-m", "amiproxy", "run", "--config", config])
"""


class Activated(Service):
    """Started as a service with socket units: each socket with its FileDescriptorName."""

    listening: list[tuple[str, socket.socket]]

    def start(self) -> None:
        names = ":".join(name for name, _ in self.listening)
        descriptors = [sock.fileno() for _, sock in self.listening]
        with (self.directory / "stderr").open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _HAND_OVER, str(self.config), names, *map(str, descriptors)],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                pass_fds=descriptors,
                env={**os.environ, **self.environment},
            )
        for _, sock in self.listening:
            sock.close()


def activated(service: Service, *listening: tuple[str, socket.socket]) -> Activated:
    """The same service, to be started with these sockets."""
    service.__class__ = Activated
    assert isinstance(service, Activated)
    service.listening = list(listening)
    return service


async def test_systemd_passes_sockets_and_gets_notifications(
    simulator: Simulator, make_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = make_service(simulator.port)
    service = activated(service, ("ami", socket.create_server(("127.0.0.1", service.port))))
    certificates = [{"chain": "server.crt", "key": "server.key"}]
    service.change(listeners=[{"address": "fd:ami", "certificates": certificates}])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        service.environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
        loop = asyncio.get_running_loop()

        async def heard(wanted: str) -> list[str]:
            """The lines of the first datagram that begins like this; datagrams before it are skipped."""
            async with asyncio.timeout(15):
                while True:
                    lines = (await loop.sock_recv(manager, 65536)).decode().split("\n")
                    if lines[0].startswith(wanted):
                        return lines

        service.start()
        ready = await heard("READY=1")
        assert ready[1].startswith("STATUS=0 sessions, link ")
        await service.said(f"listeners=127.0.0.1:{service.port}")
        async with await service.client("boss") as boss:
            (status,) = await heard("STATUS=1 session of 1 user, link up")
            assert re.fullmatch(
                r"STATUS=1 session of 1 user, link up, certificate until \d{4}-\d\d-\d\d", status
            )
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
                two = kept.replace("1 session of 1 user", "2 sessions of 2 users")
                assert await heard("STATUS=") == [two], "it is not forgotten"

            service.signal(signal.SIGTERM)
            _, extended, told = await heard("STOPPING=1")
            # limits.stop_timeout and a little more, whatever the unit has for TimeoutStopSec=.
            assert extended.partition("=")[0] == "EXTEND_TIMEOUT_USEC"
            assert 25_000_000 < int(extended.partition("=")[2]) < 30_000_000
            assert told == "STATUS=draining"
            await boss.ended()
        assert await service.status() == 0


def unix_server(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    sock.listen()
    return sock


async def scraped(path: Path) -> str:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    said = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return said


async def test_each_of_several_sockets_is_used_by_its_name(
    simulator: Simulator, make_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = make_service(simulator.port)
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ports = [sock.getsockname()[1] for sock in doors]
    first, second, other = doors
    # In an arbitrary order of the units, and two of one name.
    service = activated(
        service,
        ("control", unix_server(tmp_path / "ctl.sock")),
        ("ami", first),
        ("inside", other),
        ("ami", second),
        ("metrics", unix_server(tmp_path / "metrics.sock")),
    )
    certificates = [{"chain": "server.crt", "key": "server.key"}]
    inside = trustme.CA()
    leaf = inside.issue_cert("localhost")
    leaf.cert_chain_pems[0].write_to_path(str(tmp_path / "inside.crt"))
    leaf.private_key_pem.write_to_path(str(tmp_path / "inside.key"))
    (tmp_path / "inside.key").chmod(0o600)
    service.change(
        listeners=[
            {"address": "fd:ami", "certificates": certificates},
            {"address": "fd:inside", "certificates": [{"chain": "inside.crt", "key": "inside.key"}]},
        ],
        control={"socket": "fd:control"},
        metrics={"address": "fd:metrics"},
    )
    service.start()
    await service.linked()

    context = ssl.create_default_context()
    inside.configure_trust(context)
    async with contextlib.AsyncExitStack() as open_:
        # Each port has its own listener's certificate: a client of one cannot connect to the other.
        for port, tls in ((ports[0], service.context), (ports[1], service.context), (ports[2], context)):
            client = await open_.enter_async_context(
                await AmiClient.connect("127.0.0.1", port, tls=tls, server_hostname="localhost")
            )
            answer = await client.login("boss", PASSWORDS["boss"])
            assert answer.get("Message") == "Authentication accepted", answer
        with pytest.raises(ssl.SSLCertVerificationError):
            await AmiClient.connect("127.0.0.1", ports[2], tls=service.context, server_hostname="localhost")
        said = await scraped(tmp_path / "metrics.sock")
        assert said.startswith("HTTP/1.1 200 OK\r\n")
        command = [sys.executable, "-m", "amiproxy", "ctl", "--socket", str(tmp_path / "ctl.sock")]
        done = await asyncio.to_thread(
            subprocess.run, [*command, "sessions", "--json"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert [entry["user"] for entry in json.loads(done.stdout)] == ["boss"] * 3
    assert "socket-unused" not in service.stderr
    service.signal(signal.SIGTERM)
    assert await service.status() == 0
    # They belong to the service manager, which goes on listening on them.
    assert (tmp_path / "ctl.sock").exists()
    assert (tmp_path / "metrics.sock").exists()


async def test_a_socket_that_the_configuration_does_not_name_is_logged(
    simulator: Simulator, make_service: Callable[..., Service]
) -> None:
    service = make_service(simulator.port)
    door = socket.create_server(("127.0.0.1", 0))
    service = activated(service, ("ami", door), ("amii", socket.create_server(("127.0.0.1", 0))))
    certificates = [{"chain": "server.crt", "key": "server.key"}]
    service.change(listeners=[{"address": "fd:ami", "certificates": certificates}])
    service.start()
    await service.linked()
    await service.said(" socket-unused ")
    await service.said("name=amii")
    service.signal(signal.SIGTERM)
    assert await service.status() == 0
