"""One configuration with everything that belongs to it: the one in force, or the one on disk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from amiproxy.config.plain import Plain

View = Mapping[str, Any]


@dataclass(frozen=True)
class State:
    """A configuration as plain data (``config.plain``), in which secrets are fingerprints under one key.

    ``users`` has the entries by name as written, ``certificates`` what each listener serves, as
    ``certificateviews.certificates_of`` describes it.
    """

    #: ``version``, and if known ``core``, ``python`` and ``openssl``.
    interpreter: View
    config: Plain
    users: Mapping[str, Plain]
    certificates: Sequence[View]
    #: The fingerprint of each server's secret, by the server's name.
    upstream_secrets: Mapping[str, str] = field(default_factory=dict)
    #: The fingerprint of each secret of a process in a fleet, by the key that names its file.
    fleet_secrets: Mapping[str, str] = field(default_factory=dict)
    #: The fingerprint of each certificate file, by listener and path.
    files: Sequence[Mapping[str, str | None]] = ()


class Account(NamedTuple):
    """The account that the service runs as."""

    uid: int
    gid: int
    groups: tuple[int, ...]


@dataclass(frozen=True)
class Running(State):
    """The service that runs."""

    pid: int = 0
    uptime: float = 0.0
    #: Sessions that have logged in: in all, and by user.
    authenticated: int = 0
    sessions: Mapping[str, int] = field(default_factory=dict)
    #: The level in force, which ``ctl log-level`` may have set.
    log_level: str = ""
    #: What an older service does not know, as phrases; empty if everything is known.
    unknown: tuple[str, ...] = ()
    #: Its proxy.yaml, and its account; None if an older service does not say.
    path: str | None = None
    account: Account | None = None
    #: The reply to ``rehearse``; None if the service does not know that command.
    rehearsal: View | None = None

    def reads(self, path: Path) -> bool:
        """Whether ``path`` is the proxy.yaml that the service reads."""
        try:
            return self.path is not None and path.samefile(self.path)
        except OSError:
            return False

    def has_tried(self, path: Path, version: str) -> bool:
        """Whether the rehearsal says what a service of this version does with the files of ``path``."""
        return self.rehearsal is not None and self.reads(path) and self.interpreter["version"] == version

    @property
    def is_whole(self) -> bool:
        """Whether it has every key of its configuration."""
        return self.path is not None
