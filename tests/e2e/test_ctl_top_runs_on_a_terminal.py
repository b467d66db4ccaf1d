"""``ami-proxy ctl top`` on a pseudo-terminal of 80 x 24, against the process."""

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from amiproxy.tools.simulator import Simulator
from tests.e2e.conftest import Service
from tests.support.waiting import DEADLINE, until


class OnTerminal:
    """The command on a pseudo-terminal, whose output is collected."""

    def __init__(self, *command: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(slave)
        self._slave = slave
        self.output = bytearray()
        environment = {**os.environ, "TERM": "xterm"}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def _read(self) -> None:
        self.output += os.read(self._master, 65536)

    @property
    def text(self) -> str:
        """All that was written, without control sequences."""
        return re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()=>][0-9AB]?", b"", self.output).decode()

    @property
    def attributes(self) -> list[object]:
        """The terminal's modes."""
        return termios.tcgetattr(self._slave)

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        self.process.kill()
        self.process.wait()
        os.close(self._master)
        os.close(self._slave)


@asynccontextmanager
async def top(service: Service) -> AsyncIterator[OnTerminal]:
    command = (
        sys.executable,
        "-m",
        "amiproxy",
        "ctl",
        "--config",
        str(service.config),
        "top",
        "--interval",
        "0.2",
    )
    terminal = OnTerminal(*command)
    try:
        await until(lambda: "q quit" in terminal.text, lambda: terminal.text, within=3 * DEADLINE)
        yield terminal
    finally:
        terminal.close()


async def ended(terminal: OnTerminal) -> int:
    """Wait for its end; its exit status.  The terminal must be as it was before."""
    await until(lambda: terminal.process.poll() is not None, lambda: terminal.text)
    await until(lambda: b"\x1b[?1049l" in terminal.output)
    assert terminal.attributes == terminal.before
    return terminal.process.returncode


@pytest.fixture
async def service(simulator: Simulator, make_service: Callable[..., Service]) -> Service:
    built = make_service(simulator.port, control={"socket": "control.sock"})
    await built.start_up()
    await built.linked()
    return built


async def test_a_session_is_found_and_kicked(service: Service) -> None:
    boss, caller = await service.client("boss"), await service.client("caller")
    async with top(service) as terminal:
        await until(lambda: "caller" in terminal.text and "boss" in terminal.text)
        terminal.press("/caller\r")
        await until(lambda: "with 'caller'" in terminal.text)
        terminal.press("\x1b[B")
        terminal.press("k")
        await until(lambda: "of caller at 127.0.0.1" in terminal.text, lambda: terminal.text)
        terminal.press("y")
        await service.said("reason=kicked")
        await until(lambda: "1 session ended" in terminal.text)
        terminal.press("q")
        assert await ended(terminal) == 0
    assert service.stderr.count("reason=kicked") == 1
    await caller.close()
    await boss.close()


async def test_it_waits_while_the_service_restarts(service: Service) -> None:
    async with top(service) as terminal:
        await asyncio.to_thread(service.stop)
        await until(lambda: "no answer from the service" in terminal.text)
        await service.start_up()
        boss = await service.client("boss")
        await until(lambda: "boss" in terminal.text)
        terminal.press("\x03")
        assert await ended(terminal) == 0
    await boss.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_restores_the_terminal(service: Service, number: signal.Signals) -> None:
    async with top(service) as terminal:
        terminal.process.send_signal(number)
        assert await ended(terminal) == 0
