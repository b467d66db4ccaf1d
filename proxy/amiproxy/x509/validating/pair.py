"""May this chain and this private key be served?

Nothing here uses a TLS context or a clock: ``now`` is an argument.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from amiproxy.permissions import loose_secret
from amiproxy.x509.ending import Ending
from amiproxy.x509.errors import BadName, PemError
from amiproxy.x509.facts import Facts, facts_of
from amiproxy.x509.names import format_name, lost_names, parse_name
from amiproxy.x509.pem import load_certificates, load_key, pem_of, pem_of_key
from amiproxy.x509.snapshot import SourceFile
from amiproxy.x509.validating.chain import judge_order, judge_path, judge_times, path_from
from amiproxy.x509.validating.findings import (
    Finding,
    PairRules,
    error_of,
    finding_of,
    has_error,
    judge_directories,
    warning_of,
)

Algorithm = Literal["rsa", "ecdsa", "eddsa"]
_RSA_MINIMUM = 2048
_GOOD_CURVES = ("secp256r1", "secp384r1")


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


def judge_pair(
    chain: SourceFile, key: SourceFile, now: datetime, rules: PairRules, *, previous: Facts | None = None
) -> PairVerdict:
    """Check a server's certificate chain and private key; ``previous`` is the certificate served so far.

    ``now`` is an aware time.
    """
    findings = [*_judge_key_mode(key), *judge_directories((chain, key))]
    if chain.mode & 0o022:
        findings.append(
            warning_of(
                "chain-writable", chain, f"mode {chain.mode:04o} lets others change it", "chmod go-w it"
            )
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
            error_of(
                "key-mismatch",
                key,
                f"the key does not belong to certificate {subject} in {chain.path}",
                "install the key of that certificate, or request a certificate for this key",
                transient=True,
            )
        )
        return PairVerdict(None, tuple(findings))
    path = path_from(leaf, certificates)
    facts = facts_of(leaf)
    findings += judge_order(chain, certificates, path)
    findings += judge_path(chain, path)
    findings += judge_times(chain, path, now, allow_expired=rules.allow_expired)
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


def _judge_key_mode(key: SourceFile) -> list[Finding]:
    loose = loose_secret(key.path, key.mode)
    if loose is None:
        return []
    remedy = f"{loose.remedy} (Kubernetes: defaultMode: 0440)"
    if key.mode & 0o004:
        remedy += "; then replace the key: others could have read it"
    return [error_of("key-open", key, f"the private key {loose.text} (owner {key.owner})", remedy)]


def _ending(path: Sequence[x509.Certificate], facts: Facts) -> Ending:
    first = min(path, key=lambda one: one.not_valid_after_utc)
    name = facts.names[0] if facts.names else facts.subject
    by = "" if first is path[0] else first.subject.rfc4514_string()
    return Ending("certificate", name, first.not_valid_after_utc, first.not_valid_before_utc, by)


def _judge_leaf(chain: SourceFile, facts: Facts) -> list[Finding]:
    findings = []
    if not facts.names:
        text = "the certificate has no subject alternative name, so no client can verify it"
        findings.append(error_of("no-names", chain, text, "request one that lists the host's names"))
    if facts.usages and not {"server", "any"} & set(facts.usages):
        text = f"the certificate is for {', '.join(facts.usages)} use, not for a server"
        findings.append(
            error_of("wrong-usage", chain, text, "request one with extended key usage serverAuth")
        )
    if facts.is_ca:
        text = "the certificate is a CA certificate, whose key should not be on a server"
        findings.append(warning_of("leaf-is-ca", chain, text, "issue a server certificate from it"))
    return findings


def _judge_names(chain: SourceFile, facts: Facts, rules: PairRules, previous: Facts | None) -> list[Finding]:
    findings = []
    level: Literal["error", "warning"] = "error" if rules.lost_names == "refuse" else "warning"
    try:
        wanted = [format_name(parse_name(name)) for name in rules.names]
    except BadName as error:
        return [error_of("bad-name", chain, f"a configured name cannot be checked: {error}", "correct it")]
    for name in lost_names(wanted, facts.names):
        text = f"the certificate does not cover {name}, which is configured"
        findings.append(error_of("name-missing", chain, text, "request one that covers it"))
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
                    error_of("weak-key", chain, text, f"use {_RSA_MINIMUM} bits or more, or ECDSA P-256")
                ]
            return "rsa", []
        case ec.EllipticCurvePublicKey() as key:
            if key.curve.name in _GOOD_CURVES:
                return "ecdsa", []
            if key.curve.name == "secp521r1":
                text = "key on curve P-521, which many clients do not accept"
                return "ecdsa", [warning_of("rare-key", chain, text, "use P-256")]
            return "ecdsa", [
                error_of("weak-key", chain, f"key on curve {key.curve.name}", "use P-256 or P-384")
            ]
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            text = "Edwards-curve key, which many clients do not accept"
            return "eddsa", [warning_of("rare-key", chain, text, "use ECDSA P-256")]
        case key:
            text = f"a key of kind {type(key).__name__} cannot serve TLS here"
            return "rsa", [error_of("weak-key", chain, text, "use ECDSA P-256, or RSA of 2048 bits or more")]
