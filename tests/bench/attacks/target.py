"""The target: ``ami-proxy run`` in front of a simulated Asterisk, each a process of its own."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.bench import measure
from tests.bench.peers import OursCompiled, Peer
from tests.support.ports import free_port
from tests.support.proxy_process import ProxyProcess
from tests.support.service import SECRET
from tests.support.waiting import until

#: The niceness of attackers: they stand for other machines, whose processors are not ours.
_GIVES_WAY = 19


class Target(ProxyProcess):
    """The proxy, with a row's settings.  ``users`` are those of users.yaml."""

    def compiled(self, folder: Path) -> None:
        """Run the package in this folder, not the tree."""
        self.environment = {"PYTHONPATH": str(folder.absolute())}
        self.program = ("-P", "-m", "amiproxy")

    @property
    def pids(self) -> list[int]:
        """Its process."""
        return [self.process.pid] if self.process is not None else []

    @contextlib.contextmanager
    def attacked(self, module: str, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
        """Run an attacker: a module of this package as a process, which ends with the block.

        Its standard output, one JSON object a line, is for the row.
        """
        process = subprocess.Popen(
            [
                *("nice", "-n", str(_GIVES_WAY), sys.executable, "-m", f"tests.bench.attacks.{module}"),
                *map(str, arguments),
            ],
            stdout=subprocess.PIPE,
            env={**os.environ, "AMIPROXY_CAFILE": str(self.cafile)},
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def said(process: subprocess.Popen[bytes]) -> dict[str, float]:
    """End an attacker that counts until SIGTERM; its count."""
    process.terminate()
    out, _ = process.communicate(timeout=10)
    return json.loads(out.splitlines()[-1]) if out.strip() else {}


def _asterisk(port: int, secret: Path) -> subprocess.Popen[bytes]:
    command = (
        sys.executable,
        "-m",
        "amiproxy",
        "simulate",
        "--listen",
        f"127.0.0.1:{port}",
        "--user",
        "proxy",
    )
    options = ("--secret-file", str(secret), "--calls-per-minute", "0")
    return subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)


@contextlib.asynccontextmanager
async def target(
    kind: type[Peer],
    users: Mapping[str, Mapping[str, Any]],
    limits: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> AsyncIterator[Target]:
    """It runs, and is linked to its Asterisk; at the end it has to stop without an error."""
    with tempfile.TemporaryDirectory(prefix="ami-proxy-attack-") as place:
        folder = Path(place)
        secret = folder / "simulator.secret"
        secret.write_text(f"{SECRET}\n")
        secret.chmod(0o600)
        port = free_port()
        asterisk = _asterisk(port, secret)
        proxy = Target(folder, ("127.0.0.1", port, "proxy", SECRET), users, limits={**limits}, **settings)
        if kind is OursCompiled:
            proxy.compiled(Path("build/compiled"))
        try:
            await until(lambda: measure.is_listening(port), within=60)
            await asyncio.to_thread(proxy.start)
            await until(lambda: " upstream-up " in proxy.stderr, lambda: proxy.stderr[-2000:], within=60)
            yield proxy
        finally:
            proxy.kill()
            asterisk.kill()
            asterisk.wait()
