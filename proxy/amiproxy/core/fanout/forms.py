"""Forms: an event as clients with different views are sent it, each form made once for all of them."""

# mypyc: compiled

from amiproxy.ami.stamp import numbered, stamp_of, stamped


class Forms:
    """The forms of the events of one server.  It remembers those of the last event."""

    __slots__ = ("_named", "_numbered", "_numbered_named", "_numbered_raw", "_raw", "_stamp", "_token")

    def __init__(self, server: str) -> None:
        """``server`` is the server's name."""
        self._stamp = stamp_of(server.encode())
        self._raw = self._named = b""
        self._numbered_raw = self._token = b""
        self._numbered = self._numbered_named = b""

    def named(self, raw: bytes) -> bytes:
        """The event with the server's name: the same object for the same ``raw``."""
        if raw is not self._raw:
            self._raw, self._named = raw, stamped(raw, self._stamp)
        return self._named

    def numbered(self, raw: bytes, token: bytes, *, named: bool) -> bytes:
        """The event with this token, and behind it with the server's name if it is to be ``named``."""
        if raw is not self._numbered_raw or token != self._token:
            self._numbered_raw, self._token = raw, token
            self._numbered = numbered(raw, token)
            self._numbered_named = b""
        if not named:
            return self._numbered
        if not self._numbered_named:
            self._numbered_named = stamped(self._numbered, self._stamp)
        return self._numbered_named
