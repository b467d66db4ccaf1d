"""A program on a pseudo-terminal, as a person uses it: types, and reads what is on the screen."""

import asyncio
import fcntl
import os
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.support.waiting import until

#: Escape sequences, which move the cursor or set colours.
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_=>78])")


class Typed:
    """The program runs on a terminal of 80x24.  Use it as an asynchronous context manager."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        cwd: Path,
        size: tuple[int, int] = (80, 24),
    ) -> None:
        self._near, far = os.openpty()
        self._raw = b""
        self._taken = 0
        self.resize(*size)

        # setsid --ctty: the terminal is the program's own, so that Ctrl-C reaches it and only it.
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *command],
            stdin=far,
            stdout=far,
            stderr=far,
            cwd=cwd,
            env={**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", **environment},
        )
        os.close(far)
        os.set_blocking(self._near, False)

    async def __aenter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._near, self._read)
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._near)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._near)

    @property
    def raw(self) -> str:
        """All that the program has written."""
        return self._raw.decode(errors="replace")

    @property
    def text(self) -> str:
        """What the program has written after what ``sees`` found last, without escape sequences."""
        return _ESCAPE.sub("", self.raw).replace("\r", "")[self._taken :]

    def resize(self, columns: int, lines: int) -> None:
        """Change the size of the terminal."""
        fcntl.ioctl(self._near, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    @property
    def is_at_prompt(self) -> bool:
        """Whether the program reads single keys; otherwise it is busy, and Ctrl-C interrupts it."""
        return not termios.tcgetattr(self._near)[3] & termios.ICANON

    def type(self, text: str) -> None:
        """Press keys; ``\\r`` is Enter, ``\\x03`` Ctrl-C."""
        os.write(self._near, text.encode())

    async def sees(self, text: str, within: float = 20.0) -> str:
        """Wait until the program has written this; return what it had written before it."""
        await until(lambda: text in self.text, lambda: f"{text!r} in {self.text[-2000:]!r}", within)
        before = self.text.partition(text)[0]
        self._taken += len(before) + len(text)
        return before

    async def status(self, within: float = 20.0) -> int:
        """Wait for the program's end; its exit status."""
        await until(lambda: self.process.poll() is not None, lambda: self.text[-2000:], within)
        return self.process.returncode

    def _read(self) -> None:
        try:
            self._raw += os.read(self._near, 65536)
        except BlockingIOError:
            return
        except OSError:  # the program has ended
            asyncio.get_running_loop().remove_reader(self._near)
