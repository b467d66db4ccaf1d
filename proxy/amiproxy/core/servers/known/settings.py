"""KnownSettings: the version of an Asterisk and its system name, as its CoreSettings shows them."""

# mypyc: compiled

from collections.abc import Callable
from typing import Final

from amiproxy.ami.message import Action, Message

_CORE_SETTINGS: Final = Action([(b"Action", b"CoreSettings")])
#: Bytes of a value that are kept; names and versions are much shorter.
_LONGEST: Final = 256
#: Control bytes become question marks.
_PRINTABLE: Final = bytes(byte if 0x20 <= byte != 0x7F else 0x3F for byte in range(256))


class KnownSettings:
    """What was learnt last; empty before that.  Nothing is forgotten when the link is lost."""

    __slots__ = ("_ask", "system_name", "version")

    def __init__(self, ask: Callable[[Action, Callable[[bytes], None]], None]) -> None:
        """``ask`` sends an action and calls back with the response; see ``Exchange.ask``."""
        self._ask = ask
        #: Such as ``22.10.1``.
        self.version = b""
        #: ``systemname`` in asterisk.conf.
        self.system_name = b""

    def learn(self) -> None:
        """Ask Asterisk for them."""
        self._ask(_CORE_SETTINGS, self._learnt)

    def _learnt(self, raw: bytes) -> None:
        response = Message(raw)
        if response.get(b"response") == b"Success":
            self.version = _shown(response.get(b"asteriskversion"))
            self.system_name = _shown(response.get(b"systemname"))


def _shown(value: bytes) -> bytes:
    """The value as a part of a header: a client could take control bytes for the end of the line."""
    return value[:_LONGEST].translate(_PRINTABLE)
