"""Auto-retry: make OpenSSL return to the event loop after each TLS record.

Python sets ``SSL_MODE_AUTO_RETRY``, with which one read continues inside OpenSSL
for as long as records without application data arrive.  A TLS 1.3 client may send
such records (KeyUpdate) without end, and would block the loop for all clients.
The ``ssl`` module cannot clear the mode, so OpenSSL's ``SSL_ctrl`` is called
through ctypes, with the ``SSL*`` read from CPython's socket object.  If that
pointer is not at the offset that all CPython versions so far have used, nothing
is changed.
"""

import _ssl
import ctypes
import ssl
from typing import Final

from amiproxy import log

_CTRL_CLEAR_MODE: Final = 78  # SSL_CTRL_CLEAR_MODE, openssl/ssl.h
_MODE_AUTO_RETRY: Final = 4  # SSL_MODE_AUTO_RETRY
_POINTER: Final = ctypes.sizeof(ctypes.c_void_p)
# Layout of PySSLSocket (Modules/_ssl.c): object header, Python socket, SSL*, PySSLContext.
_CONNECTION: Final = object.__basicsize__ + _POINTER
_CONTEXT: Final = _CONNECTION + _POINTER


class DisableAutoRetry:
    """Call it with each TLS socket.  ``obstacle`` says why that has no effect; empty if it works."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.obstacle = self._prepare()
        if self.obstacle and not quiet:
            log.say(log.WARNING, "tls-auto-retry-stays", reason=self.obstacle)

    @property
    def available(self) -> bool:
        """Whether auto-retry can be cleared."""
        return not self.obstacle

    def _prepare(self) -> str:
        try:
            # The OpenSSL library that ``ssl`` itself has loaded.
            self._control = ctypes.CDLL(getattr(_ssl, "__file__", None)).SSL_ctrl
        except (OSError, AttributeError) as error:
            return str(error)
        self._control.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p)
        self._control.restype = ctypes.c_long
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        connection = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
        taken = self._take_off(getattr(connection, "_sslobj", None), context)
        return "" if taken else "this Python lays out its TLS socket objects differently"

    def __call__(self, sock: ssl.SSLSocket) -> None:
        """Clear the mode on one connection, before its handshake; does nothing if not ``available``."""
        if self.available:
            self._take_off(getattr(sock, "_sslobj", None), sock.context)

    def _take_off(self, connection: object, context: ssl.SSLContext) -> bool:
        if connection is None or _at(connection, _CONTEXT) != id(context):
            return False
        pointer = _at(connection, _CONNECTION)
        left = self._control(pointer, _CTRL_CLEAR_MODE, _MODE_AUTO_RETRY, None)
        return not left & _MODE_AUTO_RETRY


def _at(thing: object, offset: int) -> int:
    """The machine word at this byte offset of an object."""
    return ctypes.c_size_t.from_address(id(thing) + offset).value
