"""A chain of certificates: its order, its signatures, its times.  No clock: ``now`` is an argument."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import AuthorityInformationAccessOID

from amiproxy.x509.errors import UNREADABLE
from amiproxy.x509.expiry import describe_time_left
from amiproxy.x509.facts import is_ca, signature_hash_of
from amiproxy.x509.snapshot import SourceFile
from amiproxy.x509.validating.findings import Finding, error_of, warning_of

# A CA's clock may be this far ahead of ours.
_SKEW = timedelta(minutes=5)
_BAD_HASHES = ("md5", "sha1")


def path_from(leaf: x509.Certificate, certificates: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """The leaf, its issuer, the issuer's issuer and so on, as far as the file contains them."""
    path = [leaf]
    while path[-1].issuer != path[-1].subject:
        issuer = next(
            (one for one in certificates if one.subject == path[-1].issuer and one not in path), None
        )
        if issuer is None:
            break
        path.append(issuer)
    return path


def judge_order(
    chain: SourceFile, certificates: Sequence[x509.Certificate], path: Sequence[x509.Certificate]
) -> list[Finding]:
    """Findings about certificates of the file that are out of order, or not in the leaf's ``path``."""
    if list(certificates) == list(path):
        return []
    if set(certificates) == set(path):
        text, remedy = "certificates are not in order; they are served leaf first", "write the leaf first"
        return [warning_of("chain-order", chain, text, remedy)]
    extra = [one.subject.rfc4514_string() for one in certificates if one not in path]
    text = f"contains certificates outside the leaf's chain, which are not served: {'; '.join(extra)}"
    return [warning_of("chain-extra", chain, text, "remove them, or add the intermediate that links them")]


def judge_path(chain: SourceFile, path: Sequence[x509.Certificate]) -> list[Finding]:
    """Findings about the signatures of the path, and about a path that is too short."""
    findings = []
    for certificate, issuer in pairwise(path):
        subject, by = certificate.subject.rfc4514_string(), issuer.subject.rfc4514_string()
        try:
            certificate.verify_directly_issued_by(issuer)
        except (InvalidSignature, *UNREADABLE):
            text = f"{subject} is not signed by {by}, though it names it as issuer"
            findings.append(
                error_of("chain-broken", chain, text, "get the intermediate of the matching generation")
            )
        if not is_ca(issuer):
            text = f"{by} signs {subject} but is not a CA certificate"
            findings.append(error_of("chain-not-ca", chain, text, "get the correct intermediate"))
    for certificate in path:
        name = signature_hash_of(certificate)
        # A root is trusted for itself, not for its signature.
        if name in _BAD_HASHES and certificate.issuer != certificate.subject:
            text = (
                f"{certificate.subject.rfc4514_string()} is signed with {name.upper()}, which clients refuse"
            )
            findings.append(error_of("weak-signature", chain, text, "get a certificate signed with SHA-256"))
    if len(path) == 1 and _names_issuer_url(path[0]):
        text = f"the intermediate {path[0].issuer.rfc4514_string()} is missing; many clients will not connect"
        findings.append(warning_of("chain-short", chain, text, "use the full chain (certbot: fullchain.pem)"))
    return findings


def judge_times(
    chain: SourceFile, path: Sequence[x509.Certificate], now: datetime, *, allow_expired: bool
) -> list[Finding]:
    """Findings about certificates that have expired or are not yet valid at ``now``, an aware time.

    They are errors, or warnings with ``allow_expired``.
    """
    findings = []
    level: Literal["error", "warning"] = "warning" if allow_expired else "error"
    for certificate in path:
        name = certificate.subject.rfc4514_string() or "the certificate"
        start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if end <= now:
            text = f"{name} expired on {end:%Y-%m-%d %H:%M} UTC ({describe_time_left(end, now)})"
            findings.append(
                Finding(level, "expired", str(chain.path), text, "renew it (allow_expired serves it anyway)")
            )
        elif start > now + _SKEW:
            text = f"{name} is valid only from {start:%Y-%m-%d %H:%M} UTC"
            remedy = "check this machine's clock, or wait (allow_expired serves it anyway)"
            findings.append(Finding(level, "not-yet-valid", str(chain.path), text, remedy))
    return findings


def _names_issuer_url(certificate: x509.Certificate) -> bool:
    """Whether it has a URL of its issuer: certificates of public CAs do, those of private roots do not."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return False
    return any(item.access_method == AuthorityInformationAccessOID.CA_ISSUERS for item in access)
