"""Checks of configuration, certificates and file modes: those of a start, and more."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from amiproxy.config import Config, ConfigErrors, Loaded, named_users, users_files, warnings_of
from amiproxy.net.certs.certstore import CertStore
from amiproxy.net.certs.result import CertificatesRefused
from amiproxy.tools.doctor.finding import DoctorFinding, fail, ok, warn

_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def of_errors(errors: ConfigErrors) -> Iterator[DoctorFinding]:
    """The errors for which the service would not start, as findings."""
    for problem in errors.problems:
        yield fail("configuration", str(problem._replace(remedy="")), problem.remedy)


def examine(path: Path, loaded: Loaded) -> Iterator[DoctorFinding]:
    """Check the files of a valid configuration; one removed after it was loaded is a finding, too."""
    config, users, outdated = loaded
    yield ok("configuration", f"{path} and {named_users(config)} are valid; users: {len(users.users)}")
    for problem in outdated:
        yield warn("configuration", str(problem._replace(remedy="")), problem.remedy)
    for text in warnings_of(config, users):
        yield warn("configuration", text, "change it, unless you have a reason for it")
    yield from _certificates(config)
    yield from _modes(path, config)


def _certificates(config: Config) -> Iterator[DoctorFinding]:
    for listener in config.tls_listeners:
        try:
            findings = CertStore(listener, config.tls).last_result.findings
        except CertificatesRefused as refused:
            findings = refused.findings
        for found in dict.fromkeys(findings):
            judge = fail if found.level == "error" else warn
            yield judge("certificates", f"{found.file}: {found.text}", found.remedy)
        if not findings:
            yield ok("certificates", f"those of listener {listener.address} are valid")


def _governing(path: Path, config: Config) -> Iterator[Path]:
    """Files that define users' rights, and directories to which such files could be added."""
    yield from (path, path.absolute().parent)
    yield from (pattern.parent for pattern in config.users_files if pattern.parent.is_dir())
    yield from users_files(config)


def _modes(path: Path, config: Config) -> Iterator[DoctorFinding]:
    try:
        modes = [(file, file.stat().st_mode) for file in dict.fromkeys(_governing(path, config))]
    except ConfigErrors as errors:
        yield from of_errors(errors)
        return
    except OSError as error:
        text = f"{error.filename}: {error.strerror}"
        yield fail("files", text, "it was there when the doctor began: restore it, and run the doctor again")
        return
    loose = []
    for file, mode in modes:
        # In a sticky directory, other users cannot replace files that they do not own.
        if mode & _OTHERS_WRITE and not mode & stat.S_ISVTX:
            loose.append(file)
            text = f"{file} has mode {stat.S_IMODE(mode):04o}: other users could change users' rights"
            yield fail("files", text, f"chmod go-w {file}")
    if not loose:
        yield ok("files", "only their owner can change the configuration files")
