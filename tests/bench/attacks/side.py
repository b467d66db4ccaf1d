"""Rows on the admin endpoints, on ``ami-proxy connect``, and on bytes that wait for a slow client."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from tests.bench import measure
from tests.bench.attacks.frame import Probe, Row, Try
from tests.bench.attacks.target import Target, said
from tests.support.ami_client import AmiClient
from tests.support.ports import free_port
from tests.support.proxy_process import hashed
from tests.support.waiting import until

#: Connections that stall at an admin endpoint: as many as it has places.
_HANGING: Final = 16
#: Clients of ``connect`` that vanish, a second.
_VANISHING: Final = 50
_SECRET: Final = "the good one"
_METRICS: Final = free_port()
_PLAIN: Final = free_port()
_USERS: Final = {
    name: {"secret": hashed(_SECRET), "read": [], "write": ["system", "reporting"]}
    for name in ("boss", "crowd", "slow")
}
_DOORS: Final = {"metrics": {"address": f"127.0.0.1:{_METRICS}"}, "control": {"socket": "control.sock"}}
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _metrics(_: Target) -> Streams:
    return await asyncio.open_connection("127.0.0.1", _METRICS)


async def _control(attacked: Target) -> Streams:
    return await asyncio.open_unix_connection(str(attacked.directory / "control.sock"))


@contextlib.asynccontextmanager
async def _scraped(_: Target, *, path: str) -> AsyncIterator[Try]:
    """Request this path as a monitor does."""

    async def once() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", _METRICS)
        with contextlib.closing(writer):
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 200"), answer[:60]

    yield once


@contextlib.asynccontextmanager
async def _kicked(attacked: Target) -> AsyncIterator[Try]:
    """Kick the sessions of a user that has none."""

    async def once() -> None:
        reader, writer = await _control(attacked)
        with contextlib.closing(writer):
            writer.write(b'{"command": "kick", "arguments": {"target": "user:slow"}}\n')
            answer = json.loads(await reader.readline())
            assert answer["ok"], answer

    yield once


def _hanging(at_metrics: bool, said_so_far: bytes) -> Any:
    @contextlib.asynccontextmanager
    async def attack(attacked: Target, figures: dict[str, float]) -> AsyncIterator[None]:
        made = 0

        async def hang() -> None:
            nonlocal made
            while True:
                with contextlib.suppress(OSError):
                    reader, writer = await (_metrics if at_metrics else _control)(attacked)
                    made += 1
                    with contextlib.closing(writer):
                        writer.write(said_so_far)
                        await reader.read()
                # Not as fast as possible: that is another attack.
                await asyncio.sleep(0.01)

        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            hanging = [tasks.create_task(hang()) for _ in range(_HANGING)]
            yield
            figures["attack_rate"] = made / (asyncio.get_running_loop().time() - began)
            for task in hanging:
                task.cancel()

    return attack


@contextlib.contextmanager
def _connect(attacked: Target) -> Iterator[None]:
    options = ("--listen", f"127.0.0.1:{_PLAIN}", "--to", f"localhost:{attacked.port}")
    command = (sys.executable, "-m", "amiproxy", "connect", *options, "--ca", str(attacked.cafile))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


@contextlib.asynccontextmanager
async def _through_connect(attacked: Target) -> AsyncIterator[Try]:
    """Log in through ``ami-proxy connect``, and log off."""
    with _connect(attacked):
        await until(lambda: measure.is_listening(_PLAIN), within=20)

        async def once() -> None:
            async with await AmiClient.connect("127.0.0.1", _PLAIN) as client:
                answer = await client.login("boss", _SECRET)
                assert answer.get("Message") == "Authentication accepted", answer

        yield once


@contextlib.asynccontextmanager
async def _vanishing(attacked: Target, figures: dict[str, float]) -> AsyncIterator[None]:
    """Clients of ``connect`` that log in and vanish."""
    arguments = ("--port", _PLAIN, "--user", "crowd", "--secret", _SECRET, "--rate", _VANISHING)
    with attacked.attacked("vanishing", *arguments) as attackers:
        yield
        figures["attack_rate"] = said(attackers)["rate"]


@contextlib.asynccontextmanager
async def _asked(attacked: Target) -> AsyncIterator[Try]:
    """Ping, which the proxy answers itself: it waits only for the proxy's loop."""
    client = await attacked.connect()
    try:
        await client.login("boss", _SECRET)

        async def once() -> None:
            await client.action("Ping")

        yield once
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def _slow(attacked: Target, figures: dict[str, float]) -> AsyncIterator[None]:
    arguments = ("--port", attacked.port, "--user", "slow", "--secret", _SECRET)
    with attacked.attacked("slow", *arguments) as attackers:
        yield
        figures["attack_rate"] = said(attackers)["rate"]


def _tries(path: str) -> Any:
    return lambda attacked: _scraped(attacked, path=path)


ROWS: Final = (
    *(
        Row(
            f"16 connections that {what} on the metrics port",
            [Probe("GET /metrics", _tries("/metrics")), Probe("GET /readyz", _tries("/readyz"))],
            _hanging(True, said_so_far),
            _USERS,
            settings=_DOORS,
            quick=not said_so_far,
        )
        for what, said_so_far in (
            ("say nothing", b""),
            ("say half a request", b"GET /metrics HTTP/1.1\r\nHo"),
        )
    ),
    Row(
        "16 ctl connections that hang",
        [Probe("ctl kick", _kicked)],
        _hanging(False, b""),
        _USERS,
        settings=_DOORS,
        quick=True,
    ),
    Row(
        "clients of connect that log in and vanish",
        [Probe("login through connect", _through_connect)],
        _vanishing,
        _USERS,
        # Counts the connections that the server has from one address.
        {"exempt": [], "connection_rate": 1000, "connection_burst": 1000, "sessions_per_user": 1000},
        quick=True,
    ),
    Row(
        "4 clients with small windows and 2 MB that wait for each",
        [Probe("Ping", _asked, pause=0.01)],
        _slow,
        _USERS,
        {"outbox_hard": 8 << 20, "outbox_soft": 8 << 20, "outbox_stall": 60},
        quick=True,
    ),
)
