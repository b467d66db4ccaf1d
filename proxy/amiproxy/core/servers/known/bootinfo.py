"""BootInfo: whether Asterisk has booted, and when.  Each client gets this as FullyBooted after its login."""

from collections.abc import Callable
from typing import Final

from amiproxy.ami.message import Message, event
from amiproxy.core.ports import Scheduler, Timer

_MOST_DIGITS: Final = 12


class BootInfo:
    """Waits for Asterisk to boot after each login, and keeps the times in its FullyBooted event current.

    Asterisk accepts logins before its modules are loaded, and until then rejects their actions as unknown.
    """

    __slots__ = ("_overdue", "_raw", "_reloaded", "_scheduler", "_timer", "_up_since")

    def __init__(self, scheduler: Scheduler, overdue: Callable[[], None]) -> None:
        """``overdue`` is called when the time given to ``wait`` has passed."""
        self._scheduler = scheduler
        self._overdue = overdue
        #: Runs until Asterisk has booted.
        self._timer: Timer | None = None
        #: Asterisk's own event; b"" before it has booted.
        self._raw = b""
        #: Monotonic seconds.
        self._up_since = self._reloaded = 0.0

    def wait(self, seconds: float) -> None:
        """The link has logged in: wait at most this many seconds for ``end_wait``."""
        self.forget()
        self._timer = self._scheduler.later(seconds, self._overdue)

    def end_wait(self) -> bool:
        """Wait no longer; returns whether it waited."""
        if self._timer is None:
            return False
        self._timer.cancel()
        self._timer = None
        return True

    def booted(self, raw: bytes) -> None:
        """Take the times from ``raw``, Asterisk's own FullyBooted."""
        now = self._scheduler.now()
        headers = Message(raw)
        self._raw = raw
        self._up_since = now - _seconds(headers.get(b"uptime"))
        self._reloaded = now - _seconds(headers.get(b"lastreload"))

    def reloaded(self) -> None:
        """Record that Asterisk has reloaded."""
        self._reloaded = self._scheduler.now()

    def forget(self) -> None:
        """The link is lost; another Asterisk may answer next."""
        self._raw = b""

    @property
    def _has_times(self) -> bool:
        # Asterisk 13 and older write none.
        return b"\r\nUptime: " in self._raw

    @property
    def started(self) -> int | None:
        """Since when Asterisk runs, in epoch seconds; None if it has not booted or does not say so."""
        if not self._has_times:
            return None
        return round(self._scheduler.wall() - (self._scheduler.now() - self._up_since))

    def event(self) -> bytes | None:
        """FullyBooted, as a whole message, for a client that logs in now; None before Asterisk has booted."""
        if not self._raw:
            return None
        if not self._has_times:
            return self._raw
        now = self._scheduler.now()
        return event(
            b"FullyBooted",
            (b"Privilege", b"system,all"),
            (b"Uptime", b"%d" % (now - self._up_since)),
            (b"LastReload", b"%d" % (now - self._reloaded)),
            (b"Status", b"Fully Booted"),
        )


def _seconds(text: bytes) -> int:
    # Some digits are enough for any time; very many cannot be converted.
    return int(text) if text.isdigit() and len(text) <= _MOST_DIGITS else 0
