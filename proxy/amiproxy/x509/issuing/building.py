"""What the certificates of a CA and those that it issues have in common."""

from datetime import datetime, timedelta

from cryptography import x509

from amiproxy.x509.errors import IssueError
from amiproxy.x509.issuing.keys import PublicKey

# Clients' clocks may be late; a certificate used in the minute in which it was issued must work there.
BACKDATE = timedelta(minutes=5)
CN_LIMIT = 64
# A hundred years: more is a slip, and much more would lead beyond the year 9999, where X.509 ends.
MAX_DAYS = 36_500


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


def days_of(days: int, what: str = "a certificate") -> timedelta:
    """How long ``what`` is valid.  Raises IssueError for fewer than 1 or more than MAX_DAYS days."""
    if not 1 <= days <= MAX_DAYS:
        raise IssueError(f"{what} is valid for 1 to {MAX_DAYS} days, not {days}")
    return timedelta(days=days)
