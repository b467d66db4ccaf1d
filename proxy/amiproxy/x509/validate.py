"""May these files be served?  Every finding names its file and a remedy.

Files with an error are not used; files with warnings are used, and the warnings are
logged.  Nothing here uses a TLS context or a clock: ``now`` is an argument.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID

from amiproxy.permissions import loose_secret
from amiproxy.x509.ending import Ending
from amiproxy.x509.errors import BadName, FileError, PemError
from amiproxy.x509.expiry import describe_time_left
from amiproxy.x509.facts import Facts, facts_of, is_ca
from amiproxy.x509.names import format_name, lost_names, parse_name
from amiproxy.x509.pem import load_certificates, load_key, load_revocation_lists, pem_of, pem_of_key
from amiproxy.x509.snapshot import SourceFile
from amiproxy.x509.trust import TrustStore, is_issued_by

Algorithm = Literal["rsa", "ecdsa", "eddsa"]

# A CA's clock may be this far ahead of ours.
_SKEW = timedelta(minutes=5)
_RSA_MINIMUM = 2048
_GOOD_CURVES = ("secp256r1", "secp384r1")
_BAD_HASHES = ("md5", "sha1")


class Finding(NamedTuple):
    """One finding; its text can be understood without context."""

    level: Literal["error", "warning"]
    code: str
    """Stable, for tests and for filtering logs: ``key-mismatch``."""
    file: str
    text: str
    remedy: str
    transient: bool = False
    """A writer may still be at work: check again before reporting it."""

    def __str__(self) -> str:
        return f"{self.file}: {self.text}; {self.remedy}"


@dataclass(frozen=True)
class Rules:
    """The operator's settings for validation."""

    allow_expired: bool = False
    lost_names: Literal["warn", "refuse"] = "warn"
    """What to do with a new certificate that no longer covers a name which the old one covered."""
    names: tuple[str, ...] = ()
    """Names that the certificate must cover, or it is refused."""
    expired_crl: Literal["refuse", "accept"] = "refuse"
    """When a revocation list is out of date: refuse every client of its CA, or keep using the list."""


@dataclass(frozen=True)
class ServerPair:
    """A chain and key that may be served: PEM bytes in the correct order, and their properties."""

    chain: bytes
    leaf: bytes
    """The server's certificate in DER, as a client sees it."""
    key: bytes = field(repr=False)
    algorithm: Algorithm
    facts: Facts
    ending: Ending
    """When the first certificate of the chain expires: from then on clients refuse the whole chain."""


class PairVerdict(NamedTuple):
    """The result of ``judge_pair``; ``pair`` is None if and only if a finding is an error."""

    pair: ServerPair | None
    findings: tuple[Finding, ...]


class TrustVerdict(NamedTuple):
    """The result of ``judge_trust``; ``trust`` is None if and only if a finding is an error."""

    trust: TrustStore | None
    findings: tuple[Finding, ...]


def has_error(findings: Iterable[Finding]) -> bool:
    """Whether any finding is an error, so that the files must not be used."""
    return any(finding.level == "error" for finding in findings)


