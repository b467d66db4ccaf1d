"""The revocation list of a private CA: which of its certificates are no longer valid.

The list itself is the record: revoking adds to the existing list.  It has to be
renewed before it expires, because listeners refuse every client of a CA whose list
is out of date.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from amiproxy.x509.errors import UNREADABLE, IssueError
from amiproxy.x509.files import CERTIFICATE_MODE, write_atomically
from amiproxy.x509.issuing.authority import CaFiles, load_ca
from amiproxy.x509.issuing.building import days_of
from amiproxy.x509.pem import load_certificates, load_revocation_lists
from amiproxy.x509.snapshot import read_file
from amiproxy.x509.validating.trust import is_issued_by

CRL_DAYS = 90
_BACKDATE = timedelta(minutes=5)


def revoke(
    ca: CaFiles,
    certificates: Sequence[Path],
    crl: Path,
    days: int = CRL_DAYS,
    *,
    now: datetime | None = None,
) -> int:
    """Add ``certificates`` to the list in ``crl`` and renew its dates; without certificates, only renew them.

    Returns the number of certificates on the list.  If the file does not exist, a new list is created.
    ``now``, an aware time, replaces the clock.  Raises IssueError, or FileError for a file that cannot be
    read.
    """
    validity = days_of(days, "a revocation list")
    authority, key = load_ca(ca)
    moment = now or datetime.now(UTC)
    entries = {entry.serial_number: entry for entry in _entries(crl, authority)}
    for path in certificates:
        certificate = load_certificates(read_file(path).data, str(path))[0]
        try:
            certificate.verify_directly_issued_by(authority)
        except (InvalidSignature, *UNREADABLE) as error:
            raise IssueError(
                f"{path} was not issued by the CA in {ca.certificate}; nothing was revoked"
            ) from error
        entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
        entries.setdefault(certificate.serial_number, entry.revocation_date(moment).build())
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(moment - _BACKDATE)
        .next_update(moment + validity)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        # RFC 5280 section 5.2.3 requires a monotonic number: the time is one, without a stored counter.
        .add_extension(x509.CRLNumber(int(moment.timestamp())), critical=False)
    )
    for entry_made in entries.values():
        builder = builder.add_revoked_certificate(entry_made)
    data = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    write_atomically(crl, data, CERTIFICATE_MODE)
    return len(entries)


def _entries(crl: Path, authority: x509.Certificate) -> list[x509.RevokedCertificate]:
    if not crl.exists():
        return []
    (old, *more) = load_revocation_lists(read_file(crl).data, str(crl))
    if more or not is_issued_by(old, authority):
        raise IssueError(f"{crl} does not contain the list of this CA alone; name another file")
    return list(old)
