"""A private CA: made and loaded.  Its directory contains ``ca.crt`` and ``ca.key``."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from amiproxy.x509.errors import UNREADABLE, IssueError
from amiproxy.x509.files import CERTIFICATE_MODE, KEY_MODE, make_private_directory, write_atomically
from amiproxy.x509.issuing.building import BACKDATE, CN_LIMIT, builder, days_of, key_usage
from amiproxy.x509.issuing.keys import KeyKind, PrivateKey, new_key
from amiproxy.x509.pem import parse_fully, pem_of_key

CA_DAYS = 3650


@dataclass(frozen=True)
class CaFiles:
    """The files of a private CA."""

    certificate: Path
    key: Path

    @classmethod
    def within(cls, directory: Path) -> "CaFiles":
        """The files of the CA that ``create_ca`` has created in ``directory``."""
        return cls(directory / "ca.crt", directory / "ca.key")


def create_ca(
    directory: Path,
    name: str = "ami-proxy private CA",
    days: int = CA_DAYS,
    *,
    key_kind: KeyKind = "ecdsa",
    now: datetime | None = None,
) -> CaFiles:
    """Create a CA in ``directory`` (created with mode 0700); an existing CA is never replaced.

    ``now``, an aware time, replaces the clock.  Raises IssueError.
    """
    if not 1 <= len(name) <= CN_LIMIT:
        raise IssueError(f"a CA's name has 1 to {CN_LIMIT} characters, not {len(name)}")
    validity = days_of(days)
    make_private_directory(directory)
    files = CaFiles.within(directory)
    for path in (files.certificate, files.key):
        if path.exists():
            raise IssueError(
                f"{path} exists: a new CA would make every certificate of the old one worthless; "
                "choose another directory"
            )
    key = new_key(key_kind)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = (now or datetime.now(UTC)) - BACKDATE
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        builder(subject, subject, key.public_key(), start, start + BACKDATE + validity)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    write_atomically(files.key, pem_of_key(key), KEY_MODE)
    write_atomically(files.certificate, certificate.public_bytes(Encoding.PEM), CERTIFICATE_MODE)
    return files


def load_ca(ca: CaFiles) -> tuple[x509.Certificate, PrivateKey]:
    """The CA's certificate and key.  Raises IssueError if they are not those of a CA, or do not match."""
    certificate = load_certificate(ca.certificate)
    try:
        key = load_pem_private_key(ca.key.read_bytes(), None)
    except OSError as error:
        raise IssueError(f"cannot read {ca.key}: {error.strerror}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise IssueError(f"{ca.key} does not contain an unencrypted private key in PEM form") from error
    if not isinstance(key, PrivateKey):
        raise IssueError(f"{ca.key} is neither an RSA nor an ECDSA key")
    if key.public_key() != certificate.public_key():
        raise IssueError(f"{ca.key} does not belong to {ca.certificate}")
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        constraints = x509.BasicConstraints(ca=False, path_length=None)
    if not constraints.ca:
        raise IssueError(f"{ca.certificate} is not a CA certificate")
    return certificate, key


def load_certificate(path: Path) -> x509.Certificate:
    """The certificate in a PEM file.  Raises IssueError."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        parse_fully(certificate)
    except OSError as error:
        raise IssueError(f"cannot read {path}: {error.strerror}") from error
    except UNREADABLE as error:
        raise IssueError(f"{path} does not contain a certificate in PEM form that can be read") from error
    return certificate
