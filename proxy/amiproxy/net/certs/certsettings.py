"""The configuration of a listener's certificates, and the files that follow from it.

The configuration's own structs satisfy these protocols; a caller that has only
paths can pass any object with the same attributes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

from amiproxy.net.tls.tlspolicy import ClientAuth, Policy, tls_policy
from amiproxy.x509.validating.findings import PairRules

BadPair = Literal["keep_old", "refuse_all"]


class PairPaths(Protocol):
    """``certificates[]`` of a listener's configuration."""

    @property
    def chain(self) -> Path:
        """Certificate chain as PEM, leaf first."""

    @property
    def key(self) -> Path:
        """Private key as PEM, unencrypted."""

    @property
    def names(self) -> Sequence[str]:
        """Names that the certificate must cover."""


class ListenerSettings(Protocol):
    """The certificate settings of one listener."""

    @property
    def certificates(self) -> Sequence[PairPaths]:
        """At least one; the first serves clients that send no SNI."""

    @property
    def client_auth(self) -> ClientAuth:
        """Whether a client certificate is not requested, optional or required."""

    @property
    def client_ca(self) -> Path | None:
        """File with the CAs that client certificates must be issued by."""

    @property
    def client_crl(self) -> Path | None:
        """File with the revocation lists of those CAs."""


class TlsSettings(Protocol):
    """``tls:`` of the configuration."""

    @property
    def policy(self) -> str:
        """``modern`` or ``intermediate``."""

    @property
    def minimum_version(self) -> Literal["TLSv1.2", "TLSv1.3"] | None:
        """Raises the policy's minimum version; None leaves it."""

    @property
    def suites(self) -> Sequence[str]:
        """TLS 1.2 suites by OpenSSL's names, in order of preference; empty means the policy's own."""

    @property
    def allow_expired(self) -> bool:
        """See ``PairRules``."""

    @property
    def lost_names(self) -> Literal["warn", "refuse"]:
        """See ``PairRules``."""

    @property
    def expired_crl(self) -> Literal["refuse", "accept"]:
        """See ``PairRules``."""

    @property
    def bad_pair(self) -> BadPair:
        """See ``StoreSettings``."""


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


def settings_of(listener: ListenerSettings, tls: TlsSettings, names: Sequence[str] = ()) -> StoreSettings:
    """The settings of a store whose certificates must all cover ``names``.

    Client CA and CRL files are left out if clients are not asked for a certificate.
    Raises PolicyError for an unusable TLS policy.
    """
    asks = listener.client_auth != "none"
    return StoreSettings(
        pairs=tuple((item.chain, item.key) for item in listener.certificates),
        names=tuple(tuple(item.names) for item in listener.certificates),
        auth=listener.client_auth,
        authorities=listener.client_ca if asks else None,
        revocations=listener.client_crl if asks else None,
        policy=tls_policy(
            tls.policy,
            minimum_version=tls.minimum_version.removeprefix("TLSv") if tls.minimum_version else None,
            suites=":".join(tls.suites) or None,
        ),
        rules=PairRules(
            allow_expired=tls.allow_expired,
            lost_names=tls.lost_names,
            names=tuple(names),
            expired_crl=tls.expired_crl,
        ),
        bad_pair=tls.bad_pair,
    )
