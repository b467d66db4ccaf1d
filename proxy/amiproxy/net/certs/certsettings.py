"""The settings that a listener's certificates are loaded with, and the files that follow from them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from amiproxy.config import ListenerSettings, Tls
from amiproxy.net.certs.result import CertificatesRefused
from amiproxy.net.tls.tlspolicy import ClientAuth, Policy, PolicyError, tls_policy
from amiproxy.x509.validating.findings import Finding, PairRules

BadPair = Literal["keep_old", "refuse_all"]


@dataclass(frozen=True)
class StoreSettings:
    """The settings that a generation is built from."""

    pairs: tuple[tuple[Path, Path], ...]
    names: tuple[tuple[str, ...], ...]
    """For each pair, the names that it must cover."""
    auth: ClientAuth
    authorities: Path | None
    revocations: Path | None
    policy: Policy
    rules: PairRules
    bad_pair: BadPair = "keep_old"
    """Whether the other pairs are served when one of several is refused, or all are refused."""

    @property
    def groups(self) -> tuple[tuple[Path | None, Path | None], ...]:
        """The files grouped as they are validated: each pair, then CA and CRL."""
        return (*self.pairs, (self.authorities, self.revocations))

    def rules_of(self, pair: tuple[Path, Path]) -> PairRules:
        """The rules for one pair, which include the names that this pair must cover."""
        return replace(self.rules, names=(*self.rules.names, *self._names_of.get(pair, ())))

    @cached_property
    def _names_of(self) -> dict[tuple[Path, Path], tuple[str, ...]]:
        found: dict[tuple[Path, Path], tuple[str, ...]] = {}
        for pair, names in zip(self.pairs, self.names, strict=True):
            found[pair] = (*found.get(pair, ()), *names)
        return found

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file that is read."""
        return tuple(path for group in self.groups for path in group if path is not None)


def settings_of(listener: ListenerSettings, tls: Tls, names: Sequence[str] = ()) -> StoreSettings:
    """The settings of a store whose certificates must all cover ``names``.

    Client CA and CRL files are left out if clients are not asked for a certificate.
    Raises CertificatesRefused for an unusable TLS policy; its finding names the key in place of a file.
    """
    asks = listener.client_auth != "none"
    try:
        policy = tls_policy(
            tls.policy,
            minimum_version=tls.minimum_version.removeprefix("TLSv") if tls.minimum_version else None,
            suites=":".join(tls.suites) or None,
        )
    except PolicyError as error:
        finding = Finding("error", "tls-policy", error.key, error.text, error.remedy)
        raise CertificatesRefused([finding]) from error
    return StoreSettings(
        pairs=tuple((item.chain, item.key) for item in listener.certificates),
        names=tuple(tuple(item.names) for item in listener.certificates),
        auth=listener.client_auth,
        authorities=listener.client_ca if asks else None,
        revocations=listener.client_crl if asks else None,
        policy=replace(policy, protocols=("http/1.1",) if listener.door == "http" else ()),
        rules=PairRules(
            allow_expired=tls.allow_expired,
            lost_names=tls.lost_names,
            names=tuple(names),
            expired_crl=tls.expired_crl,
        ),
        bad_pair=tls.bad_pair,
    )
