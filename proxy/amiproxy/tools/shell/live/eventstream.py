"""Shows live events: filtered, a few times a second at most, and only as many as a person can read."""

import asyncio
import time
from typing import Final

from rich.console import RenderableType

from amiproxy.ami.message import Message
from amiproxy.tools.shell.events.pace import Pace
from amiproxy.tools.shell.live.output import Output
from amiproxy.tools.shell.live.shell import Shell
from amiproxy.tools.shell.showing import events, json_lines

#: Seconds for which events are collected before they are written together.
_INTERVAL: Final = 0.1


class EventStream:
    """Writes the events of a shell to ``output``.  Without ``paced``, for programs, it writes all of them."""

    def __init__(self, shell: Shell, output: Output, *, paced: bool) -> None:
        self._shell = shell
        self._output = output
        self._pace = Pace() if paced else None
        self._waiting: list[tuple[Message, str]] = []
        self._due: asyncio.TimerHandle | None = None
        shell.settle = self.flush
        #: Whether the reader of the output has ended.
        self.is_broken = False

    def arrived(self, message: Message) -> None:
        """Take one event."""
        shell = self._shell
        shell.words.seen.look(message)
        # With events off only those come that the server sends in any case.
        wanted = shell.connection is not None and shell.connection.events
        if not (wanted and shell.filters.shows(message)) and not message.get(b"event").startswith(b"Proxy"):
            return
        if self._pace is not None:
            if shell.watches:
                self._pace.unshown += 1
            elif self._pace.admits(time.monotonic()):
                self._waiting.append((message, time.strftime("%H:%M:%S")))
        else:
            self._waiting.append((message, time.strftime("%H:%M:%S")))
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(_INTERVAL, self._flush)

    def flush(self) -> None:
        """Write what waits, and how many were not shown."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._write(self._pace.take() if self._pace is not None else 0)

    def _flush(self) -> None:
        self._due = None
        if not self._shell.watches:
            self._write(self._pace.report(time.monotonic()) if self._pace is not None else 0)
        if self._waiting or (self._pace is not None and self._pace.unshown):
            self._due = asyncio.get_running_loop().call_later(_INTERVAL, self._flush)

    def _write(self, unshown: int) -> None:
        waiting, self._waiting = self._waiting, []
        width = self._output.width
        lines: list[RenderableType] = [
            json_lines.message(message) if self._shell.json else events.event(message, at, width)
            for message, at in waiting
        ]
        if unshown and not self._shell.json:
            lines.append(events.unshown(unshown))
        if not lines:
            return
        try:
            self._output.show(*lines)
        except BrokenPipeError:
            self.is_broken = self._shell.is_over = True
