"""Files of certificates for a store, and what the store then serves."""

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from amiproxy.config import ListenerSettings, Tls
from amiproxy.net.certs.certstore import CertStore
from amiproxy.net.tls.tlspolicy import presented_certificate
from tests.support.certificates import DAY, Forged, forge, install, listener_of, pair_of

TLS13 = ssl.TLSVersion.TLSv1_3
NOW = datetime.now(UTC)


@dataclass
class Site:
    """A directory with one pair, and a store that serves it."""

    directory: Path
    first: Forged = field(default_factory=forge)
    tls: Tls = field(default_factory=Tls)

    def __post_init__(self) -> None:
        self.put(self.first)
        self.store = CertStore(self.listener, self.tls)

    @property
    def listener(self) -> ListenerSettings:
        return listener_of((pair_of(self.directory / "server.crt", self.directory / "server.key"),))

    @property
    def chain(self) -> Path:
        return self.directory / "server.crt"

    @property
    def key(self) -> Path:
        return self.directory / "server.key"

    def put(self, forged: Forged) -> None:
        install(self.directory, forged.pem, forged.key_pem)


def shown(store: CertStore, name: str | None = None) -> bytes:
    return presented_certificate(store.context, TLS13, name)


def expired(site: Site) -> None:
    site.put(forge(not_before=NOW - 9 * DAY, not_after=NOW - DAY))


class Several:
    """Two pairs for one listener."""

    def __init__(self, directory: Path, *forged: Forged, tls: Tls | None = None) -> None:
        self.directory = directory
        for number, item in enumerate(forged):
            self.put(number, item)
        names = range(len(forged))
        self.listener = listener_of(
            tuple(pair_of(directory / f"{number}.crt", directory / f"{number}.key") for number in names)
        )
        self.store = CertStore(self.listener, tls or Tls())

    def put(self, number: int, forged: Forged) -> None:
        install(self.directory, forged.pem, forged.key_pem, str(number))


def named(*names: str, key: object = None) -> Forged:
    return forge(names[0], names=[x509.DNSName(name) for name in names], key=key)
