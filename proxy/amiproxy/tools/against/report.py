"""What an upgrade, restart or reload would change: the result of a comparison."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from amiproxy.config.plain import Plain
from amiproxy.tools.against.rights import Direction

#: ``same``: nothing would change.  ``reload``: a reload applies everything.  ``restart``: it cannot.
Result = Literal["same", "reload", "restart", "refused"]
#: Exit status of each result.
STATUS: Final[Mapping[Result, int]] = {"same": 0, "reload": 0, "refused": 1, "restart": 4}


class Setting(NamedTuple):
    """A changed key of proxy.yaml; ``old`` or ``new`` may be ABSENT."""

    key: str
    old: Plain
    new: Plain
    #: Why it takes a restart; empty if a reload applies it.
    why_restart: str = ""
    #: Whether ``new`` is the default of the version that checks.
    is_default: bool = False


class UserKey(NamedTuple):
    """A changed key of a user, such as ``scope.channels``; fingerprints stand for what must not be shown."""

    key: str
    old: Plain
    new: Plain


class UserChange(NamedTuple):
    """A user that was added, removed, renamed or changed."""

    name: str
    kind: Literal["added", "removed", "renamed", "changed"]
    keys: tuple[UserKey, ...] = ()
    #: The direction of each changed top-level key for which it is known.
    directions: Mapping[str, Direction] = {}
    #: The user's name until now.
    earlier_name: str = ""
    #: Its open sessions, and how many of them a reload would close, by reason.
    sessions: int = 0
    closes: Mapping[str, int] = {}
    #: Whether the sessions that stay may get fewer events than before.
    gets_fewer_events: bool = False


class CertificateChange(NamedTuple):
    """A certificate of one listener, as in ``certificateviews.certificates_of``; None if there is none."""

    listener: str
    old: Mapping[str, Plain] | None
    new: Mapping[str, Plain] | None


@dataclass(frozen=True)
class Report:
    """Everything that differs."""

    #: The version that runs, and the one that checks.
    versions: tuple[str, str]
    #: Open sessions, which a restart closes.
    sessions: int
    refused: Sequence[str] = ()
    warnings: Sequence[str] = ()
    settings: Sequence[Setting] = ()
    users: Sequence[UserChange] = ()
    certificates: Sequence[CertificateChange] = ()
    #: Files with new content that ``certificates`` does not show: keys, chains, client CAs, revocation lists.
    files: Sequence[str] = ()
    #: What differs between the program that runs and the one that checks: name, old, new.
    program: Sequence[tuple[str, str, str]] = ()
    #: Keys that the version that checks has in addition, with their values; and those that it no longer has.
    new_keys: Sequence[Setting] = ()
    gone_keys: Sequence[Setting] = ()
    #: What could not be compared, as phrases.
    unknown: Sequence[str] = ()
    #: Other remarks, one sentence each.
    notes: Sequence[str] = ()

    @property
    def is_upgrade(self) -> bool:
        """Whether another version than the running one checks, which takes effect with a restart."""
        return self.versions[0] != self.versions[1]

    @property
    def result(self) -> Result:
        """What it comes to."""
        if self.refused:
            return "refused"
        if self.is_upgrade or any(setting.why_restart for setting in self.settings):
            return "restart"
        changed = (self.settings, self.users, self.certificates, self.files)
        return "reload" if any(changed) else "same"
