"""Client CA and CRL: is this client certificate valid, and is it still valid later?

OpenSSL checks a client once, in the handshake.  A session lasts for days; when the
CA file or the CRL changes, or the certificate expires, the open session has to be
checked again, with the certificate that it presented.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from amiproxy.x509.ending import Ending
from amiproxy.x509.errors import UNREADABLE
from amiproxy.x509.facts import is_ca, spki_sha256
from amiproxy.x509.pem import parse_fully

# Leaf, a few intermediates, root; OpenSSL has already limited the chain to this.
_DEPTH_LIMIT = 8


@dataclass(frozen=True)
class TrustStore:
    """The CAs whose client certificates are accepted, and their revocation lists."""

    authorities: tuple[x509.Certificate, ...]
    revocation_lists: tuple[x509.CertificateRevocationList, ...] = ()

    def without_list(self) -> tuple[x509.Certificate, ...]:
        """The CAs without a revocation list."""
        return tuple(
            authority
            for authority in self.authorities
            if not any(is_issued_by(crl, authority) for crl in self.revocation_lists)
        )

    def endings(self) -> tuple[Ending, ...]:
        """When each CA and its revocation list expire.

        Of several certificates or lists of one CA (the same name and key), the last to expire counts.
        """
        same: dict[tuple[x509.Name, str], list[x509.Certificate]] = {}
        for authority in self.authorities:
            same.setdefault((authority.subject, spki_sha256(authority)), []).append(authority)
        endings = []
        for (subject, _), renewed in same.items():
            name, last = subject.rfc4514_string(), max(renewed, key=lambda one: one.not_valid_after_utc)
            endings.append(Ending("client-ca", name, last.not_valid_after_utc, last.not_valid_before_utc))
            lists = [
                (crl.next_update_utc, crl.last_update_utc)
                for crl in self.revocation_lists
                if crl.next_update_utc is not None and is_issued_by(crl, last)
            ]
            if lists:
                endings.append(Ending("revocation-list", name, *max(lists)))
        return tuple(endings)

    def objection(self, chain: Sequence[bytes], now: datetime) -> str | None:
        """Why the client certificate ``chain[0]`` is not valid at ``now``; None if it is.

        ``chain``: DER, the client's certificate and whatever the client sent after it.  The
        result is one of a few texts, without names: sessions are counted by the reason
        for their end.  An expired revocation list still revokes the certificates on it;
        refusing all clients because of it is up to the TLS context.
        """
        if not chain:
            return "no client certificate"
        leaf = _read(chain[0])
        if leaf is None:
            return "client certificate cannot be read"
        found = self._objection_to(leaf, now, "client certificate")
        if found is not None or leaf in self.authorities:
            return found
        # The certificates after it have not been checked; one that cannot be read cannot be an issuer.
        others = [certificate for certificate in map(_read, chain[1:]) if certificate is not None]
        return self._objection_to_issuers([leaf, *others], now)

    def _objection_to_issuers(self, chain: Sequence[x509.Certificate], now: datetime) -> str | None:
        """None if one path from ``chain[0]`` to an authority is valid; otherwise the objection.

        There may be several paths: a renewed CA has the name and the key of its old certificate, which may
        still be in the file.
        """
        candidates = dict.fromkeys((*self.authorities, *chain[1:]))
        level, objections = [chain[0]], []
        for _ in range(_DEPTH_LIMIT):
            issuers = [other for other in candidates if any(_is_directly_issued(one, other) for one in level)]
            level = []
            for issuer in issuers:
                # Check each issuer only once: the result does not depend on the path to it.
                del candidates[issuer]
                objection = self._objection_to(issuer, now, "client certificate's CA")
                if objection is not None:
                    objections.append(objection)
                elif issuer in self.authorities:
                    return None
                else:
                    level.append(issuer)
            if not level:
                return next(iter(objections), "client certificate not trusted")
        return "client certificate chain too long"

    def _objection_to(self, certificate: x509.Certificate, now: datetime, whose: str) -> str | None:
        if now < certificate.not_valid_before_utc:
            return f"{whose} not yet valid"
        if now >= certificate.not_valid_after_utc:
            return f"{whose} expired"
        return f"{whose} revoked" if self._is_revoked(certificate) else None

    def _is_revoked(self, certificate: x509.Certificate) -> bool:
        return any(
            crl.issuer == certificate.issuer
            and crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None
            for crl in self.revocation_lists
        )


def _read(der: bytes) -> x509.Certificate | None:
    """The certificate; None if any part of it that is used here cannot be read."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        parse_fully(certificate)
    except UNREADABLE:
        return None
    return certificate


def is_issued_by(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    """Whether ``crl`` names ``authority`` as its issuer and is signed by it."""
    key = authority.public_key()
    if crl.issuer != authority.subject or not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return False
    return crl.is_signature_valid(key)


def _is_directly_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate.issuer != issuer.subject or not is_ca(issuer):
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *UNREADABLE):
        return False
    return True
