"""Certificates with anything wrong in them, for tests of the code that must notice.

Correct ones come from ``amiproxy.x509.issuing.issue``, which would refuse to make these.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from amiproxy.config import Address, Certificate, ListenerSettings

DAY = timedelta(days=1)


def pair_of(chain: Path, key: Path, names: tuple[str, ...] = ()) -> Certificate:
    """``certificates[]`` of a listener."""
    return Certificate(chain=chain, key=key, names=names)


def listener_of(
    certificates: tuple[Certificate, ...],
    client_auth: Literal["none", "optional", "required"] = "none",
    client_ca: Path | None = None,
    client_crl: Path | None = None,
) -> ListenerSettings:
    """``listeners[]`` as far as it concerns certificates."""
    return ListenerSettings(
        address=Address(),
        certificates=certificates,
        client_auth=client_auth,
        client_ca=client_ca,
        client_crl=client_crl,
    )


class Forged(NamedTuple):
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def forge(
    subject: str = "pbx.example",
    *,
    issuer: Forged | None = None,
    names: Sequence[x509.GeneralName] = (x509.DNSName("pbx.example"),),
    usage: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.SERVER_AUTH,
    ca: bool = False,
    key: Any = None,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    signing_key: Any = None,
    ca_issuers_url: str | None = None,
    extensions: Sequence[x509.ExtensionType] = (),
) -> Forged:
    """A certificate as described; self-signed without ``issuer``.

    ``signing_key`` signs in the issuer's place, so that the signature is not the issuer's.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = _name(subject)
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before or now - DAY)
        .not_valid_after(not_after or now + 90 * DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names and not ca:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
    if usage and not ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if ca_issuers_url:
        access = x509.AccessDescription(
            x509.AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(ca_issuers_url)
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    signer = signing_key or (issuer.key if issuer else key)
    algorithm = hashes.SHA256() if hasattr(signer, "curve") or hasattr(signer, "key_size") else None
    return Forged(builder.sign(signer, algorithm), key)


def forge_crl(
    issuer: Forged,
    revoked: Sequence[Forged] = (),
    *,
    next_update: datetime | None = None,
    signing_key: Any = None,
) -> bytes:
    """A PEM revocation list of ``issuer``."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now - 30 * DAY)
        .next_update(next_update or now + 30 * DAY)
    )
    for item in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(item.certificate.serial_number)
            .revocation_date(now - DAY)
            .build()
        )
    return builder.sign(signing_key or issuer.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def install(directory: Path, chain: bytes, key: bytes, name: str = "server") -> tuple[Path, Path]:
    """Write both files, the key with mode 0600; their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = directory / f"{name}.crt", directory / f"{name}.key"
    paths[0].write_bytes(chain)
    paths[1].touch(mode=0o600)
    paths[1].chmod(0o600)
    paths[1].write_bytes(key)
    return paths


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])
