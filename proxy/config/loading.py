"""Both files, read and judged: all of it good, or every problem at once."""

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

import msgspec

from proxy.config.actionfiles import with_described
from proxy.config.binding import Binder, Check
from proxy.config.checks import CHECKS
from proxy.config.document import Document
from proxy.config.files import check_certificate_file, read_file, read_private
from proxy.config.problems import ConfigErrors, Problem, Unfit
from proxy.config.schema import Config, Control
from proxy.config.user import UserEntry, UsersFile, check_bindings, check_entry, check_names

S = TypeVar("S", bound=msgspec.Struct)


def load_config(path: Path) -> Config:
    """proxy.yaml, with every file it names looked at; ConfigErrors holds all that is wrong."""
    config, problems, _ = _config(path)
    return _settled(config, problems)


def load_control(path: Path) -> Control | None:
    """``control`` of proxy.yaml alone, for who must reach a service whose file has since become wrong.

    None where there is none.  ConfigErrors when the file cannot be read.
    """
    try:
        document = Document.parse(path, read_file(path))
    except Unfit as error:
        raise ConfigErrors([_about(path, error)]) from None
    return Binder(document, os.environ).bind_key("control", Control)


def load_users(path: Path) -> UsersFile:
    """users.yaml; ConfigErrors holds all that is wrong."""
    users, problems = _users(path)
    return _settled(users, problems)


def parse_users(path: Path, text: bytes) -> UsersFile:
    """What ``load_users`` would give if the file held this text."""
    users, problems = _users_in(path, text)
    return _settled(users, problems)


def load(path: Path, *, certificate_files: bool = True) -> tuple[Config, UsersFile]:
    """proxy.yaml and the users.yaml it names; ConfigErrors holds all that is wrong with either.

    Without ``certificate_files`` those need not be there: who serves them finds out.
    """
    config, problems, users_file = _config(path, () if certificate_files else (check_certificate_file,))
    users = None
    if users_file is not None:
        users, more = _users(users_file)
        problems += more
    return _settled(config, problems), _settled(users, problems)


def _config(
    path: Path, unasked: Collection[Callable[[Path], None]] = ()
) -> tuple[Config | None, list[Problem], Path | None]:
    """The configuration, what is wrong with it, and its users file if that at least can be read."""
    try:
        document = Document.parse(path, read_file(path))
    except Unfit as error:
        return None, [_about(path, error)], None
    binder = Binder(document, os.environ, CHECKS, unasked)
    config = binder.bind(Config)
    problems = document.in_order()
    if config is not None:
        config, more = with_described(config)
        problems += more
    return config, problems, binder.files.get(("users_file",))


def _users(path: Path) -> tuple[UsersFile | None, list[Problem]]:
    try:
        text = read_private(path)
    except Unfit as error:
        return None, [_about(path, error)]
    return _users_in(path, text)


def _users_in(path: Path, text: bytes) -> tuple[UsersFile | None, list[Problem]]:
    document = Document.parse(path, text)
    check_names(document)
    checks: dict[type, Check] = {UserEntry: check_entry, UsersFile: check_bindings}
    users = Binder(document, os.environ, checks).bind(UsersFile)
    return users, document.in_order()


def _about(path: Path, error: Unfit) -> Problem:
    return Problem(str(path), 0, "", str(error), error.remedy)


def _settled(bound: S | None, problems: list[Problem]) -> S:
    if bound is None or problems:
        raise ConfigErrors(problems)
    return bound
