"""Hard stop: the end of a process that was told to stop and does not come to it.

A loop that is stuck cannot see to its own end, so a thread does; and as even
the log may be stuck, it is given a moment and no more.
"""

import os
import threading

from proxy import log

#: EX_SOFTWARE of sysexits.h: something of ours went wrong.
STATUS = 70
#: Seconds that the log may take for its last line.
_LOG_SECONDS = 1.0


class HardStop:
    """One process' deadline; nothing happens before ``start``."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    def start(self, seconds: float) -> None:
        """End the process in so many seconds, with STATUS, unless ``cancel`` comes first."""
        self.cancel()
        self._timer = threading.Timer(seconds, _end, (seconds,))
        # It must not itself keep a process alive that has come to its end.
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        """All is done; harmless when nothing was started."""
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
