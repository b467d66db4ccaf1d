"""A TLS client of which a test can hold back, join, damage or leave unread every byte on the wire.

async with TlsPeer.to(address, context) as peer:
    await peer.handshake()
    assert await peer.record() == b"Asterisk Call Manager/..."
"""

import _ssl
import asyncio
import ctypes
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.support.waiting import DEADLINE

_RESET = struct.pack("ii", 1, 0)


class TlsPeer:
    """One connection.  Only the methods that say so read from the socket."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self.socket = sock
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        # CPython 3.11.0 to 3.11.2 set this, and a bare end then looks like a close_notify.
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        self._tls = context.wrap_bio(self._in, self._out, server_hostname="localhost")
        self._loop = asyncio.get_running_loop()
        self.within = DEADLINE
        """Seconds that one read or write may take."""

    @classmethod
    @asynccontextmanager
    async def to(
        cls, address: tuple[str, int], context: ssl.SSLContext, receive_buffer: int = 0, source: str = ""
    ) -> AsyncIterator["TlsPeer"]:
        """Connect, from ``source`` if any; no handshake yet.  ``receive_buffer``: bytes of a small window."""
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        with socket.socket(family) as sock:
            sock.setblocking(False)
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if source:
                sock.bind((source, 0))
            await asyncio.get_running_loop().sock_connect(sock, address)
            yield cls(sock, context)

    async def handshake(self, *, send_last: bool = True) -> bytes:
        """Shake hands.  The last flight is returned, and sent unless ``send_last`` is false."""
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self.send_raw(self._out.read())
                await self._fill()
        last = self._out.read()
        if send_last:
            await self.send_raw(last)
        return last

    def seal(self, data: bytes) -> bytes:
        """Records for ``data``, not sent."""
        self._tls.write(data)
        return self._out.read()

    def seal_key_updates(self, count: int) -> bytes:
        """This many records of TLS 1.3 that carry no data, not sent.  ``ssl`` has no call for them."""
        openssl = ctypes.CDLL(_ssl.__file__)
        # PySSLSocket: head, the Python socket, then OpenSSL's connection.
        place = id(self._tls._sslobj) + object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p)  # type: ignore[attr-defined]
        connection = ctypes.c_void_p.from_address(place)
        for _ in range(count):
            assert openssl.SSL_key_update(connection, 0) == 1
            self._tls.do_handshake()
        return self._out.read()

    def seal_close(self) -> bytes:
        """The close_notify, not sent."""
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        return self._out.read()

    async def send(self, data: bytes) -> None:
        """Seal and send."""
        await self.send_raw(self.seal(data))

    async def send_raw(self, data: bytes) -> None:
        """Send exactly these bytes."""
        async with asyncio.timeout(self.within):
            await self._loop.sock_sendall(self.socket, data)

    async def _fill(self) -> None:
        async with asyncio.timeout(self.within):
            data = await self._loop.sock_recv(self.socket, 65536)
        if data:
            self._in.write(data)
        else:
            self._in.write_eof()

    async def record(self) -> bytes:
        """The content of the next record; b"" at close_notify.  Raises ssl.SSLEOFError at a bare end."""
        while True:
            try:
                return self._tls.read(1 << 20)
            except ssl.SSLWantReadError:
                await self._fill()
            except ssl.SSLZeroReturnError:
                return b""

    async def exactly(self, count: int) -> bytes:
        """This many bytes."""
        got = bytearray()
        while len(got) < count:
            data = await self.record()
            assert data, f"the end after {len(got)} of {count} bytes"
            got += data
        assert len(got) == count, f"more than {count} bytes: {len(got)}"
        return bytes(got)

    async def rest(self) -> bytes:
        """Everything up to the close_notify."""
        got = bytearray()
        while data := await self.record():
            got += data
        return bytes(got)

    async def raw_rest(self) -> bytes:
        """Every byte on the wire up to the end, as it comes."""
        got = bytearray()
        async with asyncio.timeout(self.within):
            while data := await self._loop.sock_recv(self.socket, 65536):
                got += data
        return bytes(got)

    def reset(self) -> None:
        """End with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.socket.close()
