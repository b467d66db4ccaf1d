"""The certificates of one listener: immutable generations, swapped whole or not at all.

A reload reads every file as one consistent set, validates it, builds new contexts,
tests them by handshakes in memory and only then swaps one reference.  Open
sessions and handshakes in progress keep the context that they began with.  If
anything fails, the old generation continues to serve and the result says why.

``prepare`` does the slow part and may run in a thread; ``commit`` is the swap.
``amiproxy.net.certs.rotation`` waits for writers, retries and coalesces triggers.
"""

import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from amiproxy.config import ListenerSettings, Tls
from amiproxy.net.certs.certsettings import StoreSettings, settings_of
from amiproxy.net.certs.generation import Candidate, Digests, Generation, digests_of
from amiproxy.net.certs.judging import client_trust, judging_pair, not_served, trust_of
from amiproxy.net.certs.result import (
    UNASKED,
    CertificatesRefused,
    Change,
    Outcome,
    ReloadResult,
    refused_files,
)
from amiproxy.net.tls.sni import building_context
from amiproxy.steps import Steps, result_of
from amiproxy.x509.errors import SnapshotError
from amiproxy.x509.expiry import Expiry
from amiproxy.x509.snapshot import reading_set
from amiproxy.x509.validating.findings import Finding, finding_of, has_error
from amiproxy.x509.validating.pair import ServerPair
from amiproxy.x509.validating.trust import TrustStore


