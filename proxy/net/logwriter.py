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
        # Each counted by one thread only: who logs, and the writer.
        self._overflown = 0
        self._unwritten = 0
        self._told = 0

    @property
    def dropped(self) -> int:
        """Lines that could not be kept or written."""
        return self._overflown + self._unwritten

    def start(self) -> None:
        """Begin to write; lines before it wait."""
        self._thread.start()

    def write(self, text: str) -> int:
        """Queue a line; drop and count it if there is no room."""
        try:
            self._lines.put_nowait(text.encode("utf-8", "backslashreplace"))
        except queue.Full:
            self._overflown += 1
        return len(text)

    def flush(self) -> None:
        """Nothing: lines leave as fast as they are taken."""

    def settle(self) -> None:
        """Wait until every line so far has gone its way, which may be never."""
        self._lines.join()

    def stop(self) -> None:
        """Write what waits, but do not wait for a reader that is not there."""
        if not self._thread.is_alive():
            return
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(None)
            self._thread.join(_FAREWELL)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            if self._written(line):
                self._tell()
            else:
                self._unwritten += 1
            self._lines.task_done()

    def _tell(self) -> None:
        """Say how much was lost since that was said last; when lines leave again, not before."""
        lost = self.dropped - self._told
        if lost and self._lines.empty():
            self._told += lost
            log.say(log.WARNING, "log-lost", lines=lost, total=self._told)

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
