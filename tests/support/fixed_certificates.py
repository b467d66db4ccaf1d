"""Certificates of the same bytes in every run: keys, times and numbers are fixed, no signature is random."""

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: A time at which they are valid.
NOW = datetime(2030, 1, 1, tzinfo=UTC)
_BEGIN, _END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
_CA_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
_MIDDLE_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
_CLIENT_KEY = ec.derive_private_key(0x5EED, ec.SECP256R1())

_NAMES = x509.SubjectAlternativeName(
    [
        x509.DNSName("Desk.example.org"),
        x509.RFC822Name("desk@Example.org"),
        x509.UniformResourceIdentifier("urn:desk:1"),
        x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "za\u017c\xf3\u0142")])),
        x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x04desk"),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4")),
    ]
)


def _made(
    subject: str,
    issuer: str,
    key: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey,
    signing: ed25519.Ed25519PrivateKey,
    *extensions: x509.ExtensionType,
    ca: bool = False,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(0x5EED)
        .not_valid_before(_BEGIN)
        .not_valid_after(_END)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(signing, None)


AUTHORITY = _made("Clients", "Clients", _CA_KEY.public_key(), _CA_KEY, ca=True)
_USAGE = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
MIDDLE = _made("Middle", "Clients", _MIDDLE_KEY.public_key(), _CA_KEY, _USAGE, ca=True)
#: By AUTHORITY, with every kind of name; and by MIDDLE, with none but its own.
CLIENT = _made(
    "wall",
    "Clients",
    _CLIENT_KEY.public_key(),
    _CA_KEY,
    _NAMES,
    _USAGE,
)
DEEP = _made("deep", "Middle", _CLIENT_KEY.public_key(), _MIDDLE_KEY)


def der(certificate: x509.Certificate) -> bytes:
    """As it is sent."""
    return certificate.public_bytes(Encoding.DER)


#: Replacements of bytes, each of which damages a certificate in another way.
_DAMAGES = {
    "a version that is none": (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x12"),
    # Its extended key usage becomes basic constraints again; a registered number an X.400 address.
    "one extension twice": (b"\x06\x03\x55\x1d\x25", b"\x06\x03\x55\x1d\x13"),
    "a name of no known kind": (b"\x88\x03\x2a\x03\x04", b"\xa3\x03\x2a\x03\x04"),
    "a key of no known kind": (
        b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01",
        b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x7f",
    ),
    "a bit string for a name": (b"\x55\x04\x03\x0c\x04wall", b"\x55\x04\x03\x03\x04\x00all"),
}


def unreadable(certificate: x509.Certificate) -> dict[str, bytes]:
    """The same certificate with each replacement in ``_DAMAGES`` that applies to it; and truncated."""
    raw = der(certificate)
    found = {what: raw.replace(old, new) for what, (old, new) in _DAMAGES.items() if old in raw}
    return {**found, "cut short": raw[:-1]}
