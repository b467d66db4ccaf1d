"""What the certificates of a CA and those that it issues have in common."""

from datetime import datetime, timedelta

from cryptography import x509

from amiproxy.x509.errors import IssueError
from amiproxy.x509.issuing.keys import PublicKey

# Clients' clocks may be late; a certificate used in the minute in which it was issued must work there.
BACKDATE = timedelta(minutes=5)
CN_LIMIT = 64


def builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    """A certificate with a new serial number, to which extensions are added; the caller signs it.

    ``start`` and ``end`` are aware times.
    """
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def key_usage(*, certificates: bool) -> x509.KeyUsage:
    """The key usage of a CA (``certificates``), or of a server or client."""
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def days_of(days: int) -> timedelta:
    """How long a certificate of this many days is valid.  Raises IssueError for fewer than 1."""
    if days < 1:
        raise IssueError(f"a certificate is valid for at least 1 day, not {days}")
    return timedelta(days=days)
