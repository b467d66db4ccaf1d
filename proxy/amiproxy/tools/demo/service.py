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
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import amiproxy
from amiproxy.tools.demo.folder import HOST, Folder
from amiproxy.tools.demo.options import DemoError

#: The default port of AMI over TLS in manager.conf.
_USUAL_PORT = 5039
_START_DEADLINE = 20.0
_STOP_DEADLINE = 15.0
_RETRY = 0.05


def choose_port() -> int:
    """5039 if it is free, otherwise any free port.  Raises DemoError if no port is free."""
    for port in (_USUAL_PORT, 0):
        with socket.socket() as probe:
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
    """The proxy did not start because another process listens on its port."""


@asynccontextmanager
async def running_on_free_port(folder: Folder, configure: Callable[[int], None]) -> AsyncIterator[int]:
    """As ``running``, on a port that is free; ``configure`` writes the configuration with this port.

    Yields the port.  Another process may take it before the proxy listens on it: then one more port is
    tried.  Raises DemoError if no port is free, or as ``running`` does.
    """
    async with AsyncExitStack() as stack:
        port = choose_port()
        configure(port)
        try:
            await stack.enter_async_context(running(folder))
        except PortTakenError:
            port = choose_port()
            configure(port)
            await stack.enter_async_context(running(folder))
        yield port


@asynccontextmanager
async def running(folder: Folder) -> AsyncIterator[None]:
    """Start the proxy, wait until it listens, stop it at the end.

    Raises DemoError if it fails: PortTakenError if its port is taken.  Raises OSError if its log cannot be
    written.
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
