"""Everything that a start or reload reads from disk except certificates: validated as a whole."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from amiproxy import log
from amiproxy.ami.actions import OtherActions
from amiproxy.config import Config, Problem, Unfit, UsersFile, loading, read_secret
from amiproxy.config.actions import other_actions
from amiproxy.config.differences import Differences, differing
from amiproxy.config.fleet.files import read_seed, read_token_keys, secrets_by_key
from amiproxy.config.users.usertable import building_table
from amiproxy.core.model.limits import ServerLimits
from amiproxy.core.model.users import UserTable
from amiproxy.core.servers.servers import Configured
from amiproxy.steps import Steps, result_of

S = TypeVar("S")


class StartError(Exception):
    """The service cannot start; the text says why and what to do."""

    def __init__(self, text: str, *, may_pass: bool = False) -> None:
        """``may_pass``: whether a start some seconds later may succeed with the same configuration."""
        super().__init__(text)
        self.may_pass = may_pass


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """The validated files of one configuration.  Its ``repr`` shows no secret."""

    config: Config
    entries: UsersFile
    users: UserTable
    #: That of our manager user at each server, by the server's name.
    secrets: Mapping[str, bytes] = field(repr=False)
    #: Keys in the files that no longer have an effect.
    outdated: tuple[Problem, ...] = ()
    #: The nkey seed of a process in a fleet; empty for any other.
    fleet_seed: bytes = field(default=b"", repr=False)
    #: The fleet's keys of positions, the one that seals first; empty for a process in no fleet.
    token_keys: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def fleet_secrets(self) -> dict[str, bytes]:
        """The secrets of a process in a fleet, by the key of proxy.yaml that names their file."""
        return secrets_by_key(self.fleet_seed, self.token_keys)

    @property
    def servers(self) -> Configured:
        """The servers that it has."""
        config = self.config
        return Configured(config.every_name, config.upstream is None, config.default_server)

    @property
    def server_limits(self) -> dict[str, ServerLimits]:
        """The limits that each server has of its own."""
        return {name: self.config.own_limits_of(name) for name in self.config.every_name}

    @property
    def actions(self) -> OtherActions:
        """Actions of other modules, as described in the configuration."""
        return other_actions(self.config.actions, self.config.actions_undescribed)

    def warn(self) -> None:
        """Log the keys that no longer have an effect."""
        for problem in self.outdated:
            log.say(log.WARNING, "config-outdated", reason=str(problem))

    def differences_from(self, old: "LoadedConfig") -> Differences:
        """Run ``differing_from`` to its end at once."""
        return result_of(self.differing_from(old))

    def differing_from(self, old: "LoadedConfig") -> Steps[Differences]:
        """The differences that applying this makes, by configuration key and user name, in steps."""
        found = yield from differing((old.config, old.entries), (self.config, self.entries))
        # A new secret in the same file is a difference, too; a server that is new is one already.
        changed = [
            _secret_key(self.config, name)
            for name, secret in self.secrets.items()
            if secret != old.secrets.get(name, secret)
        ]
        before = old.fleet_secrets
        changed += [key for key, secret in self.fleet_secrets.items() if secret != before.get(key, secret)]
        return found._replace(keys=(*found.keys, *(key for key in changed if key not in found.keys)))

    def letting_go(self) -> Steps[None]:
        """Free a replaced configuration in steps, since freeing thousands of entries at once is a pause."""
        yield from self.users.letting_go()
        while self.entries.users:
            self.entries.users.popitem()
            yield


def prepare(path: Path, *, certificate_files: bool = True) -> LoadedConfig:
    """Run ``preparing`` to its end at once.  Raises ConfigErrors or StartError likewise."""
    return result_of(preparing(path, certificate_files=certificate_files))


def preparing(
    path: Path, *, certificate_files: bool = True, old: LoadedConfig | None = None
) -> Steps[LoadedConfig]:
    """Read and validate everything, in steps.

    ``certificate_files``: whether to check that certificate files exist, or to leave that to the stores.
    Unchanged parts are reused from ``old``.  Raises ConfigErrors with all problems, or StartError for a
    secret file.
    """
    before = old.entries if old is not None else None
    config, entries, outdated = yield from loading(path, certificate_files=certificate_files, old=before)
    secrets = {name: _secret_of(config, name) for name in config.every_server}
    seed, token_keys = _fleet_secrets(config)
    users = yield from building_table(
        entries, old.users if old is not None else None, before, servers=config.server_names
    )
    return LoadedConfig(config, entries, users, secrets, outdated, seed, token_keys)


def _secret_of(config: Config, server: str) -> bytes:
    return _read(read_secret, config.every_server[server].secret_file, _secret_key(config, server))


def _fleet_secrets(config: Config) -> tuple[bytes, tuple[bytes, ...]]:
    """The seed and the keys of positions, both empty without a fleet."""
    if config.fleet is None:
        return b"", ()
    seed = _read(read_seed, config.fleet.seed_file, "fleet.seed_file")
    return seed, _read(read_token_keys, config.fleet.token_key_file, "fleet.token_key_file")


def _read(read: Callable[[Path], S], file: Path, key: str) -> S:
    """The content of a file with a secret, which ``key`` names."""
    try:
        return read(file)
    except Unfit as error:
        raise StartError(f"{key}: {error}; {error.remedy}") from error


def _secret_key(config: Config, server: str) -> str:
    """The key of proxy.yaml that names the file with the secret."""
    return "upstream.secret_file" if config.upstream is not None else f"servers.{server}.secret_file"
