"""Properties of a certificate, for operators and log lines."""

import base64
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from amiproxy.x509.names import names_of

_USAGES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "server",
    ExtendedKeyUsageOID.CLIENT_AUTH: "client",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "any",
}
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


@dataclass(frozen=True)
class Facts:
    """One certificate as text and times; nothing in it is secret."""

    subject: str
    issuer: str
    serial: str
    """Hexadecimal, as ``openssl x509 -serial`` prints it."""
    names: tuple[str, ...]
    """``dns:…``, ``ip:…``, ``uri:…``, ``email:…``."""
    not_before: datetime
    not_after: datetime
    sha256: str
    """Fingerprint of the certificate, hexadecimal, lower case."""
    spki_sha256: str
    """Pin of the public key, base64, as in RFC 7469 section 2.4."""
    key: str
    """``ECDSA P-256``, ``RSA 3072``."""
    signature_hash: str
    """As ``signature_hash_of`` returns it: ``sha256``."""
    usages: tuple[str, ...]
    """``server``, ``client``, ``any``, or dotted numbers; empty: not restricted."""
    is_ca: bool

    def __str__(self) -> str:
        names = ",".join(self.names) or "no names"
        return (
            f"{self.subject or '(no subject)'} [{names}] serial {self.serial} sha256 {self.sha256} "
            f"valid {self.not_before:%Y-%m-%dT%H:%MZ} to {self.not_after:%Y-%m-%dT%H:%MZ}"
        )


def facts_of(certificate: x509.Certificate) -> Facts:
    """The properties of ``certificate``.  Its times are aware, in UTC."""
    return Facts(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial=f"{certificate.serial_number:02X}",
        names=names_of(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        spki_sha256=spki_sha256(certificate),
        key=_describe_key(certificate),
        signature_hash=signature_hash_of(certificate),
        usages=_usages(certificate),
        is_ca=is_ca(certificate),
    )


def spki_sha256(certificate: x509.Certificate) -> str:
    """The pin of the certificate's public key: base64 of SHA-256 over SubjectPublicKeyInfo."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return base64.b64encode(digest.finalize()).decode("ascii")


def signature_hash_of(certificate: x509.Certificate) -> str:
    """``sha256``; empty if the signature has no separate hash (Ed25519).

    For a signature algorithm that is not known, a phrase with its number.
    """
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return f"unknown ({certificate.signature_algorithm_oid.dotted_string})"
    return algorithm.name if algorithm else ""


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether the basic constraints mark it as a CA certificate."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _usages(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(_USAGES.get(oid, oid.dotted_string) for oid in usage)


def _describe_key(certificate: x509.Certificate) -> str:
    match certificate.public_key():
        case rsa.RSAPublicKey() as key:
            return f"RSA {key.key_size}"
        case ec.EllipticCurvePublicKey() as key:
            return f"ECDSA {_CURVES.get(key.curve.name, key.curve.name)}"
        case ed25519.Ed25519PublicKey():
            return "Ed25519"
        case ed448.Ed448PublicKey():
            return "Ed448"
        case key:
            return type(key).__name__
