"""Hard stop: force the process to exit when its graceful shutdown exceeds the deadline.

A loop that is stuck cannot end itself, so a thread does it.  The log may be stuck,
too, so the thread waits for it only ``_LOG_SECONDS``.
"""

import os
import threading

from amiproxy import log

#: Exit status: EX_SOFTWARE of sysexits.h, an internal error.
STATUS = 70
#: Seconds to wait for the log to write its last line.
_LOG_SECONDS = 1.0


class HardStop:
    """The shutdown deadline of the process; inactive until ``start``."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    def start(self, seconds: float) -> None:
        """Exit the process with STATUS after this many seconds, unless ``cancel`` is called before."""
        self.cancel()
        self._timer = threading.Timer(seconds, _end, (seconds,))
        # The timer thread itself must not keep the process alive after a normal end.
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        """Cancel the deadline; harmless if it was not started."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _end(seconds: float) -> None:
    told = threading.Thread(target=_tell, args=(seconds,), daemon=True)
    told.start()
    told.join(_LOG_SECONDS)
    os._exit(STATUS)


def _tell(seconds: float) -> None:
    log.say(log.ERROR, "limit-hit", limit="stop_timeout", seconds=seconds)
    log.settle()