def errors_of(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that are errors."""
    return [finding for finding in findings if finding.level == "error"]


def judge_pair(
    chain: SourceFile, key: SourceFile, now: datetime, rules: Rules, *, previous: Facts | None = None
) -> PairVerdict:
    """Check a server's certificate chain and private key; ``previous`` is the certificate served so far."""
    findings = [*_judge_key_mode(key), *_judge_directories((chain, key))]
    if chain.mode & 0o022:
        findings.append(
            _warning("chain-writable", chain, f"mode {chain.mode:04o} lets others change it", "chmod go-w it")
        )
    try:
        certificates = load_certificates(chain.data, str(chain.path))
        private = load_key(key.data, str(key.path))
    except PemError as error:
        return PairVerdict(None, (*findings, finding_of(error)))
    public = private.public_key()
    leaf = next((one for one in certificates if one.public_key() == public), None)
    if leaf is None:
        subject = certificates[0].subject.rfc4514_string() or "(no subject)"
        findings.append(
            _error(
                "key-mismatch",
                key,
                f"the key does not belong to certificate {subject} in {chain.path}",
                "install the key of that certificate, or request a certificate for this key",
                transient=True,
            )
        )
        return PairVerdict(None, tuple(findings))
    path = _path_from(leaf, certificates)
    facts = facts_of(leaf)
    findings += _judge_order(chain, certificates, path)
    findings += _judge_path(chain, path)
    findings += _judge_times(chain, path, now, allow_expired=rules.allow_expired)
    findings += _judge_leaf(chain, facts)
    findings += _judge_names(chain, facts, rules, previous)
    algorithm, objections = _judge_algorithm(chain, leaf)
    findings += objections
    if has_error(findings):
        return PairVerdict(None, tuple(findings))
    pair = ServerPair(
        chain=pem_of(path),
        leaf=leaf.public_bytes(Encoding.DER),
        key=pem_of_key(private),
        algorithm=algorithm,
        facts=facts,
        ending=_ending(path, facts),
    )
    return PairVerdict(pair, tuple(findings))


def judge_trust(
    authorities: SourceFile, revocations: SourceFile | None, now: datetime, rules: Rules
) -> TrustVerdict:
    """Check the CA file for client certificates and its revocation lists."""
    findings: list[Finding] = _judge_directories(
        (authorities,) if revocations is None else (authorities, revocations)
    )
    for source in (authorities, revocations):
        if source is not None and source.mode & 0o002:
            text = f"mode {source.mode:04o} lets any user change which CAs are trusted"
            findings.append(_error("trust-writable", source, text, "chmod o-w it"))
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


def finding_of(error: FileError) -> Finding:
    """The error of a file as a finding."""
    code = "not-pem" if isinstance(error, PemError) else "unreadable"
    return Finding("error", code, error.path, error.text, error.remedy, error.transient)


def _judge_key_mode(key: SourceFile) -> list[Finding]:
    loose = loose_secret(key.path, key.mode)
    if loose is None:
        return []
    remedy = f"{loose.remedy} (Kubernetes: defaultMode: 0440)"
    if key.mode & 0o004:
        remedy += "; then replace the key: others could have read it"
    return [_error("key-open", key, f"the private key {loose.text} (owner {key.owner})", remedy)]


def _judge_directories(sources: Sequence[SourceFile]) -> list[Finding]:
    return [
        _error("directory-open", source, loose.text, loose.remedy)
        for source in sources
        for loose in source.loose_directories
    ]


def _path_from(leaf: x509.Certificate, certificates: Sequence[x509.Certificate]) -> list[x509.Certificate]:
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


def _ending(path: Sequence[x509.Certificate], facts: Facts) -> Ending:
    first = min(path, key=lambda one: one.not_valid_after_utc)
    name = facts.names[0] if facts.names else facts.subject
    by = "" if first is path[0] else first.subject.rfc4514_string()
    return Ending("certificate", name, first.not_valid_after_utc, first.not_valid_before_utc, by)


def _judge_order(
    chain: SourceFile, certificates: Sequence[x509.Certificate], path: Sequence[x509.Certificate]
) -> list[Finding]:
    if list(certificates) == list(path):
        return []
    if set(certificates) == set(path):
        text, remedy = "certificates are not in order; they are served leaf first", "write the leaf first"
        return [_warning("chain-order", chain, text, remedy)]
    extra = [one.subject.rfc4514_string() for one in certificates if one not in path]
    text = f"contains certificates outside the leaf's chain, which are not served: {'; '.join(extra)}"
    return [_warning("chain-extra", chain, text, "remove them, or add the intermediate that links them")]


def _judge_path(chain: SourceFile, path: Sequence[x509.Certificate]) -> list[Finding]:
    findings = []
    for certificate, issuer in pairwise(path):
        subject, by = certificate.subject.rfc4514_string(), issuer.subject.rfc4514_string()
        try:
            certificate.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError, TypeError):
            text = f"{subject} is not signed by {by}, though it names it as issuer"
            findings.append(
                _error("chain-broken", chain, text, "get the intermediate of the matching generation")
            )
        if not is_ca(issuer):
            text = f"{by} signs {subject} but is not a CA certificate"
            findings.append(_error("chain-not-ca", chain, text, "get the correct intermediate"))
    for certificate in path:
        name = certificate.signature_hash_algorithm.name if certificate.signature_hash_algorithm else ""
        # A root is trusted for itself, not for its signature.
        if name in _BAD_HASHES and certificate.issuer != certificate.subject:
            text = (
                f"{certificate.subject.rfc4514_string()} is signed with {name.upper()}, which clients refuse"
            )
            findings.append(_error("weak-signature", chain, text, "get a certificate signed with SHA-256"))
    if len(path) == 1 and _names_issuer_url(path[0]):
        text = f"the intermediate {path[0].issuer.rfc4514_string()} is missing; many clients will not connect"
        findings.append(_warning("chain-short", chain, text, "use the full chain (certbot: fullchain.pem)"))
    return findings


def _judge_times(
    chain: SourceFile, path: Sequence[x509.Certificate], now: datetime, *, allow_expired: bool
) -> list[Finding]:
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


def _judge_leaf(chain: SourceFile, facts: Facts) -> list[Finding]:
    findings = []
    if not facts.names:
        text = "the certificate has no subject alternative name, so no client can verify it"
        findings.append(_error("no-names", chain, text, "request one that lists the host's names"))
    if facts.usages and not {"server", "any"} & set(facts.usages):
        text = f"the certificate is for {', '.join(facts.usages)} use, not for a server"
        findings.append(_error("wrong-usage", chain, text, "request one with extended key usage serverAuth"))
    if facts.is_ca:
        text = "the certificate is a CA certificate, whose key should not be on a server"
        findings.append(_warning("leaf-is-ca", chain, text, "issue a server certificate from it"))
    return findings


