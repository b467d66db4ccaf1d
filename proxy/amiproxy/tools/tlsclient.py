"""A TLS client that always verifies the server: chain and name.

There is no option to disable that, because a client that trusts any server gives the secret to any server.
"""

import asyncio
import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from amiproxy.core.model.errors import Unfit
from amiproxy.net.tls.tlserrors import UNKNOWN_ISSUER, WRONG_NAME
from amiproxy.net.tls.tlspolicy import load_client_certificate

CONNECT_TIMEOUT = 10.0
#: Seconds that closing a TLS connection in good order may take.
CLOSE_TIMEOUT = 2.0

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ConnectError(Exception):
    """The TLS connection cannot be made; the text says what to do about it."""


@dataclass(frozen=True)
class Destination:
    """The TLS server to connect to."""

    host: str
    port: int
    server_name: str = ""
    """The name that its certificate must have, if not ``host``."""
    ca: Path | None = None
    """PEM file of trusted CAs, instead of the system's trust store."""
    chain: Path | None = None
    key: Path | None = None
    """Private key of ``chain``, the client certificate for listeners that request one."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def client_context(destination: Destination) -> ssl.SSLContext:
    """A context that verifies chain and name, with TLS 1.2 or later.  Raises ConnectError naming the file."""
    try:
        context = ssl.create_default_context(cafile=destination.ca)
    except OSError as error:
        text = f"CA file {destination.ca} cannot be used ({reason_of(error)})"
        raise ConnectError(f"{text}; name a PEM file of CA certificates") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if destination.chain is not None:
        try:
            load_client_certificate(context, destination.chain, destination.key)
        except Unfit as error:
            raise ConnectError(f"client certificate {error}; {error.remedy}") from error
    return context


async def open_tls(there: Destination, within: float = CONNECT_TIMEOUT) -> Streams:
    """Connect, in this many seconds, and verify the certificate; its files are read each time.

    Raises ConnectError.
    """
    context = client_context(there)
    try:
        async with asyncio.timeout(within):
            return await asyncio.open_connection(
                there.host,
                there.port,
                ssl=context,
                server_hostname=there.server_name or there.host,
                ssl_shutdown_timeout=CLOSE_TIMEOUT,
            )
    except ssl.SSLError as error:
        raise ConnectError(refusal(there, error)) from error
    except TimeoutError as error:
        text = f"{there} does not answer within {within:g} s"
        raise ConnectError(f"{text}; check that it runs and that no firewall blocks it") from error
    except OSError as error:
        raise ConnectError(unreachable(there, error, "ami-proxy")) from error


def unreachable(there: Destination, error: OSError, server: str) -> str:
    """Why ``server`` cannot be reached, and what to do."""
    remedy = (
        "check the spelling of the name, and that this machine can resolve it"
        if isinstance(error, socket.gaierror)
        else f"check that {server} runs there, on that port"
    )
    return f"{there} cannot be reached: {reason_of(error)}; {remedy}"


def refusal(there: Destination, error: BaseException) -> str:
    """What an error of TLS means, and what to do; it may also come with the first read."""
    name = there.server_name or there.host
    match error:
        case ssl.SSLCertVerificationError(verify_code=code) if code in WRONG_NAME:
            return (
                f"the certificate of {there} is not valid for {name}; connect to a name that it has, "
                "or give that name with --server-name"
            )
        case ssl.SSLCertVerificationError(verify_code=code) if code in UNKNOWN_ISSUER:
            trusted = there.ca or "the system's trust store"
            return (
                f"the certificate of {there} is not issued by a CA in {trusted}; "
                "give the CA that issued it with --ca"
            )
        case ssl.SSLCertVerificationError():
            return f"the certificate of {there} is refused: {error.verify_message}; have it renewed"
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER"):
            return f"{there} does not speak TLS; name the port of ami-proxy, not that of Asterisk"
        case ssl.SSLError(reason="TLSV13_ALERT_CERTIFICATE_REQUIRED"):
            return f"{there} requires a client certificate; give it with --cert and --key"
        case ssl.SSLError(reason=str(reason)) if "_ALERT_" in reason:
            alert = reason.partition("_ALERT_")[2].replace("_", " ").lower()
            return f"{there} refused the connection ({alert}); see its log for the reason"
        case _:
            return f"TLS with {there} failed ({reason_of(error)}); see its log"


def reason_of(error: BaseException) -> str:
    """What went wrong, in a few words."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    if isinstance(error, ConnectionError) and error.errno is not None:
        # asyncio's own text repeats the address as a tuple.
        return os.strerror(error.errno)
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
