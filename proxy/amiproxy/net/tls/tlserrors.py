"""Why a connection ended, for the log, in the words of OpenSSL or of the system."""

import ssl
from typing import Final

#: The other side ended the TCP connection where TLS does not allow it.
CLOSED: Final = "connection closed"
#: A client gave up its handshake: before it sent anything, as health checks do; or after, as clients do that
#: reject the certificate without an alert.
CLOSED_BEFORE: Final = "closed before the handshake"
CLOSED_DURING: Final = "closed during the handshake"
#: A client sent more for its handshake than is accepted.
OVERLONG_HANDSHAKE: Final = "handshake too long"
#: Codes of ``ssl.SSLCertVerificationError``, OpenSSL's X509_V_ERR_*: HOSTNAME_MISMATCH, IP_ADDRESS_MISMATCH.
WRONG_NAME: Final = (62, 64)
#: DEPTH_ZERO_SELF_SIGNED_CERT, SELF_SIGNED_CERT_IN_CHAIN, UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
#: UNABLE_TO_VERIFY_LEAF_SIGNATURE.
UNKNOWN_ISSUER: Final = (18, 19, 20, 21)


def reason_of(error: Exception) -> str:
    """One line without names or addresses: the reason in lower case, or the name of the error's class.

    The same for all versions of Python and OpenSSL, whose texts for an end of the connection differ and hold
    the place in Python's source.
    """
    if isinstance(error, ssl.SSLZeroReturnError | ssl.SSLEOFError):
        return CLOSED
    if isinstance(error, ssl.SSLCertVerificationError) and error.reason:
        # One text per OpenSSL code; on the server side they contain no names.
        return f"{error.reason.replace('_', ' ')}: {error.verify_message}".lower()
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return type(error).__name__


def failure_of_handshake(error: Exception, *, begun: bool) -> str:
    """As ``reason_of``, for a handshake that failed; ``begun``: the client had sent part of it."""
    reason = reason_of(error)
    if reason == CLOSED:
        return CLOSED_DURING if begun else CLOSED_BEFORE
    return reason
