"""TLS on a link: the context of one attempt to connect, and the encryption of one connection.

The server's certificate is always verified, chain and name, because the link has all rights at Asterisk.
Encryption is done on bytes in memory, not by the loop's transport, so that what has arrived can be read at
any moment (``Conversation.read_pending``).
"""

import ssl
from typing import Final

from amiproxy.config.reading.files import check_readable, read_private
from amiproxy.config.schema import UpstreamTls
from amiproxy.core.model.errors import Unfit
from amiproxy.net.tls.tlserrors import UNKNOWN_ISSUER, WRONG_NAME, reason_of
from amiproxy.net.tls.tlspolicy import client_context, load_client_certificate
from amiproxy.net.upstream.errors import LinkError

#: Most bytes of one TLS record.
_RECORD: Final = 1 << 14


def link_context(tls: UpstreamTls) -> ssl.SSLContext:
    """A new context from the files as they are now.

    It is made for each attempt to connect, so that files that were replaced are used from the next one on.
    Raises LinkError, which names the file and the remedy.  It reads files, so it belongs in a thread.
    """
    context = client_context()
    try:
        check_readable(tls.ca)
        context.load_verify_locations(cafile=tls.ca)
    except Unfit as error:
        raise LinkError(f"tls.ca: {error}; {error.remedy}") from error
    except OSError as error:  # ssl.SSLError is one
        remedy = "name a PEM file of CA certificates"
        raise LinkError(f"tls.ca: {tls.ca} cannot be used ({reason_of(error)}); {remedy}") from error
    if tls.chain is not None:
        _present(context, tls)
    return context


def _present(context: ssl.SSLContext, tls: UpstreamTls) -> None:
    """Load the client certificate."""
    assert tls.chain is not None
    if tls.key is not None:
        try:
            read_private(tls.key)
        except Unfit as error:
            raise LinkError(f"tls.key: {error}; {error.remedy}") from error
    try:
        load_client_certificate(context, tls.chain, tls.key)
    except Unfit as error:
        raise LinkError(f"tls.chain: {error}; {error.remedy}") from error


class LinkTls:
    """The encryption of one connection.  All bytes go through it; it has no socket.

    ``name`` is the one that the server's certificate must have, a host name or an IP address.  Raises
    LinkError for a name that cannot be one.
    """

    def __init__(self, context: ssl.SSLContext, name: str) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        try:
            self._connection = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        except ValueError as error:
            raise LinkError(f"tls.name: {name!r} is not a host name; write that of the server") from error
        self._name = name
        #: Whether the server's certificate was verified: nothing may be sent before.
        self.is_established = False
        #: Whether the server has ended the connection in good order.
        self.is_closed = False

    @property
    def version(self) -> str:
        """The version of the protocol, such as ``TLSv1.3``."""
        return self._connection.version() or ""

    @property
    def doubt(self) -> str:
        """What may be wrong if the server ends the connection without having said anything."""
        if not self.is_established:
            return "it ended the TLS handshake: check that this is its TLS port, and see its log"
        needed = "tls.chain and tls.key"
        return f"it said nothing after the TLS handshake: it may require a client certificate ({needed})"

    def begin(self) -> None:
        """Start the handshake; its first bytes are then in ``take``."""
        self._handshake()

    def take(self) -> bytes:
        """The bytes that are to be sent to the server now; b"" if there are none."""
        return self._outgoing.read()

    def encrypt(self, data: bytes) -> None:
        """Encrypt what is to be sent; the result is then in ``take``."""
        self._connection.write(data)

    def decrypt(self, data: bytes) -> bytes:
        """What the server has said in ``data``, a piece of the stream.

        Afterwards ``take`` may hold a reply.  Raises LinkError if the server cannot be trusted or refuses us,
        or if this is not TLS.
        """
        self._incoming.write(data)
        if not self.is_established:
            self._handshake()
            if not self.is_established:
                return b""
        plain: list[bytes] = []
        try:
            while piece := self._connection.read(_RECORD):
                plain.append(piece)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.is_closed = True
        except ssl.SSLError as error:
            raise LinkError(refusal(error, self._name)) from error
        else:
            self.is_closed = True
        return b"".join(plain)

    def _handshake(self) -> None:
        try:
            self._connection.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            raise LinkError(refusal(error, self._name)) from error
        self.is_established = True


def refusal(error: ssl.SSLError, name: str) -> str:
    """What an error of TLS with the server of this name means, and what to do."""
    match error:
        case ssl.SSLCertVerificationError(verify_code=code) if code in WRONG_NAME:
            remedy = "set tls.name to a name that it has, or have it issued for this one"
            return f"the server's certificate is not valid for {name}; {remedy}"
        case ssl.SSLCertVerificationError(verify_code=code) if code in UNKNOWN_ISSUER:
            return "the server's certificate is not issued by a CA in tls.ca; add its CA to that file"
        case ssl.SSLCertVerificationError():
            return f"the server's certificate is refused: {error.verify_message}; have it renewed"
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER"):
            return "the server does not speak TLS on this port; name its TLS port, or remove tls"
        case ssl.SSLError(reason="TLSV13_ALERT_CERTIFICATE_REQUIRED"):
            return "the server requires a client certificate; set tls.chain and tls.key"
        case ssl.SSLError(reason=str(reason)) if "_ALERT_" in reason:
            alert = reason.partition("_ALERT_")[2].replace("_", " ").lower()
            return f"the server refused the connection ({alert}); see its log for the reason"
        case _:
            return f"TLS with the server failed ({reason_of(error)}); see its log"
