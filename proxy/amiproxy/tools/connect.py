"""A plain-text port on loopback, forwarded to a TLS port: for AMI software without TLS.

Bytes pass unchanged in both directions.  The server's certificate is always verified,
chain and name; there is no option to disable that, because a wrapper that trusts any
server gives the secret to any server.  Certificate files are read for each connection,
so a renewed client certificate or CA needs no restart.

A session costs the server more than a plain connection costs us, so no TLS connection
outlives its client: see ``departure``.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import time
from collections.abc import Awaitable
from typing import Any

from amiproxy.config.address import Address, is_loopback
from amiproxy.core.admission.sidedoor import SideDoor, Want
from amiproxy.net.admin.departure import Departure, Departures
from amiproxy.net.admin.sideserver import SideServer, Visit
from amiproxy.net.loop.groups import first_of
from amiproxy.tools.tlsclient import (
    CLOSE_TIMEOUT,
    CONNECT_TIMEOUT,
    ConnectError,
    Destination,
    Streams,
    client_context,
    open_tls,
    refusal,
)

# A client that shut down its sending side still receives data, until this many seconds pass without a byte.
LINGER = 5.0
#: Maximum number of concurrent connections.
CONNECTIONS = 256
_CHUNK = 65536
#: Minimum seconds between two warnings that all connections are in use.
_SAY_AGAIN = 10.0

_log = logging.getLogger(__name__)


class PlainPort:
    """Listens on loopback; each connection becomes one TLS connection to ``destination``.

    ``timeout`` is for connecting to it and ``linger`` for closing a client's connection, both in seconds;
    ``connections`` is the maximum number of clients.  Raises ConnectError if ``listen`` is not on loopback,
    or a file of the destination cannot be used.
    """

    def __init__(
        self,
        listen: Address,
        destination: Destination,
        *,
        timeout: float = CONNECT_TIMEOUT,
        linger: float = LINGER,
        connections: int = CONNECTIONS,
    ) -> None:
        if not is_loopback(listen.host):
            text = f"{listen} can be reached from other machines, which would send secrets in plain text"
            raise ConnectError(f"{text}; listen on 127.0.0.1 or [::1]")
        # Report unusable files now, not at the first client.
        client_context(destination)
        self._listen = listen
        self._destination = destination
        self._timeout = timeout
        self._linger = linger
        self._connections = connections
        self._departures = Departures()
        self._said_full = float("-inf")
        self._server = SideServer(
            "client-lost",
            self._serve,
            SideDoor(connections, connections),
            longest=_CHUNK,
            is_full=self._say_full,
        )
        self._socket: socket.socket | None = None

    @property
    def visits(self) -> int:
        """Number of connected clients."""
        return self._server.visits

    async def start(self) -> Address:
        """Listen; return the address, with the port that the system chose for 0.  Raises ConnectError."""
        family = socket.AF_INET6 if ":" in self._listen.host else socket.AF_INET
        try:
            self._socket = socket.create_server((self._listen.host, self._listen.port), family=family)
        except OSError as error:
            text = f"cannot listen on {self._listen}: {error.strerror}"
            raise ConnectError(f"{text}; stop what listens there, or choose another port") from error
        await self._server.start(self._socket)
        return Address(self._listen.host, self._socket.getsockname()[1])

    async def close(self) -> None:
        """Stop listening, and end all connections."""
        await self._server.close()
        if self._socket is not None:
            self._socket.close()

    def _say_full(self) -> None:
        now = time.monotonic()
        if now - self._said_full >= _SAY_AGAIN:
            self._said_full = now
            _log.warning(
                "all %d connections are in use: each new one replaces a connection that never sent anything, "
                "or is closed if there is none; check which programs connect, or raise --connections",
                self._connections,
            )

    async def _serve(self, visit: Visit) -> None:
        sock, writer = visit.writer.get_extra_info("socket"), visit.writer
        ends = writer.get_extra_info("peername")[:2], writer.get_extra_info("sockname")[:2]
        fd = sock.fileno()
        try:
            await self._lead(visit, self._departures.watch(fd, ends))
        except ConnectError as error:
            _log.error("%s", error)
        finally:
            self._departures.forget(fd)

    async def _lead(self, visit: Visit, departure: Departure) -> None:
        """Open the TLS connection and forward bytes in both directions, until either end is gone."""
        loop = asyncio.get_running_loop()
        gone = loop.create_task(departure.wait())
        opening = loop.create_task(open_tls(self._destination, self._timeout))
        tasks: list[asyncio.Task[Any]] = [gone, opening]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                return
            far = opening.result()
            sent = asyncio.Event()
            bridge = loop.create_task(self._bridge(visit, far, sent))
            tasks.append(bridge)
            await asyncio.wait([gone, bridge], return_when=asyncio.FIRST_COMPLETED)
            if bridge.done():
                bridge.result()
            elif not gone.result() and await _in_time(sent.wait()):
                # The client's last bytes have been sent; now close the TLS connection in good order.
                bridge.cancel()
                await asyncio.wait([bridge])
        finally:
            if opening.done() and not opening.cancelled() and opening.exception() is None:
                # Python 3.11.2 raises AttributeError if the TLS connection is gone already.
                with contextlib.suppress(AttributeError):
                    opening.result()[1].transport.abort()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _bridge(self, visit: Visit, far: Streams, sent: asyncio.Event) -> None:
        far_reader, far_writer = far
        refused: BaseException | None = None
        answered = True
        try:
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(_send(visit, far_writer, sent))
                answered = await self._receive(far_reader, visit.writer, sending)
                sending.cancel()
        except* ssl.SSLError as errors:
            refused = first_of(errors)
        except* ConnectionError:
            _log.debug("connection to %s reset", self._destination)
        finally:
            await _close(far_writer)
        if refused is not None:
            raise ConnectError(refusal(self._destination, refused)) from refused
        if not answered:
            text = f"{self._destination} closed the connection without sending anything"
            raise ConnectError(f"{text}; see its log: a denied address, or too many connections?")

    async def _receive(
        self, far_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sending: asyncio.Task[None]
    ) -> bool:
        """Forward to the client until the server closes, or is silent for ``linger`` after the client's end.

        Returns False if the server closed without having sent anything.
        """
        clock = asyncio.get_running_loop().time
        answered = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None) as patience:

                def wait_no_longer(_: object = None) -> None:
                    if sending.done() and not patience.expired():
                        patience.reschedule(clock() + self._linger)

                sending.add_done_callback(wait_no_longer)
                try:
                    while data := await far_reader.read(_CHUNK):
                        answered = True
                        writer.write(data)
                        await writer.drain()
                        wait_no_longer()
                finally:
                    sending.remove_done_callback(wait_no_longer)
                return answered
        return True


async def _send(visit: Visit, writer: asyncio.StreamWriter, sent: asyncio.Event) -> None:
    """Forward from the client until its end; ``drain`` makes it wait for a slow server."""
    # ``_receive`` finds out why the server closed the connection.
    with contextlib.suppress(ConnectionError):
        while data := await visit.reader.read(_CHUNK):
            visit.asks(Want.ORDINARY)
            writer.write(data)
            await writer.drain()
        visit.is_answered()
        sent.set()


async def _in_time(awaited: Awaitable[object]) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await awaited
            return True
    return False


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        await writer.wait_closed()
