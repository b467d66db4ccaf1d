"""What the operator wants, from flags or answers."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from amiproxy.config.additions import Addition

#: The folder of the package and its units.
SYSTEM: Final = Path("/etc/ami-proxy")
ASTERISKS_PORT: Final = 5038


class AsteriskAddress(NamedTuple):
    """Where Asterisk's manager listens."""

    host: str = "127.0.0.1"
    port: int = ASTERISKS_PORT

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class PairFiles(NamedTuple):
    """A certificate with its chain, and its key, that another program renews."""

    chain: Path
    key: Path


@dataclass(frozen=True)
class Wishes:
    """None and empty values mean: as it is, or else the default."""

    directory: Path = SYSTEM
    #: The names that clients connect to, for the certificate.
    hosts: tuple[str, ...] = ()
    #: Files of another CA, to be copied; None: issue a certificate from a private CA.
    pair: PairFiles | None = None
    asterisk: AsteriskAddress | None = None
    #: The manager account in Asterisk.
    username: str | None = None
    #: Its secret, if the operator gave one.
    secret: bytes | None = field(default=None, repr=False)
    listen: str | None = None
    metrics: str | None = None
    #: The first user; None: none is added.
    user: Addition | None = None
    #: Asterisk's file to add the account to.
    manager_conf: Path | None = None
    #: Start the service.
    start: bool = True
