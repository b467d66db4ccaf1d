"""NatsClient: one connection of nats-py, with what nats-py 2.16 leaves open closed.

Everything that depends on the inside of nats-py is in this module and in ``natsparser``:

- It encrypts only if the server asks for that, so that somebody between the two could have our key sign in
  plain text, and use the signature.  Here nothing is sent to a server that does not ask for TLS.
- It has a queue and a task for each subscription.  Here a message is handed over in the turn in which it
  was read, and nothing waits between the two.
- Its ``publish`` is a coroutine, although it waits only while its buffer is full.  Here it is a function.
- It logs on its own what it did not expect.  Here that goes to our log.
- A message whose headers or subjects are odd ends its task that reads, and the connection is deaf.  Here
  ``NatsParser`` reads, and headers are not decoded.
- It never stops reading, so that an engine which sends faster than this process reads fills its memory.
  Here its reader is given the transport that it has to pause.
- Closing waits for the other side's end of TLS, for 30 s if the server is frozen.  Here ``abort`` does not.
"""

import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final

import nkeys  # noqa: F401 - nats-py would import it when it connects, in the loop
from nats import errors
from nats.aio.client import Client
from nats.aio.transport import TcpTransport

from amiproxy import log
from amiproxy.net.fleet.channel import Handler
from amiproxy.net.fleet.natsparser import NatsParser

#: Bytes of a message that are not its data: the command, two subjects and the length.
_OVERHEAD: Final = 512
#: Seconds.  With less, nats-py would fail if an answer came later.
_FOR_EVER: Final = 1 << 30
_NO_RESPONDERS: Final = {"Status": "503"}

_INSIDE: Final = (
    "_build_message",
    "_close",
    "_connect_command",
    "_flush_pending",
    "_process_err",
    "_process_headers",
    "_process_msg",
    "_process_ping",
    "_process_pong",
)
for _name in _INSIDE:
    if not hasattr(Client, _name):
        raise ImportError(f"this version of nats-py has no {_name}: the proxy cannot use it safely")


class _Faults(logging.Handler):
    """Passes on the exceptions that nats-py logs, without its text."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            log.exception("fault", error, where="nats-py")
        else:
            log.say(log.ERROR, "fault", where=f"nats-py: {record.getMessage()}")


_LOGGER: Final = logging.getLogger("nats")
_LOGGER.propagate = False
_LOGGER.addHandler(_Faults(logging.WARNING))


class NotEncrypted(errors.Error):
    """The server does not ask for TLS."""

    def __str__(self) -> str:
        return "the engine does not require TLS; give it a certificate, in its section tls"


class NotTaken(Exception):
    """A message was not taken: nothing of it has been or will be sent."""


class NatsClient(Client):
    """A connection for a single use: it never reconnects.

    ``handlers`` has one for each subscription, by its subject.
    """

    def __init__(self, handlers: dict[str, Handler], fault: Callable[[Exception, str], None]) -> None:
        """``fault`` gets what a handler raises, with the subject that was subscribed to."""
        super().__init__()
        self._ps = NatsParser(self)
        self._handlers = handlers
        self._fault = fault
        self._is_aborted = False

    @property
    def version(self) -> str:
        """The engine's version, such as ``2.15.1``."""
        return str(self._server_info.get("version", ""))

    def send(self, subject: str, data: bytes, reply: str, limit: int) -> None:
        """Send a message now; at most ``limit`` bytes wait for the socket.  Raises NotTaken."""
        if not self.is_connected:
            raise NotTaken("not connected")
        if len(data) > self.max_payload:
            raise NotTaken(f"{len(data)} bytes are more than the engine's max_payload")
        if self.pending_data_size + len(data) + _OVERHEAD > limit:
            raise NotTaken("the engine reads too slowly")
        publishing = self.publish(subject, data, reply=reply)
        try:
            publishing.send(None)
        except StopIteration:
            return
        except errors.Error as error:
            raise NotTaken(str(error)) from error
        # It waits only to empty a buffer that is over its limit, and ours is the lower one.
        publishing.close()

    async def confirm(self) -> float:
        """Wait until the server has everything that was sent; returns the seconds of a round trip."""
        # Without the first line the ping would overtake what waits for the socket.
        await self._flush_pending(force_flush=True)
        return await self.round_trip()

    async def round_trip(self) -> float:
        """The seconds that an answer to a ping takes.  It may be cancelled only with the connection."""
        began = time.perf_counter()  # the time of uvloop has only milliseconds
        await self.rtt(_FOR_EVER)
        return time.perf_counter() - began

    def abort(self) -> None:
        """Close the socket at once; what was not sent is not sent any more.  It cannot connect any more."""
        self._is_aborted = True
        transport = self._transport
        if isinstance(transport, TcpTransport) and transport._io_writer is not None:
            transport._io_writer.transport.abort()

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        # It writes what is pending to a socket that may be closed, in a task whose exceptions nobody sees.
        with contextlib.suppress(OSError):
            await super()._close(status, do_cbs)

    def _connect_command(self) -> bytes:
        if self._is_aborted:
            raise errors.ConnectionClosedError
        if not self._server_info.get("tls_required"):
            raise NotEncrypted
        if not isinstance(self._max_payload, int):
            raise errors.ProtocolError
        # TLS has just begun, and with it a new transport.
        transport = self._transport
        if isinstance(transport, TcpTransport) and transport._io_reader and transport._io_writer:
            transport._io_reader.set_transport(transport._io_writer.transport)
        return super()._connect_command()

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        # Those of senders mean nothing here.
        return _NO_RESPONDERS if headers.startswith(b"NATS/1.0 503") else None

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> None:
        """Hand the message over; that nothing is returned makes nats-py forget it."""
        wanted: str = self._subs[sid].subject
        handler = self._handlers.get(wanted)
        if handler is None:
            return
        nobody = headers is not None and not data
        try:
            names = subject.decode(), reply.decode()
        except UnicodeDecodeError:
            return  # no process of the fleet has such a name
        try:
            handler(*names, data, nobody)
        except Exception as fault:
            self._fault(fault, wanted)