def _judge_names(chain: SourceFile, facts: Facts, rules: Rules, previous: Facts | None) -> list[Finding]:
    findings = []
    level: Literal["error", "warning"] = "error" if rules.lost_names == "refuse" else "warning"
    try:
        wanted = [format_name(parse_name(name)) for name in rules.names]
    except BadName as error:
        return [_error("bad-name", chain, f"a configured name cannot be checked: {error}", "correct it")]
    for name in lost_names(wanted, facts.names):
        text = f"the certificate does not cover {name}, which is configured"
        findings.append(_error("name-missing", chain, text, "request one that covers it"))
    for name in lost_names(previous.names if previous else (), facts.names):
        text = f"the certificate no longer covers {name}, which the one served so far covers"
        findings.append(Finding(level, "name-lost", str(chain.path), text, "request one that covers it"))
    return findings


def _judge_algorithm(chain: SourceFile, leaf: x509.Certificate) -> tuple[Algorithm, list[Finding]]:
    match leaf.public_key():
        case rsa.RSAPublicKey() as key:
            if key.key_size < _RSA_MINIMUM:
                text = f"RSA key of {key.key_size} bits is too short"
                return "rsa", [
                    _error("weak-key", chain, text, f"use {_RSA_MINIMUM} bits or more, or ECDSA P-256")
                ]
            return "rsa", []
        case ec.EllipticCurvePublicKey() as key:
            if key.curve.name in _GOOD_CURVES:
                return "ecdsa", []
            if key.curve.name == "secp521r1":
                text = "key on curve P-521, which many clients do not accept"
                return "ecdsa", [_warning("rare-key", chain, text, "use P-256")]
            return "ecdsa", [
                _error("weak-key", chain, f"key on curve {key.curve.name}", "use P-256 or P-384")
            ]
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            text = "Edwards-curve key, which many clients do not accept"
            return "eddsa", [_warning("rare-key", chain, text, "use ECDSA P-256")]
        case key:
            text = f"a key of kind {type(key).__name__} cannot serve TLS here"
            return "rsa", [_error("weak-key", chain, text, "use ECDSA P-256, or RSA of 2048 bits or more")]


def _judge_authority(source: SourceFile, certificate: x509.Certificate, now: datetime) -> list[Finding]:
    name = certificate.subject.rfc4514_string()
    findings = []
    if not is_ca(certificate):
        text = f"{name} is not a CA certificate, so it cannot have issued client certificates"
        findings.append(_error("trust-not-ca", source, text, "put the issuing CA's certificate there"))
    if certificate.not_valid_after_utc <= now:
        text = f"CA {name} expired on {certificate.not_valid_after_utc:%Y-%m-%d}: its clients are refused"
        findings.append(_warning("trust-expired", source, text, "add the CA's new certificate"))
    return findings


def _judge_lists(source: SourceFile, trust: TrustStore, now: datetime, rules: Rules) -> list[Finding]:
    findings = []
    for crl in trust.revocation_lists:
        name = crl.issuer.rfc4514_string()
        if not any(is_issued_by(crl, authority) for authority in trust.authorities):
            text = f"the revocation list of {name} is not signed by any CA in client_ca"
            findings.append(
                _error("crl-foreign", source, text, "get the list of the CA that issues client certificates")
            )
        if crl.next_update_utc is not None and crl.next_update_utc <= now:
            text = f"a new revocation list of {name} was due on {crl.next_update_utc:%Y-%m-%d %H:%M} UTC"
            if rules.expired_crl == "refuse":
                text += ": its clients are refused"
            findings.append(_warning("crl-expired", source, text, "fetch the current list"))
    for authority in trust.without_list() if rules.expired_crl == "refuse" else ():
        text = f"no revocation list of {authority.subject.rfc4514_string()}: its clients are refused"
        findings.append(_warning("crl-missing", source, text, "append that CA's list to the file"))
    return findings


def _names_issuer_url(certificate: x509.Certificate) -> bool:
    """Whether it has a URL of its issuer: certificates of public CAs do, those of private roots do not."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return False
    return any(item.access_method == AuthorityInformationAccessOID.CA_ISSUERS for item in access)


def _error(code: str, source: SourceFile, text: str, remedy: str, *, transient: bool = False) -> Finding:
    return Finding("error", code, str(source.path), text, remedy, transient)


def _warning(code: str, source: SourceFile, text: str, remedy: str) -> Finding:
    return Finding("warning", code, str(source.path), text, remedy)
