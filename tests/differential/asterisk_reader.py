"""Asterisk's own reader of manager messages, statement by statement.

After ``get_input``, ``do_message`` and ``__astman_get_header`` of Asterisk 22's
manager.c.  It is neither the proxy's parser nor the simulator's: both are
compared with it.  It is plain on purpose.
"""

from dataclasses import dataclass, field

#: sizeof(inbuf) - 1
_MAXLEN = 1024
#: AST_MAX_MANHEADERS
_MAX_MANHEADERS = 128


@dataclass
class Read:
    """A message that Asterisk would act on, or refuse (``refused``) without acting."""

    headers: list[bytes] = field(default_factory=list)
    refused: bool = False

    def get(self, name: bytes, *, skip_empty: bool = False) -> bytes:
        """``astman_get_header``: the first match; with ``skip_empty`` the first that is not empty."""
        for header in self.headers:
            if header[: len(name)].lower() == name.lower() and header[len(name) : len(name) + 1] == b":":
                value = _skip_blanks(header[len(name) + 1 :])
                if not value and skip_empty:
                    continue
                return value
        return b""

    @property
    def action(self) -> bytes:
        """The headers that ``process_message`` looks up."""
        return self.get(b"Action", skip_empty=True)

    @property
    def variables(self) -> list[bytes]:
        """``astman_get_variables`` before it splits the values: every match of the prefix."""
        return [_skip_blanks(h[9:]) for h in self.headers if h[:9].lower() == b"variable:"]


class AsteriskReader:
    """Bytes in, messages out, as in ``session_do``."""

    def __init__(self) -> None:
        self._inbuf = b""
        self._headers: list[bytes] = []
        self._parsing_ok = True

    @property
    def idle(self) -> bool:
        """Whether no part of an unfinished message is kept."""
        return not self._inbuf and not self._headers and self._parsing_ok

    def feed(self, data: bytes) -> list[Read]:
        """Every message that was completed."""
        done: list[Read] = []
        while True:
            line = self._get_input()
            if line is None:
                if not data:
                    return done
                room = _MAXLEN - len(self._inbuf)
                self._inbuf += data[:room]
                data = data[room:]
            elif line == b"":
                done.append(Read(self._headers, refused=not self._parsing_ok))
                self._headers = []
                self._parsing_ok = True
            elif len(self._headers) < _MAX_MANHEADERS:
                self._headers.append(line)
            else:
                self._parsing_ok = False

    def _get_input(self) -> bytes | None:
        src = self._inbuf
        for x in range(len(src)):
            if src[x : x + 2] == b"\r\n":
                cr = 2
            elif src[x : x + 1] == b"\n":
                cr = 1
            else:
                continue
            self._inbuf = src[x + cr :]
            # From here on Asterisk treats it as a C string.
            return src[:x].split(b"\0")[0]
        if len(src) >= _MAXLEN:
            self._inbuf = src[-1:]
            self._parsing_ok = False
        return None


def _skip_blanks(value: bytes) -> bytes:
    x = 0
    while x < len(value) and value[x] < 33:
        x += 1
    return value[x:]
