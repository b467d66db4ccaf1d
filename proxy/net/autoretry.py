"""Auto-retry: have OpenSSL give the loop its turn after each record.

Python switches ``SSL_MODE_AUTO_RETRY`` on: one read then goes on inside OpenSSL
for as long as records come that carry no data.  TLS 1.3 has such a record
(KeyUpdate) that a client may send without end, and its sender would hold up
everybody.  ``ssl`` has no word for this, so OpenSSL is asked through ctypes, by
the pointer that CPython's socket object has to its connection.  Where that
pointer is not where it was in every CPython so far, nothing is changed.
"""

import _ssl
import ctypes
import ssl
from typing import Final

from proxy import log

_CTRL_CLEAR_MODE: Final = 78  # SSL_CTRL_CLEAR_MODE, openssl/ssl.h
_MODE_AUTO_RETRY: Final = 4  # SSL_MODE_AUTO_RETRY
_POINTER: Final = ctypes.sizeof(ctypes.c_void_p)
# PySSLSocket (Modules/_ssl.c): the object's head, the Python socket, SSL*, the PySSLContext.
_CONNECTION: Final = object.__basicsize__ + _POINTER
_CONTEXT: Final = _CONNECTION + _POINTER


class OneRecord:
    """Takes auto-retry off connections.  ``obstacle`` is why that cannot be done; empty where it can."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.obstacle = self._prepare()
        if self.obstacle and not quiet:
            log.say(log.WARNING, "tls-auto-retry-stays", reason=self.obstacle)

    @property
    def available(self) -> bool:
        """Whether there is no obstacle."""
        return not self.obstacle

    def _prepare(self) -> str:
        try:
            # The OpenSSL that ``ssl`` itself has loaded.
            self._control = ctypes.CDLL(getattr(_ssl, "__file__", None)).SSL_ctrl
        except (OSError, AttributeError) as error:
            return str(error)
        self._control.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p)
        self._control.restype = ctypes.c_long
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        connection = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
        taken = self._take_off(getattr(connection, "_sslobj", None), context)
        return "" if taken else "this Python keeps its connections otherwise"

    def apply(self, sock: ssl.SSLSocket) -> None:
        """To one connection, before its handshake."""
        if self.available:
            self._take_off(getattr(sock, "_sslobj", None), sock.context)

    def _take_off(self, connection: object, context: ssl.SSLContext) -> bool:
        if connection is None or _at(connection, _CONTEXT) != id(context):
            return False
        pointer = _at(connection, _CONNECTION)
        left = self._control(pointer, _CTRL_CLEAR_MODE, _MODE_AUTO_RETRY, None)
        return not left & _MODE_AUTO_RETRY


def _at(thing: object, offset: int) -> int:
    """The machine word at this place of an object."""
    return ctypes.c_size_t.from_address(id(thing) + offset).value
