"""The certificate that a client presented in its handshake, and the chain it sent with it."""

import ssl
from collections.abc import Callable, Sequence
from typing import NamedTuple

from amiproxy.x509.identity import Identity, identities

#: Returns why a client's chain (DER, leaf first) is not acceptable now; None if it is.
Objection = Callable[[Sequence[bytes]], str | None]


class ShownCertificate(NamedTuple):
    """A client certificate that OpenSSL accepted at the time of the handshake."""

    identity: Identity
    chain: tuple[bytes, ...]
    """DER, leaf first; checked again while the session lasts."""


def shown_certificate(sock: ssl.SSLSocket) -> ShownCertificate | None:
    """The certificate of the client at the other end; None if it presented none.

    Raises ValueError for a certificate that OpenSSL accepts but ``cryptography`` cannot read.
    """
    leaf = sock.getpeercert(binary_form=True)
    if leaf is None:
        return None
    return ShownCertificate(identities(leaf), (leaf, *_others(sock, leaf)))


def _others(sock: ssl.SSLSocket, leaf: bytes) -> list[bytes]:
    # Public since Python 3.13; before that, only the private ``_sslobj`` has the method.
    public = getattr(sock, "get_unverified_chain", None)
    if public is not None:
        chain = public()
    else:
        shown = sock._sslobj.get_unverified_chain() or ()  # type: ignore[attr-defined]
        chain = [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in shown]
    return [der for der in chain if der != leaf]
