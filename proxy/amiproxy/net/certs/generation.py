"""What a listener serves from one swap of its certificates to the next."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amiproxy.net.certs.certsettings import StoreSettings
from amiproxy.net.certs.result import ReloadResult
from amiproxy.x509.ending import Ending
from amiproxy.x509.snapshot import Snapshot, SourceFile
from amiproxy.x509.validating.findings import Finding
from amiproxy.x509.validating.pair import ServerPair
from amiproxy.x509.validating.trust import TrustStore

Digests = tuple[bytes | None, bytes | None]


@dataclass(frozen=True)
class Generation:
    """What is served from one swap to the next.  Immutable."""

    number: int
    context: ssl.SSLContext
    pairs: tuple[ServerPair, ...]
    trust: TrustStore | None
    since: float
    """Seconds since the epoch."""
    digests: tuple[Digests, ...]
    """Digests of chain and key of each pair, then of CA and CRL, to compare with the files on disk."""
    doubts: tuple[Finding, ...]
    """Warnings about the files that this generation came from."""
    endings: tuple[Ending, ...]
    """Expiry of the certificates, of the client CAs and of their revocation lists."""


@dataclass(frozen=True)
class Candidate:
    """A reload that is ready to be committed; ``generation`` is None if there is nothing to swap."""

    result: ReloadResult
    generation: Generation | None
    settings: StoreSettings


def digests_of(files: Snapshot, groups: Sequence[tuple[Path | None, Path | None]]) -> tuple[Digests, ...]:
    """The digests of the files on disk, by group; None for an unreadable file, and where there is none."""

    def digest(path: Path | None) -> bytes | None:
        source = files[path] if path is not None else None
        # None for an unreadable file differs from every served digest, so it is never "unchanged".
        return source.digest if isinstance(source, SourceFile) else None

    return tuple((digest(first), digest(second)) for first, second in groups)
