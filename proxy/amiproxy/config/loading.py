"""Reads and checks all configuration files; the result is valid, or all problems are reported at once."""

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

import msgspec

from amiproxy.config.actionfiles import with_described
from amiproxy.config.checking.fleet import written_role
from amiproxy.config.checks import CHECKS, check_server_is_there
from amiproxy.config.fleet.files import read_seed, read_token_keys
from amiproxy.config.misplaced import MISPLACED
from amiproxy.config.reading.binding import Binder
from amiproxy.config.reading.document import Document, Node
from amiproxy.config.reading.files import (
    check_certificate_file,
    check_readable,
    is_missing,
    read_file,
    read_secret,
)
from amiproxy.config.reading.patterns import files_of, matching
from amiproxy.config.reading.problems import ConfigErrors, Problem
from amiproxy.config.removed import REMOVED
from amiproxy.config.schema import Config, Control
from amiproxy.config.users.servers import ServerNames
from amiproxy.config.users.user import UsersFile
from amiproxy.config.users.userfiles import UsersReader
from amiproxy.core.model.errors import Unfit
from amiproxy.steps import Steps, result_of

S = TypeVar("S", bound=msgspec.Struct)

#: Checks of files with secrets that the service needs only when it runs.
_SECRET_FILES = (read_secret, read_seed, read_token_keys)


class Loaded(NamedTuple):
    """The content of all configuration files."""

    config: Config
    users: UsersFile
    #: Keys in the files that no longer have an effect.
    outdated: tuple[Problem, ...] = ()


def load_config(path: Path) -> Config:
    """Load proxy.yaml and check every file that it names.  Raises ConfigErrors with all problems."""
    read = _config(path)
    return _settled(read.config, read.problems)


def draft_config(path: Path) -> Config:
    """Load proxy.yaml without looking at the files that it names, which may not exist yet.

    Raises ConfigErrors with all other problems.
    """
    try:
        document = Document.parse(path, read_file(path))
    except Unfit as error:
        raise ConfigErrors([Problem.of_file(path, error)]) from None
    skipped = (check_readable, check_certificate_file, *_SECRET_FILES, matching)
    config = Binder(document, os.environ, CHECKS, skipped, REMOVED, MISPLACED).bind(Config)
    return _settled(config, document.in_order())


def load_control(path: Path) -> Control | None:
    """Load only ``control`` of proxy.yaml, to reach a running service whose file has become invalid since.

    None if it is absent.  Raises ConfigErrors if the file cannot be read.
    """
    try:
        document = _document(path)
    except Unfit as error:
        raise ConfigErrors([Problem.of_file(path, error)]) from None
    return Binder(document, os.environ).bind_key("control", Control)


def load(path: Path, *, certificate_files: bool = True) -> Loaded:
    """Run ``loading`` to its end without pauses.  Raises ConfigErrors with all problems."""
    return result_of(loading(path, certificate_files=certificate_files))


def loading(
    path: Path,
    *,
    certificate_files: bool = True,
    old: UsersFile | None = None,
    texts: Mapping[Path, bytes] = MappingProxyType({}),
) -> Steps[Loaded]:
    """Load proxy.yaml and its users files, in steps.  Raises ConfigErrors with all problems.

    Without ``certificate_files`` those are not checked here, but by the code that serves them.  An entry
    equal to the one in ``old`` is the same object.  ``texts`` has the contents that users files, which need
    not exist yet, are about to get; then the link's secret need not exist either.
    """
    skipped = () if certificate_files else (check_certificate_file,)
    read = _config(path, (*skipped, check_readable, *_SECRET_FILES) if texts else skipped)
    reader = UsersReader(old.users if old is not None else {}, read.servers, remote=read.role == "agent")
    for file in read.users_files:
        yield from reader.read_text(file, texts[file]) if file in texts else reader.read(file)
    config = _settled(read.config, read.problems + reader.problems)
    return Loaded(config, UsersFile(users=reader.users), read.outdated)


def named_files(path: Path) -> list[Path]:
    """The users files that a proxy.yaml names, whatever else is wrong with it; a single one need not exist.

    Raises ConfigErrors if it names none that can be found.
    """
    read = _config(path, (check_certificate_file, check_readable, *_SECRET_FILES))
    if not read.users_files:
        raise ConfigErrors(read.problems)
    return list(read.users_files)


def server_names(path: Path) -> ServerNames | None:
    """The servers that a proxy.yaml names, whatever else is wrong with it; None if it names none."""
    return _config(path, (check_certificate_file, check_readable, *_SECRET_FILES)).servers


def users_files(config: Config) -> list[Path]:
    """The current users files of a configuration.  Raises ConfigErrors if a pattern no longer matches any."""
    try:
        return [config.users_file] if config.users_file is not None else files_of(config.users_files)
    except Unfit as error:
        raise ConfigErrors([Problem("users_files", 0, "", str(error), error.remedy)]) from None


def named_users(config: Config) -> str:
    """The users files or patterns as the configuration names them, for messages."""
    return ", ".join(map(str, filter(None, (config.users_file, *config.users_files))))


class _Read(NamedTuple):
    """What proxy.yaml says: the configuration (None if invalid), and its users files that can be read.

    ``servers`` is None if it does not say which there are; ``role`` is its role in a fleet, or "".
    """

    config: Config | None
    problems: list[Problem]
    users_files: tuple[Path, ...] = ()
    outdated: tuple[Problem, ...] = ()
    servers: ServerNames | None = None
    role: str = ""


def _config(path: Path, skipped: Collection[Callable[[Path], object]] = ()) -> _Read:
    try:
        document = _document(path)
    except Unfit as error:
        return _Read(None, [Problem.of_file(path, error)])
    binder = Binder(document, os.environ, CHECKS, skipped, REMOVED, MISPLACED)
    config = binder.bind(Config)
    if config is None and document.readable:
        check_server_is_there(document)
    problems = document.in_order()
    if config is not None:
        config, more = with_described(config)
        problems += more
    named: dict[Path, None] = {}
    for step, given in binder.files.items():
        if step == ("users_file",):
            named[given] = None
        elif step[0] == "users_files":
            try:
                named.update(dict.fromkeys(matching(given)))
            except Unfit as error:  # The files have gone since the pattern was checked.
                problems.append(Problem.of_file(path, error))
    servers = config.server_names if config is not None else _servers_in(document)
    return _Read(config, problems, tuple(named), tuple(document.outdated), servers, written_role(document))


def _servers_in(document: Document) -> ServerNames | None:
    """The servers of a configuration with problems, so that those of the users are found as well."""
    root = document.root.content
    if not isinstance(root, dict) or ("upstream" in root and "servers" in root):
        return None
    if "upstream" in root:
        return ServerNames()
    names = _names_in(root)
    if written_role(document) == "edge":
        fleet = root["fleet"].content
        names += _names_in(fleet) if isinstance(fleet, dict) else ()
    return ServerNames(names, named=True) if names else None


def _names_in(section: Mapping[str, Node]) -> tuple[str, ...]:
    servers = section["servers"].content if "servers" in section else None
    return tuple(servers) if isinstance(servers, dict) else ()


def _document(path: Path) -> Document:
    try:
        return Document.parse(path, read_file(path))
    except Unfit as error:
        if not is_missing(path):
            raise
        # The path may be the command's default, which the operator never wrote.
        raise Unfit(str(error), "create it, or give the path of your proxy.yaml with --config") from None


def _settled(bound: S | None, problems: list[Problem]) -> S:
    if bound is None or problems:
        raise ConfigErrors(problems)
    return bound
