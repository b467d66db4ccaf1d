"""May these CAs and revocation lists judge client certificates?  No clock: ``now`` is an argument."""

from datetime import datetime
from typing import NamedTuple

from cryptography import x509

from amiproxy.x509.errors import PemError
from amiproxy.x509.facts import is_ca
from amiproxy.x509.pem import load_certificates, load_revocation_lists
from amiproxy.x509.snapshot import SourceFile
from amiproxy.x509.validating.findings import (
    Finding,
    PairRules,
    error_of,
    finding_of,
    has_error,
    judge_directories,
    warning_of,
)
from amiproxy.x509.validating.trust import TrustStore, is_issued_by


class TrustVerdict(NamedTuple):
    """The result of ``judge_trust``; ``trust`` is None if and only if a finding is an error."""

    trust: TrustStore | None
    findings: tuple[Finding, ...]


def judge_trust(
    authorities: SourceFile, revocations: SourceFile | None, now: datetime, rules: PairRules
) -> TrustVerdict:
    """Check the CA file for client certificates and its revocation lists; ``now`` is an aware time."""
    findings: list[Finding] = judge_directories(
        (authorities,) if revocations is None else (authorities, revocations)
    )
    for source in (authorities, revocations):
        if source is not None and source.mode & 0o002:
            text = f"mode {source.mode:04o} lets any user change which CAs are trusted"
            findings.append(error_of("trust-writable", source, text, "chmod o-w it"))
    try:
        certificates = load_certificates(authorities.data, str(authorities.path))
        lists = (
            load_revocation_lists(revocations.data, str(revocations.path)) if revocations is not None else []
        )
    except PemError as error:
        return TrustVerdict(None, (*findings, finding_of(error)))
    for certificate in certificates:
        findings += _judge_authority(authorities, certificate, now)
    trust = TrustStore(tuple(dict.fromkeys(certificates)), tuple(lists))
    if revocations is not None:
        findings += _judge_lists(revocations, trust, now, rules)
    return TrustVerdict(None if has_error(findings) else trust, tuple(findings))


def _judge_authority(source: SourceFile, certificate: x509.Certificate, now: datetime) -> list[Finding]:
    name = certificate.subject.rfc4514_string()
    findings = []
    if not is_ca(certificate):
        text = f"{name} is not a CA certificate, so it cannot have issued client certificates"
        findings.append(error_of("trust-not-ca", source, text, "put the issuing CA's certificate there"))
    if certificate.not_valid_after_utc <= now:
        text = f"CA {name} expired on {certificate.not_valid_after_utc:%Y-%m-%d}: its clients are refused"
        findings.append(warning_of("trust-expired", source, text, "add the CA's new certificate"))
    return findings


def _judge_lists(source: SourceFile, trust: TrustStore, now: datetime, rules: PairRules) -> list[Finding]:
    findings = []
    for crl in trust.revocation_lists:
        name = crl.issuer.rfc4514_string()
        if not any(is_issued_by(crl, authority) for authority in trust.authorities):
            text = f"the revocation list of {name} is not signed by any CA in client_ca"
            findings.append(
                error_of(
                    "crl-foreign", source, text, "get the list of the CA that issues client certificates"
                )
            )
        if crl.next_update_utc is not None and crl.next_update_utc <= now:
            text = f"a new revocation list of {name} was due on {crl.next_update_utc:%Y-%m-%d %H:%M} UTC"
            if rules.expired_crl == "refuse":
                text += ": its clients are refused"
            findings.append(warning_of("crl-expired", source, text, "fetch the current list"))
    for authority in trust.without_list() if rules.expired_crl == "refuse" else ():
        text = f"no revocation list of {authority.subject.rfc4514_string()}: its clients are refused"
        findings.append(warning_of("crl-missing", source, text, "append that CA's list to the file"))
    return findings
