"""Client CA and CRL: is this client certificate good, and is it good still?

OpenSSL judges a client once, in the handshake.  A session lasts for days; when
the CA file or the CRL changes, or the certificate's time is over, the open
session has to be judged again, from the certificate it came with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from proxy.x509.facts import is_ca

# Leaf, a few intermediates, root; the chain was cut to this by OpenSSL long before.
_DEPTH_LIMIT = 8


@dataclass(frozen=True)
class TrustStore:
    """The CAs whose client certificates we accept, and what they have revoked."""

    authorities: tuple[x509.Certificate, ...]
    revocation_lists: tuple[x509.CertificateRevocationList, ...] = ()

    def without_list(self) -> tuple[x509.Certificate, ...]:
        """The CAs that no revocation list was issued by."""
        return tuple(
            authority
            for authority in self.authorities
            if not any(is_issued_by(crl, authority) for crl in self.revocation_lists)
        )

    def objection(self, chain: Sequence[bytes], now: datetime) -> str | None:
        """Why the certificate ``chain[0]`` (DER; what else the client sent after it) is not good now.

        None when it is.  One of few texts, without names: sessions are counted by
        the reason they ended for.  An expired revocation list still revokes what it
        names; refusing everybody on its account is the TLS context's part.
        """
        if not chain:
            return "no client certificate"
        try:
            certificates = [x509.load_der_x509_certificate(der) for der in chain]
        except ValueError:
            return "client certificate cannot be read"
        current, candidates = certificates[0], (*self.authorities, *certificates[1:])
        whose = "client certificate"
        for _ in range(_DEPTH_LIMIT):
            if now < current.not_valid_before_utc:
                return f"{whose} not yet valid"
            if now >= current.not_valid_after_utc:
                return f"{whose} expired"
            if self._is_revoked(current):
                return f"{whose} revoked"
            if current in self.authorities:
                return None
            issuer = next((other for other in candidates if _is_directly_issued(current, other)), None)
            if issuer is None:
                return "client certificate not trusted"
            current, whose = issuer, "client certificate's CA"
        return "client certificate chain too long"

    def _is_revoked(self, certificate: x509.Certificate) -> bool:
        return any(
            crl.issuer == certificate.issuer
            and crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None
            for crl in self.revocation_lists
        )


def is_issued_by(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    """Whether ``crl`` is named for and signed by ``authority``."""
    key = authority.public_key()
    if crl.issuer != authority.subject or not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return False
    return crl.is_signature_valid(key)


def _is_directly_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate.issuer != issuer.subject or not is_ca(issuer):
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
