"""Log output: a bounded queue and a thread, so that writing never blocks the event loop.

If the disk is full, the journal gone or a pipe not read, log lines are lost, but the
service is not affected.  Lost lines are counted, and reported once writing works again.
"""

import contextlib
import os
import queue
import threading
from typing import Final

from amiproxy import log

#: Maximum number of queued lines.
LONGEST: Final = 10_000
#: Seconds for which ``stop`` waits for the last lines to be written.
_STOP_SECONDS: Final = 1.0


class LogWriter:
    """A stream for ``log.configure`` whose ``write`` always returns at once.

    ``descriptor`` is that of an open file, ``longest`` the maximum number of queued lines.  ``start`` starts
    its thread.  Confine the process before that: Landlock does not confine threads that already run.
    """

    def __init__(self, descriptor: int = 2, longest: int = LONGEST) -> None:
        self._descriptor = descriptor
        self._lines: queue.Queue[bytes | None] = queue.Queue(longest)
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._torn = False
        # Each counter is changed by one thread only: the first by the logging thread, the rest by the writer.
        self._overflown = 0
        self._unwritten = 0
        self._told = 0

    @property
    def dropped(self) -> int:
        """Number of lines that could not be queued or written."""
        return self._overflown + self._unwritten

    def start(self) -> None:
        """Start to write; earlier lines are in the queue."""
        self._thread.start()

    def write(self, text: str) -> int:
        """Queue a line, or drop and count it if the queue is full; returns the length of ``text``."""
        try:
            self._lines.put_nowait(text.encode("utf-8", "backslashreplace"))
        except queue.Full:
            self._overflown += 1
        return len(text)

    def flush(self) -> None:
        """Do nothing: lines are not buffered beyond the queue."""

    def settle(self) -> None:
        """Wait until every line so far is written or dropped; may block for ever."""
        self._lines.join()

    def stop(self) -> None:
        """Write the queued lines and end the thread; give up after ``_STOP_SECONDS`` seconds."""
        if not self._thread.is_alive():
            return
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(None)
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            if self._written(line):
                self._tell()
            else:
                self._unwritten += 1
            self._lines.task_done()

    def _tell(self) -> None:
        """Log how many lines were lost since the last such report, once the queue is empty again."""
        lost = self.dropped - self._told
        if lost and self._lines.empty():
            self._told += lost
            log.say(log.WARNING, "log-lost", lines=lost, total=self._told)

    def _written(self, line: bytes) -> bool:
        # After a line that an error cut short, a newline keeps the next from looking like its rest.
        rest = b"\n" + line if self._torn else line
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
                self._torn = bool(rest)
        except OSError:
            return False
        return True
