"""Profiles: the servers that a person connects to, by name, in ``~/.config/ami-proxy/shell.yaml``."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import msgspec

from amiproxy.config.reading.binding import Binder
from amiproxy.config.reading.document import Document
from amiproxy.config.reading.files import read_file
from amiproxy.config.reading.problems import ConfigErrors, KeyPath, Problem
from amiproxy.core.model.errors import Unfit

#: Port of a profile that names none: that of the shipped proxy.yaml.
PORT: Final = 5039


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One server, and how to log in to it.  Paths are relative to the folder of the file.

    ``secret_command`` is a program with its arguments, which prints the secret; it runs without a shell.
    """

    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = PORT
    server_name: str = ""
    ca: Path | None = None
    user: str = ""
    certificate: Path | None = None
    key: Path | None = None
    secret_file: Path | None = None
    secret_command: tuple[str, ...] = ()
    plain: bool = False
    events: bool = False


class Profiles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file: ``default`` is the profile that is used if none is named."""

    default: str = ""
    profiles: dict[str, Profile] = {}


def profiles_path(environ: Mapping[str, str], home: Path) -> Path:
    """Where the file is: in XDG_CONFIG_HOME, which is ``~/.config`` if it is not set."""
    return _base(environ.get("XDG_CONFIG_HOME"), home / ".config") / "ami-proxy" / "shell.yaml"


def history_path(environ: Mapping[str, str], home: Path) -> Path:
    """Where the history is: in XDG_STATE_HOME, which is ``~/.local/state`` if it is not set."""
    return _base(environ.get("XDG_STATE_HOME"), home / ".local" / "state") / "ami-proxy" / "shell_history"


def _base(given: str | None, otherwise: Path) -> Path:
    # The specification has relative paths ignored.
    return Path(given) if given and Path(given).is_absolute() else otherwise


def load_profiles(path: Path, environ: Mapping[str, str]) -> Profiles:
    """The profiles in the file; none if it does not exist.

    Raises ConfigErrors with every problem, also if other users may write the file: they could have a command
    of theirs run.
    """
    if not path.exists():
        return Profiles()
    try:
        _refuse_writable(path)
        document = Document.parse(path, read_file(path))
    except Unfit as error:
        raise ConfigErrors([Problem(str(path), 0, "", str(error), error.remedy)]) from None
    profiles = Binder(document, environ, {Profiles: _check, Profile: _check_profile}).bind(Profiles)
    if profiles is None or document.problems:
        raise ConfigErrors(document.in_order())
    return profiles


def _refuse_writable(path: Path) -> None:
    found = path.stat()
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Unfit("other users may write this file", f"chmod go-w {path}")
    if found.st_uid not in (0, os.geteuid()):
        raise Unfit("the file belongs to another user", "make a copy of your own")


def _check(file: Profiles, path: KeyPath, document: Document) -> None:
    if file.default and file.default not in file.profiles:
        document.report((*path, "default"), f"there is no profile {file.default!r}", "correct the name")


def _check_profile(profile: Profile, path: KeyPath, document: Document) -> None:
    if profile.secret_file is not None and profile.secret_command:
        document.report((*path, "secret_command"), "there is a secret_file already", "remove one of them")
    if profile.key is not None and profile.certificate is None:
        document.report((*path, "key"), "there is no certificate that it belongs to", "add certificate:")
    if profile.plain and (profile.ca is not None or profile.certificate is not None):
        document.report((*path, "plain"), "certificates have no meaning without TLS", "remove one of them")
