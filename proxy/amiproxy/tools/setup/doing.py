"""Does the steps.  Each one is atomic, and replaces nothing that it was not planned to replace."""

import grp
import itertools
import os
import pwd
import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from amiproxy.core.model.errors import Unfit
from amiproxy.tools.setup.steps import (
    Access,
    IssueCertificate,
    Link,
    MakeAccount,
    MakeCa,
    MakeFolder,
    Run,
    SetAccess,
    Step,
    WriteFile,
)
from amiproxy.x509.files import write_atomically
from amiproxy.x509.issuing.authority import CaFiles, create_ca
from amiproxy.x509.issuing.issue import certify, issue

#: Runs a command; returns its exit status and output.
Runner = Callable[[Sequence[str]], tuple[int, str]]

_AGAIN: Final = "run this again: it does what is left"


def do(step: Step, runner: Runner) -> None:
    """Do one step.

    Raises Unfit if a command fails or a file has changed since the plan was made, X509Error or OSError if a
    file cannot be written.  Then the step has changed nothing.
    """
    match step:
        case MakeAccount():
            _run(step.command, runner, "create the user, with its group, then run this again")
        case Run():
            _run(step.command, runner, step.remedy)
        case MakeFolder():
            step.path.parent.mkdir(parents=True, exist_ok=True)
            step.path.mkdir(mode=0o700)
            _set_access(step.path, step.access)
        case WriteFile():
            _write(step)
        case SetAccess():
            _set_access(step.path, step.access)
        case MakeCa():
            _make_ca(step)
        case IssueCertificate():
            _issue(step)
        case Link():
            step.path.symlink_to(step.target)


def _run(command: Sequence[str], runner: Runner, remedy: str) -> None:
    status, said = runner(command)
    if status != 0:
        shown = " ".join(word if " " not in word else f"'{word}'" for word in command)
        raise Unfit(f"{shown} failed: {said or f'exit status {status}'}", remedy)


def _write(step: WriteFile) -> None:
    there = step.path.read_bytes() if step.path.exists() else None
    if there != step.before:
        raise Unfit(f"{step.path} has changed meanwhile, and is kept", _AGAIN)
    mode, owner = step.access.mode, _owner(step.access)
    if step.backup is not None and there is not None:
        status = step.path.stat()
        write_atomically(
            _unused(step.backup), there, status.st_mode & 0o7777, _unless_ours(status.st_uid, status.st_gid)
        )
    write_atomically(step.path, step.content, mode, owner)


def _make_ca(step: MakeCa) -> None:
    # Beside its place, and renamed as a whole: a key without its certificate would be worth nothing.
    work = step.directory.with_name(f".{step.directory.name}.{secrets.token_hex(6)}")
    try:
        create_ca(work, step.name)
        work.rename(step.directory)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _issue(step: IssueCertificate) -> None:
    ca = CaFiles.within(step.ca)
    if step.key.exists():
        chain = certify(ca, step.names, step.key)
        write_atomically(step.chain, chain, step.chain_access.mode, _owner(step.chain_access))
        return
    work = step.key.parent / f".issued.{secrets.token_hex(6)}"
    work.mkdir(mode=0o700)
    try:
        pair = issue(ca, step.names, work, file_name="server")
        _set_access(pair.key, step.key_access)
        _set_access(pair.chain, step.chain_access)
        # A link, unlike a rename, never replaces a file.  If this ends between the two, the next run
        # issues the certificate for this key.
        os.link(pair.key, step.key)
        os.link(pair.chain, step.chain)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _set_access(path: Path, access: Access) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        owner = _owner(access)
        if owner is not None:
            # Closed to others until the owner is right.
            os.fchmod(descriptor, access.mode & 0o700)
            os.fchown(descriptor, *owner)
        os.fchmod(descriptor, access.mode)
    finally:
        os.close(descriptor)


def _owner(access: Access) -> tuple[int, int] | None:
    """Uid and gid; None if they are those of this process, which needs no right to set them."""
    try:
        uid = pwd.getpwnam(access.user).pw_uid
    except KeyError:
        uid = int(access.user)
    try:
        gid = grp.getgrnam(access.group).gr_gid
    except KeyError:
        gid = int(access.group)
    return _unless_ours(uid, gid)


def _unless_ours(uid: int, gid: int) -> tuple[int, int] | None:
    return None if (uid, gid) == (os.geteuid(), os.getegid()) else (uid, gid)


def _unused(path: Path) -> Path:
    numbered = (path.with_name(f"{path.name}.{number}") for number in itertools.count(2))
    # A link that leads nowhere is in the way, too.
    return next(one for one in itertools.chain((path,), numbered) if not os.path.lexists(one))
