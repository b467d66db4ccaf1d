"""What a start or a reload reads from disk, but for certificates: read and judged whole, or not at all."""

from dataclasses import dataclass, field
from pathlib import Path

from proxy.ami.actions import OtherActions
from proxy.config import Config, Unfit, UsersFile, load, read_secret
from proxy.config.actions import other_actions
from proxy.config.differences import Differences, differences
from proxy.core.users import UserTable


class StartError(Exception):
    """The service cannot start; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that was read from disk for one configuration, validated.  Its ``repr`` shows no secret."""

    config: Config
    entries: UsersFile
    users: UserTable
    secret: bytes = field(repr=False)

    @property
    def actions(self) -> OtherActions:
        """Actions of other modules, as the configuration describes them."""
        return other_actions(self.config.actions, self.config.actions_undescribed)

    def differences_from(self, old: "Prepared") -> Differences:
        """What taking this up changes, by key and name."""
        found = differences((old.config, old.entries), (self.config, self.entries))
        same = old.secret == self.secret or "upstream.secret_file" in found.keys
        return found if same else found._replace(keys=(*found.keys, "upstream.secret_file"))


def prepare(path: Path, *, certificate_files: bool = True) -> Prepared:
    """Read and validate everything.  Raises ConfigErrors with all problems.

    ``certificate_files``: whether those must be there, or are left to the stores.
    """
    config, entries = load(path, certificate_files=certificate_files)
    try:
        secret = read_secret(config.upstream.secret_file)
    except Unfit as error:
        raise StartError(f"upstream.secret_file: {error}; {error.remedy}") from error
    return Prepared(config, entries, UserTable.from_config(entries), secret)
