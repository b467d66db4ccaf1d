"""Runs the proxy as in production: a process with a configuration and a log.

It has its own process group, so that Ctrl-C on the terminal reaches only the demo,
which then stops the proxy as a service manager does.
"""

import asyncio
import errno
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import amiproxy
from amiproxy.tools.demo.folder import HOST, Folder
from amiproxy.tools.demo.options import DemoError

#: The default ports of AMI over TLS in manager.conf, and of HTTPS in http.conf.
_USUAL_PORTS = (5039, 8089)
_START_DEADLINE = 20.0
_STOP_DEADLINE = 15.0
_RETRY = 0.05


class Ports(NamedTuple):
    """The ports of the proxy: that of AMI, and that of the page."""

    ami: int
    page: int


def choose_ports() -> Ports:
    """5039 and 8089, or any free port for each that is not free.  Raises DemoError if no port is free."""
    with ExitStack() as stack:
        # Both are held until both are chosen, so that they differ.
        return Ports(*(_choose_port(usual, stack) for usual in _USUAL_PORTS))


def _choose_port(usual: int, stack: ExitStack) -> int:
    for port in (usual, 0):
        probe = stack.enter_context(socket.socket())
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except OSError as error:
            if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                raise
            continue
        chosen: int = probe.getsockname()[1]
        return chosen
    raise DemoError(f"no port of {HOST} is free")


class PortTakenError(DemoError):
    """The proxy did not start because another process listens on one of its ports."""


@asynccontextmanager
async def running_on_free_ports(folder: Folder, configure: Callable[[Ports], None]) -> AsyncIterator[Ports]:
    """As ``running``, on ports that are free; ``configure`` writes the configuration with these ports.

    Yields the ports.  Another process may take one before the proxy listens on it: then others are tried
    once.  Raises DemoError if no port is free, or as ``running`` does.
    """
    async with AsyncExitStack() as stack:
        ports = choose_ports()
        configure(ports)
        try:
            await stack.enter_async_context(running(folder))
        except PortTakenError:
            ports = choose_ports()
            configure(ports)
            await stack.enter_async_context(running(folder))
        yield ports


@asynccontextmanager
async def running(folder: Folder) -> AsyncIterator[None]:
    """Start the proxy, wait until it listens, stop it at the end.

    Raises DemoError if it fails: PortTakenError if one of its ports is taken.  Raises OSError if its log
    cannot be written.
    """
    log = folder.open_log()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "amiproxy", "run", "--config", str(folder.config)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # The folder of this package, installed or not, so that the child runs the same code.
            cwd=Path(amiproxy.__file__).parents[1],
            process_group=0,
        )
    finally:
        os.close(log)
    try:
        await _listening(process, folder)
        yield
    finally:
        status = await _stopped(process)
    if status != 0:
        raise DemoError(f"the proxy ended with status {status}; see {folder.log}")


async def _listening(process: asyncio.subprocess.Process, folder: Folder) -> None:
    deadline = asyncio.get_running_loop().time() + _START_DEADLINE
    while True:
        if process.returncode is not None:
            told = folder.log.read_text(errors="replace").strip()
            failure = PortTakenError if os.strerror(errno.EADDRINUSE) in told else DemoError
            raise failure(f"the proxy did not start:\n{told}")
        if folder.logged(" started "):
            return
        if asyncio.get_running_loop().time() > deadline:
            raise DemoError(f"the proxy did not start in time; see {folder.log}")
        await asyncio.sleep(_RETRY)


async def _stopped(process: asyncio.subprocess.Process) -> int:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_DEADLINE):
            return await process.wait()
    except TimeoutError:
        process.kill()
        return await process.wait()
