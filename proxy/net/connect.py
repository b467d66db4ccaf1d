"""A plain port on loopback that leads to a TLS one: for AMI software that speaks no TLS.

Bytes pass untouched in both directions.  TLS is verified always, name and chain;
there is no switch to turn that off, since a wrapper that trusts anybody hands the
secret to anybody.  Certificate files are read for each connection, so a renewed
client certificate or CA needs no restart.
"""

import asyncio
import contextlib
import logging
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from proxy.config.address import Address, is_loopback
from proxy.net.groups import first_of

CONNECT_TIMEOUT = 10.0
# A client that closed its sending side still gets what is under way; after this long without a byte, no more.
LINGER = 5.0
_CHUNK = 65536
_CLOSE_TIMEOUT = 2.0

_log = logging.getLogger(__name__)


class ConnectError(Exception):
    """The way to the other end cannot be made; the text says what to do about it."""


@dataclass(frozen=True)
class Destination:
    """The TLS side."""

    host: str
    port: int
    server_name: str = ""
    """What its certificate must be for, if not ``host``."""
    ca: Path | None = None
    """Whom to trust, in place of the system's store."""
    chain: Path | None = None
    key: Path | None = None
    """Our own certificate, for listeners that ask for one."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def client_context(destination: Destination) -> ssl.SSLContext:
    """A context that verifies chain and name, TLS 1.2 at least.  Raises ConnectError naming the file."""
    try:
        context = ssl.create_default_context(cafile=destination.ca)
    except OSError as error:
        text = f"CA file {destination.ca} cannot be used ({_reason(error)})"
        raise ConnectError(f"{text}; name a PEM file of CA certificates") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if destination.chain is not None:
        try:
            # Never asks for a passphrase: there is nobody to answer.
            context.load_cert_chain(destination.chain, destination.key, password=lambda: b"")
        except (OSError, ValueError) as error:
            text = f"client certificate {destination.chain} with key {destination.key} cannot be used"
            remedy = "see that they are PEM, belong together, and may be read; a key must not be encrypted"
            raise ConnectError(f"{text} ({_reason(error)}); {remedy}") from error
    return context


class PlainPort:
    """Listens on loopback; each connection becomes one TLS connection to ``destination``."""

    def __init__(
        self,
        listen: Address,
        destination: Destination,
        *,
        timeout: float = CONNECT_TIMEOUT,
        linger: float = LINGER,
    ) -> None:
        if not is_loopback(listen.host):
            text = f"{listen} can be reached from other machines, and what comes there is in clear text"
            raise ConnectError(f"{text}; listen on 127.0.0.1 or [::1]")
        # Files that cannot be used are found now, not by the first client.
        client_context(destination)
        self._listen = listen
        self._destination = destination
        self._timeout = timeout
        self._linger = linger
        self._clients: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> Address:
        """Listen; the address, with the port the system gave for 0.  Raises ConnectError."""
        try:
            self._server = await asyncio.start_server(self._serve, self._listen.host, self._listen.port)
        except OSError as error:
            text = f"cannot listen on {self._listen}: {error.strerror}"
            raise ConnectError(f"{text}; stop what listens there, or choose another port") from error
        return Address(self._listen.host, self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Listen no more, and end what is open."""
        if self._server is not None:
            self._server.close()
        for client in self._clients:
            client.cancel()
        if self._clients:
            await asyncio.wait(self._clients)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            await self._bridge(reader, writer)
        except ConnectError as error:
            _log.error("%s", error)
        except asyncio.CancelledError:
            # By close(): the end of this task is what was asked for, and nobody else awaits it.
            return
        finally:
            await _close(writer)
            self._clients.discard(task)

    async def _bridge(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await self._open()
        refused: BaseException | None = None
        answered = True
        try:
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(_pump(reader, far_writer))
                answered = await self._receive(far_reader, writer, sending)
                sending.cancel()
        except* ssl.SSLError as errors:
            refused = first_of(errors)
        except* ConnectionError:
            _log.debug("connection to %s reset", self._destination)
        finally:
            await _close(far_writer)
        if refused is not None:
            raise ConnectError(self._refusal(refused)) from refused
        if not answered:
            text = f"{self._destination} closed the connection without a word"
            raise ConnectError(f"{text}; its log says why: an address it denies, or too many connections?")

    async def _receive(
        self, far_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sending: asyncio.Task[None]
    ) -> bool:
        """Carry to the client until the far end closes, or is quiet after the client was done sending.

        False when the far end closed without having sent anything.
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

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        there = self._destination
        context = client_context(there)
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.open_connection(
                    there.host,
                    there.port,
                    ssl=context,
                    server_hostname=there.server_name or there.host,
                    ssl_shutdown_timeout=_CLOSE_TIMEOUT,
                )
        except ssl.SSLError as error:
            raise ConnectError(self._refusal(error)) from error
        except TimeoutError as error:
            text = f"{there} does not answer within {self._timeout:g} s"
            raise ConnectError(f"{text}; see that it runs and that no firewall is between") from error
        except OSError as error:
            text = f"{there} cannot be reached: {_reason(error)}"
            raise ConnectError(f"{text}; see that ami-proxy runs there, on that port") from error

    def _refusal(self, error: BaseException) -> str:
        there, name = self._destination, self._destination.server_name or self._destination.host
        match error:
            case ssl.SSLCertVerificationError(verify_code=code) if code in _WRONG_NAME:
                return (
                    f"the certificate of {there} is not for {name}; connect to a name it has, "
                    "or give that name with --server-name"
                )
            case ssl.SSLCertVerificationError(verify_code=code) if code in _UNKNOWN_ISSUER:
                trusted = there.ca or "the system's store"
                return (
                    f"the certificate of {there} is not issued by a CA in {trusted}; "
                    "give the CA that issued it with --ca"
                )
            case ssl.SSLCertVerificationError():
                return f"the certificate of {there} is refused: {error.verify_message}; have it renewed"
            case ssl.SSLError(reason="WRONG_VERSION_NUMBER"):
                return f"{there} does not speak TLS; name the port of ami-proxy, not that of Asterisk"
            case ssl.SSLError(reason="TLSV13_ALERT_CERTIFICATE_REQUIRED"):
                return f"{there} asks for a client certificate; give it with --cert and --key"
            case ssl.SSLError(reason=str(reason)) if "_ALERT_" in reason:
                alert = reason.partition("_ALERT_")[2].replace("_", " ").lower()
                return f"{there} refused the connection ({alert}); its log says why"
            case _:
                return f"TLS with {there} failed ({_reason(error)}); its log may say why"


# OpenSSL's X509_V_ERR_*: HOSTNAME_MISMATCH, IP_ADDRESS_MISMATCH.
_WRONG_NAME = (62, 64)
# DEPTH_ZERO_SELF_SIGNED_CERT, SELF_SIGNED_CERT_IN_CHAIN, UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
# UNABLE_TO_VERIFY_LEAF_SIGNATURE.
_UNKNOWN_ISSUER = (18, 19, 20, 21)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry until the reader's end; ``drain`` makes a sender wait for a slow receiver."""
    # Why the far end went away is learnt by whoever reads from it.
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        await writer.wait_closed()


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    if isinstance(error, ConnectionError) and error.errno is not None:
        # asyncio's own text repeats the address as a tuple.
        return os.strerror(error.errno)
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
