"""The log's way out: a bounded queue and a thread, so that writing never holds up the loop.

A disk that is full, a journal that is gone or a pipe that nobody reads costs
log lines, never service.  What was lost is counted, and said when it can be.
"""

import contextlib
import os
import queue
import threading
from typing import Final

from proxy import log

#: Lines that may wait.
LONGEST: Final = 10_000
#: Seconds that the end waits for the last lines to go out.
_FAREWELL: Final = 1.0


class LogWriter:
    """What ``log.configure`` takes for a stream; ``write`` returns at once, whatever becomes of the line.

    Its thread begins with ``start``: what confines the process must come before
    that, for the kernel confines threads one by one.
    """

    def __init__(self, descriptor: int = 2, longest: int = LONGEST) -> None:
        self._descriptor = descriptor
        self._lines: queue.Queue[bytes | None] = queue.Queue(longest)
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._torn = False
        self._failing = False
        #: Lines that could not be kept or written, and how many of them were told.
        self.dropped = 0
        self._told = 0

    def start(self) -> None:
        """Begin to write; lines before it wait."""
        self._thread.start()

    def write(self, text: str) -> int:
        """Queue a line; drop and count it if there is no room."""
        try:
            self._lines.put_nowait(text.encode("utf-8", "backslashreplace"))
        except queue.Full:
            self.dropped += 1
        return len(text)

    def flush(self) -> None:
        """Nothing: lines leave as fast as they are taken."""

    def tick(self) -> None:
        """Once a second: say how much was lost since it was said last, if lines leave again."""
        lost = self.dropped - self._told
        if lost and self._lines.empty() and not self._failing:
            self._told = self.dropped
            log.say(log.WARNING, "log-lost", lines=lost, total=self.dropped)

    def stop(self) -> None:
        """Write what waits, but do not wait for a reader that is not there."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(None)
            self._thread.join(_FAREWELL)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            self._failing = not self._written(line)
            self.dropped += self._failing

    def _written(self, line: bytes) -> bool:
        # After a line that was cut by an error the next must not look like its rest.
        rest = b"\n" + line if self._torn else line
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
                self._torn = bool(rest)
        except OSError:
            return False
        return True