class CertStore:
    """The certificates of one listener.

    All of its certificates must cover ``names``.  ``wall`` returns seconds since the epoch.  Raises
    CertificatesRefused if the files are refused at the start, or for an unusable TLS policy.
    """

    def __init__(
        self,
        listener: ListenerSettings,
        tls: Tls,
        *,
        names: Sequence[str] = (),
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._names = tuple(names)
        self._settings = settings_of(listener, tls, names)
        self._wall = wall
        self._generation: Generation | None = None
        self._last: ReloadResult | None = None
        self._last_success = 0.0
        first = self.prepare("start")
        if first.generation is None or not first.result.succeeded:
            raise CertificatesRefused(first.result.findings)
        self.commit(first)

    @property
    def context(self) -> ssl.SSLContext:
        """The context for the next connection.  Read it for each: a reload replaces it."""
        return self.current.context

    @property
    def current(self) -> Generation:
        """The generation that serves now."""
        assert self._generation is not None
        return self._generation

    @property
    def generation(self) -> int:
        """Number of the current generation: 1 at the start, incremented by each swap."""
        return self.current.number

    @property
    def last_result(self) -> ReloadResult:
        """Result of the last reload that was requested or found something new, or of the start."""
        assert self._last is not None
        return self._last

    @property
    def last_success(self) -> float:
        """When the files on disk were last known to be what is served; seconds since the epoch."""
        return self._last_success

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file that is read: the files to watch."""
        return self._settings.paths

    @property
    def digests(self) -> dict[Path, bytes | None]:
        """The digest of the content that is served of each file; None for one that could not be read."""
        groups = zip(self._settings.groups, self.current.digests, strict=True)
        return {
            path: digest
            for group, digests in groups
            for path, digest in zip(group, digests, strict=True)
            if path is not None
        }

    def reload(self, *triggers: str) -> ReloadResult:
        """Read the files again; never raises for their content.  ``triggers`` are copied to the result."""
        return self.commit(result_of(self.preparing(frozenset(triggers))))

    def prepare(
        self, trigger: str, listener: ListenerSettings | None = None, tls: Tls | None = None
    ) -> Candidate:
        """Run ``preparing`` for one trigger to its end at once.  Raises CertificatesRefused likewise."""
        return result_of(self.preparing(frozenset({trigger}), listener, tls))

    def preparing(
        self,
        triggers: frozenset[str],
        listener: ListenerSettings | None = None,
        tls: Tls | None = None,
    ) -> Steps[Candidate]:
        """Read and validate the files, build and test the contexts, in steps.

        Does not touch what serves, so it may run in a thread.  ``listener`` and ``tls`` are new settings, in
        force from the commit on; pass both or neither.  Raises CertificatesRefused for an unusable TLS policy
        in them; errors of files are in the candidate's result.
        """
        settings = (
            self._settings if listener is None or tls is None else settings_of(listener, tls, self._names)
        )
        old, now = self._generation, datetime.fromtimestamp(self._wall(), UTC)
        same = old is not None and settings == self._settings
        try:
            files = yield from reading_set(settings.paths)
        except SnapshotError as error:
            return self._failed(triggers, settings, [finding_of(error)])
        digests = digests_of(files, settings.groups)
        if same and old is not None and digests == old.digests:
            return Candidate(self._result("unchanged", triggers, old.doubts), None, settings)
        findings: list[Finding] = []
        trust = trust_of(settings, files, now, findings)
        if has_error(findings):
            return self._failed(triggers, settings, findings)
        serving = self._serving()
        pairs: list[ServerPair] = []
        served: list[Digests] = []
        proved: dict[int, ssl.SSLContext] = {}
        for paths, digest in zip(settings.pairs, digests[:-1], strict=True):
            kept, kept_digest = serving.get(paths, (None, None))
            asked = settings.rules_of(paths).names
            if kept is not None and digest == kept_digest and asked == self._settings.rules_of(paths).names:
                judged: ServerPair | None = kept
                findings += self._doubts_about(paths)
            else:
                judged, context = yield from judging_pair(settings, paths, files, now, kept, findings)
                if context is not None:
                    proved[len(pairs)] = context
            yield
            chosen = judged or kept
            if chosen is None:
                continue
            pairs.append(chosen)
            served.append(digest if judged is not None or kept_digest is None else kept_digest)
        served.append(digests[-1])
        nothing_new = same and old is not None and tuple(served) == old.digests
        refuse_all = settings.bad_pair == "refuse_all" and has_error(findings)
        if len(pairs) < len(settings.pairs) or nothing_new or refuse_all:
            return self._failed(triggers, settings, findings)
        return (
            yield from self._built(triggers, settings, tuple(pairs), trust, tuple(served), findings, proved)
        )

    def commit(self, candidate: Candidate) -> ReloadResult:
        """Swap to the candidate.  Do not prepare two reloads at once: the later commit would win."""
        number = self._generation.number if self._generation else 0
        if candidate.generation is not None:
            number += 1
            self._generation = replace(candidate.generation, number=number)
            self._settings = candidate.settings
        result = replace(candidate.result, generation=number)
        if result.succeeded:
            self._last_success = result.at
        if not self._says_nothing_new(result):
            self._last = result
        return result

    def waiting(self) -> Steps[tuple[Path, ...]]:
        """The files whose content on disk is not what is served: newer, refused or unreadable ones.

        Reads the files, in steps; do not run it in the event loop.
        """
        groups = self._settings.groups
        try:
            digests = digests_of((yield from reading_set(self.paths)), groups)
        except SnapshotError:
            return self.paths
        differ = zip(groups, digests, self.current.digests, strict=True)
        return tuple(
            path
            for group, on_disk, served in differ
            for path, there, here in zip(group, on_disk, served, strict=True)
            if path is not None and there != here
        )

    def expiry(self) -> Expiry:
        """The worst expiry state of the served certificates, client CAs and revocation lists."""
        now = datetime.fromtimestamp(self._wall(), UTC)
        return max(ending.state(now) for ending in self.current.endings)

    def all_client_cas_expired(self, now: datetime) -> bool:
        """Whether every client is refused: certificates are required, and no client CA is usable any more.

        A CA is unusable after its own expiry, or after that of its revocation list if ``expired_crl``
        is ``refuse``.
        """
        if self._settings.auth != "required":
            return False
        over = [ending for ending in self.current.endings if ending.at <= now]
        lists = {ending.name for ending in over if ending.kind == "revocation-list"}
        shut = lists if self._settings.rules.expired_crl == "refuse" else set()
        return all(
            ending in over or ending.name in shut
            for ending in self.current.endings
            if ending.kind == "client-ca"
        )

    def client_objection(self, chain: Sequence[bytes]) -> str | None:
        """Why a client certificate chain (DER, leaf first) is not acceptable now; None if it is.

        Call it after each handshake with a certificate, and for open sessions each minute
        and after each reload: the handshake only checked the state at its own time.
        """
        trust = self.current.trust
        if trust is None:
            return None
        return trust.objection(chain, datetime.fromtimestamp(self._wall(), UTC))

    def _says_nothing_new(self, result: ReloadResult) -> bool:
        if self._last is None or not result.triggers <= UNASKED:
            return False
        if result.succeeded:
            return result.outcome == "unchanged" and self._last.succeeded
        return result.generation == self._last.generation and refused_files(result) == refused_files(
            self._last
        )

    def _doubts_about(self, files: Sequence[Path]) -> list[Finding]:
        names = {str(path) for path in files}
        doubts = self._generation.doubts if self._generation is not None else ()
        return [finding for finding in doubts if finding.file in names]

    def _serving(self) -> dict[tuple[Path, Path], tuple[ServerPair, Digests]]:
        """The served pairs and their digests, by the paths of chain and key."""
        if self._generation is None:
            return {}
        served = zip(self._generation.pairs, self._generation.digests[:-1], strict=True)
        return dict(zip(self._settings.pairs, served, strict=True))

    def _built(
        self,
        triggers: frozenset[str],
        settings: StoreSettings,
        pairs: tuple[ServerPair, ...],
        trust: TrustStore | None,
        digests: tuple[Digests, ...],
        findings: Sequence[Finding],
        proved: Mapping[int, ssl.SSLContext],
    ) -> Steps[Candidate]:
        try:
            context = yield from building_context(
                settings.policy, pairs, client_trust(settings, trust), proved
            )
        except ssl.SSLError as error:
            files = ", ".join(str(path) for path in settings.paths)
            return self._failed(triggers, settings, [*findings, not_served(files, error)])
        serving = self._serving()
        before = [serving[paths][0] if paths in serving else None for paths in settings.pairs]
        changes = tuple(
            Change(old.facts if old else None, pair.facts)
            for old, pair in zip(before, pairs, strict=True)
            if old is not pair
        )
        result = self._result("partial" if has_error(findings) else "swapped", triggers, findings, changes)
        doubts = tuple(finding for finding in findings if finding.level == "warning")
        endings = (*(pair.ending for pair in pairs), *(trust.endings() if trust is not None else ()))
        generation = Generation(0, context, pairs, trust, self._wall(), digests, doubts, endings)
        return Candidate(result, generation, settings)

    def _failed(
        self, triggers: frozenset[str], settings: StoreSettings, findings: Sequence[Finding]
    ) -> Candidate:
        return Candidate(self._result("failed", triggers, findings), None, settings)

    def _result(
        self,
        outcome: Outcome,
        triggers: frozenset[str],
        findings: Sequence[Finding] = (),
        changes: tuple[Change, ...] = (),
    ) -> ReloadResult:
        return ReloadResult(outcome, triggers, 0, self._wall(), tuple(findings), changes)
