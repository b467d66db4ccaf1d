"""Whether files that were read may be served: validated, and tested by handshakes in memory."""

import ssl
from datetime import datetime
from pathlib import Path

from amiproxy.net.certs.certsettings import StoreSettings
from amiproxy.net.tls.sni import proving_alone
from amiproxy.net.tls.tlspolicy import ClientTrust
from amiproxy.steps import Steps
from amiproxy.x509.errors import SnapshotError
from amiproxy.x509.pem import pem_of
from amiproxy.x509.snapshot import Snapshot, SourceFile
from amiproxy.x509.validating.authorities import judge_trust
from amiproxy.x509.validating.findings import Finding, finding_of, has_error
from amiproxy.x509.validating.pair import ServerPair, judge_pair
from amiproxy.x509.validating.trust import TrustStore


def trust_of(
    settings: StoreSettings, files: Snapshot, now: datetime, findings: list[Finding]
) -> TrustStore | None:
    """The client CAs and their lists, or None if there are none or they are refused; adds to ``findings``.

    ``now`` is an aware time, here and below.
    """
    if settings.authorities is None:
        return None
    sources: list[SourceFile] = []
    for path in (settings.authorities, settings.revocations):
        if path is None:
            continue
        match files[path]:
            case SnapshotError() as error:
                findings.append(finding_of(error))
            case source:
                sources.append(source)
    if has_error(findings):
        return None
    verdict = judge_trust(sources[0], sources[1] if len(sources) > 1 else None, now, settings.rules)
    findings += verdict.findings
    return verdict.trust


def judging_pair(
    settings: StoreSettings,
    paths: tuple[Path, Path],
    files: Snapshot,
    now: datetime,
    kept: ServerPair | None,
    findings: list[Finding],
) -> Steps[tuple[ServerPair | None, ssl.SSLContext | None]]:
    """The pair if it is valid, and the context of its own in which it was tested; adds to ``findings``.

    Both are None if the pair is refused.  ``kept`` is the pair that is served from these files now, if any.
    """
    chain, key = (files[path] for path in paths)
    findings += [finding_of(source) for source in (chain, key) if isinstance(source, SnapshotError)]
    if isinstance(chain, SnapshotError) or isinstance(key, SnapshotError):
        return None, None
    verdict = judge_pair(chain, key, now, settings.rules_of(paths), previous=kept.facts if kept else None)
    findings += verdict.findings
    if verdict.pair is None:
        return None, None
    yield
    try:
        context = yield from proving_alone(settings.policy, verdict.pair)
    except ssl.SSLError as error:
        findings.append(not_served(str(chain.path), error))
        return None, None
    return verdict.pair, context


def client_trust(settings: StoreSettings, trust: TrustStore | None) -> ClientTrust:
    """The part of the trust that OpenSSL applies in the handshake."""
    if trust is None:
        return ClientTrust()
    # OpenSSL refuses every client once a list has expired; where that is not wanted,
    # only client_objection applies the list.
    lists = trust.revocation_lists if settings.rules.expired_crl == "refuse" else ()
    return ClientTrust(
        auth=settings.auth,
        authorities=pem_of(trust.authorities),
        revocations=pem_of(lists),
        check_whole_chain=not trust.without_list(),
    )


def not_served(files: str, error: ssl.SSLError) -> Finding:
    """The finding that the test handshake with these files failed."""
    text = f"a test handshake with it, in memory, fails: {error.reason or error}"
    return Finding("error", "proof", files, text, "reissue it with an ECDSA P-256 or RSA key and SHA-256")
