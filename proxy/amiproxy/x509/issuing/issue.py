"""Issue, renew and request certificates for servers and clients.

Enough for a site without a CA of its own, the demo and the tests.  A key never leaves the directory in which
it was created.  Issued pairs are ``NAME.crt`` and ``NAME.key``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from amiproxy.x509.errors import UNREADABLE, IssueError
from amiproxy.x509.files import CERTIFICATE_MODE, KEY_MODE, write_atomically
from amiproxy.x509.issuing.authority import CaFiles, load_ca, load_certificate
from amiproxy.x509.issuing.building import BACKDATE, CN_LIMIT, builder, days_of, key_usage
from amiproxy.x509.issuing.keys import KeyKind, PrivateKey, PublicKey, new_key
from amiproxy.x509.names import parse_name
from amiproxy.x509.pem import load_key, parse_fully, pem_of_key
from amiproxy.x509.snapshot import read_file

#: What a certificate is for; a peer is a server that is also a client of servers like it.
Kind = Literal["server", "client", "peer"]

# The maximum of public CAs before they moved to 90 days; longer would only delay the trouble of a forgotten
# renewal.
LEAF_DAYS = 397
_USAGE: Final[dict[Kind, list[x509.ObjectIdentifier]]] = {
    "server": [ExtendedKeyUsageOID.SERVER_AUTH],
    "client": [ExtendedKeyUsageOID.CLIENT_AUTH],
    "peer": [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH],
}


@dataclass(frozen=True)
class KeyPairFiles:
    """The files of an issued certificate, with its chain if it has one, and of its private key."""

    chain: Path
    key: Path


@dataclass(frozen=True)
class RequestFiles:
    """The files of a certificate signing request and of its private key."""

    request: Path
    key: Path


def issue(
    ca: CaFiles,
    names: Sequence[str],
    directory: Path,
    kind: Kind = "server",
    days: int = LEAF_DAYS,
    *,
    key_kind: KeyKind = "ecdsa",
    file_name: str | None = None,
    common_name: str | None = None,
    replace: bool = False,
    now: datetime | None = None,
) -> KeyPairFiles:
    """Create a key and a certificate for ``names`` (in the forms of ``parse_name``).

    Files are named after the first name, or ``file_name``; existing ones are only replaced with ``replace``.
    A certificate never outlives its CA: it expires with the CA at the latest.  ``now``, an aware time,
    replaces the clock.  Raises IssueError, and BadName for a name that cannot be parsed.
    """
    files = _pair_files(directory, file_name or _file_name(names), replace=replace)
    key = new_key(key_kind)
    chain = _sign(
        ca,
        key.public_key(),
        _subject(names, common_name),
        [parse_name(name) for name in names],
        kind,
        days,
        now or datetime.now(UTC),
    )
    _write_pair(files, chain, key)
    return files


def certify(
    ca: CaFiles, names: Sequence[str], key: Path, days: int = LEAF_DAYS, *, now: datetime | None = None
) -> bytes:
    """A server's certificate in PEM form, for an existing private key in the file ``key``.

    ``names`` are in the forms of ``parse_name``; ``now``, an aware time, replaces the clock.  Raises
    X509Error.
    """
    source = read_file(key)
    public = load_key(source.data, str(key)).public_key()
    if not isinstance(public, PublicKey):
        raise IssueError(f"{key} is neither an RSA nor an ECDSA key")
    parsed = [parse_name(name) for name in names]
    return _sign(ca, public, _subject(names, None), parsed, "server", days, now or datetime.now(UTC))


def renew(
    ca: CaFiles, files: KeyPairFiles, days: int = LEAF_DAYS, *, now: datetime | None = None
) -> KeyPairFiles:
    """Replace a pair with a new key and certificate with the same names, subject, use and kind of key.

    The files keep their owner, group and mode.  ``now``, an aware time, replaces the clock.  Raises
    IssueError.
    """
    old = load_certificate(files.chain)
    try:
        names = list(old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound as error:
        raise IssueError(
            f"{files.chain} has no subject alternative name to renew; issue a new certificate"
        ) from error
    if old.issuer != (issuer := load_certificate(ca.certificate)).subject:
        raise IssueError(
            f"{files.chain} was issued by {old.issuer.rfc4514_string()}, "
            f"not by {issuer.subject.rfc4514_string()} in {ca.certificate}"
        )
    key_kind: KeyKind = "rsa" if isinstance(old.public_key(), rsa.RSAPublicKey) else "ecdsa"
    key = new_key(key_kind)
    chain = _sign(ca, key.public_key(), old.subject, names, _kind_of(old), days, now or datetime.now(UTC))
    _write_pair(files, chain, key)
    return files


def request(
    names: Sequence[str],
    directory: Path,
    *,
    key_kind: KeyKind = "ecdsa",
    file_name: str | None = None,
    common_name: str | None = None,
    replace: bool = False,
) -> RequestFiles:
    """Create a key and a certificate signing request (``NAME.csr``) for another CA.

    Files are named as by ``issue``.  Raises IssueError, and BadName for a name that cannot be parsed.
    """
    stem = file_name or _file_name(names)
    pair = _pair_files(directory, stem, replace=replace)
    files = RequestFiles(directory / f"{stem}.csr", pair.key)
    key = new_key(key_kind)
    alternative = x509.SubjectAlternativeName([parse_name(name) for name in names])
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(_subject(names, common_name))
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    write_atomically(files.key, pem_of_key(key), KEY_MODE)
    write_atomically(files.request, csr.public_bytes(Encoding.PEM), CERTIFICATE_MODE)
    return files


def sign_request(
    ca: CaFiles,
    csr: Path,
    chain: Path,
    kind: Kind = "server",
    days: int = LEAF_DAYS,
    *,
    now: datetime | None = None,
) -> Path:
    """Sign a request: names and key are those of the request, use and validity ours.  Raises IssueError.

    ``csr`` is the PEM file of the request, and the certificate is written to ``chain``, which is returned.
    ``now``, an aware time, replaces the clock.
    """
    try:
        asked = x509.load_pem_x509_csr(csr.read_bytes())
        parse_fully(asked)
    except OSError as error:
        raise IssueError(f"cannot read {csr}: {error.strerror}") from error
    except UNREADABLE as error:
        raise IssueError(f"{csr} does not contain a certificate signing request that can be read") from error
    key = asked.public_key()
    if not asked.is_signature_valid or not isinstance(key, PublicKey):
        raise IssueError(f"{csr}: the request is not signed by its own RSA or ECDSA key")
    try:
        names = list(asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound as error:
        raise IssueError(f"{csr} has no subject alternative name; clients would refuse it") from error
    data = _sign(ca, key, asked.subject, names, kind, days, now or datetime.now(UTC))
    write_atomically(chain, data, CERTIFICATE_MODE)
    return chain


def _sign(
    ca: CaFiles,
    key: PublicKey,
    subject: x509.Name,
    names: Sequence[x509.GeneralName],
    kind: Kind,
    days: int,
    now: datetime,
) -> bytes:
    issuer, issuer_key = load_ca(ca)
    if issuer.not_valid_after_utc <= now:
        raise IssueError(f"{ca.certificate} expired on {issuer.not_valid_after_utc:%Y-%m-%d}; make a new CA")
    end = min(now + days_of(days), issuer.not_valid_after_utc)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    certificate = (
        builder(subject, issuer.subject, key, now - BACKDATE, end)
        # RFC 5280 section 4.2.1.6: critical if the subject is empty.
        .add_extension(x509.SubjectAlternativeName(names), critical=not list(subject))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_USAGE[kind]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(authority, critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM)


def _kind_of(certificate: x509.Certificate) -> Kind:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return "server"
    if ExtendedKeyUsageOID.CLIENT_AUTH not in usage:
        return "server"
    return "peer" if ExtendedKeyUsageOID.SERVER_AUTH in usage else "client"


def _subject(names: Sequence[str], common_name: str | None) -> x509.Name:
    if not names:
        raise IssueError("a certificate needs at least one name")
    text = common_name or parse_name(names[0]).value
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, str(text))] if len(str(text)) <= CN_LIMIT else []
    return x509.Name(attributes)


def _file_name(names: Sequence[str]) -> str:
    if not names:
        raise IssueError("a certificate needs at least one name")
    return (
        re.sub(r"[^A-Za-z0-9._-]+", "_", str(parse_name(names[0]).value)).replace("*", "_").strip("._") or "x"
    )


def _pair_files(directory: Path, stem: str, *, replace: bool) -> KeyPairFiles:
    if stem != Path(stem).name or stem in {"ca", ".", ".."}:
        raise IssueError(f"{stem!r} cannot name the files of a certificate")
    files = KeyPairFiles(directory / f"{stem}.crt", directory / f"{stem}.key")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise IssueError(f"cannot create {directory}: {error.strerror}") from error
    if not replace:
        for path in (files.chain, files.key):
            if path.exists():
                raise IssueError(f"{path} exists; renew it, or allow it to be replaced")
    return files


def _write_pair(files: KeyPairFiles, chain: bytes, key: PrivateKey) -> None:
    # Key first: a reader that sees the new certificate then finds the matching key.
    write_atomically(files.key, pem_of_key(key), KEY_MODE)
    write_atomically(files.chain, chain, CERTIFICATE_MODE)
