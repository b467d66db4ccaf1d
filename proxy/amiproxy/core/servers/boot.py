"""Boot: when Asterisk started, for the FullyBooted event that each client is sent after its login."""

from amiproxy.ami.message import Message, event


class Boot:
    """The times in Asterisk's own FullyBooted event, kept current.  ``now`` is monotonic seconds."""

    __slots__ = ("_raw", "_reloaded", "_up_since")

    def __init__(self, raw: bytes, now: float) -> None:
        headers = Message(raw)
        self._raw = raw
        self._up_since = now - _seconds(headers.get(b"uptime"))
        self._reloaded = now - _seconds(headers.get(b"lastreload"))

    def reloaded(self, now: float) -> None:
        """Record that Asterisk has reloaded."""
        self._reloaded = now

    def event(self, now: float) -> bytes:
        """The FullyBooted event that Asterisk would send to a client that logs in now."""
        if b"\r\nUptime: " not in self._raw:
            return self._raw  # Asterisk 13 and older write no times
        return event(
            b"FullyBooted",
            (b"Privilege", b"system,all"),
            (b"Uptime", b"%d" % (now - self._up_since)),
            (b"LastReload", b"%d" % (now - self._reloaded)),
            (b"Status", b"Fully Booted"),
        )


def _seconds(text: bytes) -> int:
    return int(text) if text.isdigit() else 0
