"""Write keys and certificates so that readers never see half a file or too open a mode.

Each file is written beside its target and renamed over it.  A file that is
replaced keeps its owner, group and mode, which the operator may have chosen: for
example the group through which an unprivileged service reads its key.
"""

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from amiproxy.x509.errors import IssueError

KEY_MODE = 0o600
CERTIFICATE_MODE = 0o644
_CA_DIRECTORY_MODE = 0o700
#: As the kernel follows.
_MOST_LINKS: Final = 40


def write_atomically(path: Path, data: bytes, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Create or replace ``path``, following a link; ``mode`` and ``owner`` apply to a new file only.

    ``owner`` is uid and gid; None: those of the process.  For root, a link that another user can have put
    there is an error: root would write wherever that user likes.

    Raises IssueError with the path if the directory cannot be written or the old file's owner and group
    cannot be kept.
    """
    try:
        folder, name = _place_of(path)
        try:
            _replace(folder, name, data, mode, owner)
        finally:
            os.close(folder)
    except OSError as error:
        raise IssueError(f"cannot write {path}: {error.strerror}") from error


def _replace(folder: int, name: str, data: bytes, mode: int, owner: tuple[int, int] | None) -> None:
    temporary = f".{name}.{secrets.token_hex(6)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            _take_over_mode(file.fileno(), folder, name, mode, owner)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)


def _place_of(path: Path) -> tuple[int, str]:
    """A descriptor of the folder in which ``path`` lies once links are followed, and its name there.

    Each folder on the way is opened from the one before, so that nobody can exchange one meanwhile.
    """
    left = list(reversed(path.absolute().parts[1:]))
    folder = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        followed = 0
        while True:
            name = left.pop()
            target = _target_of_link(folder, name)
            if target is not None:
                followed += 1
                if followed > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                left += reversed(Path(target).parts)
            elif left:
                # The path of a link may begin with "/", which openat takes as it is.
                deeper = os.open(
                    name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder
                )
                os.close(folder)
                folder = deeper
            else:
                # Not with O_PATH, so that it can be synchronized.
                return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder), name
    finally:
        os.close(folder)


def _target_of_link(folder: int, name: str) -> str | None:
    """Where a link leads; None if the name is none.  Raises OSError if it is not one to follow."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISLNK(found.st_mode):
        return None
    around = os.fstat(folder)
    shared = around.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    is_safe = around.st_uid == 0 and (not shared or (around.st_mode & stat.S_ISVTX and found.st_uid == 0))
    if os.geteuid() == 0 and not is_safe:
        raise OSError(
            errno.ELOOP,
            f"{name} is a link in a folder that other users may change, who could have root write anywhere; "
            "name the file itself",
        )
    return os.readlink(name, dir_fd=folder)


def make_private_directory(directory: Path) -> None:
    """Create ``directory`` with mode 0700, or accept an existing one that other users cannot access.

    Raises IssueError.
    """
    try:
        directory.mkdir(mode=_CA_DIRECTORY_MODE, parents=True, exist_ok=True)
        mode = stat.S_IMODE(directory.stat().st_mode)
    except OSError as error:
        raise IssueError(f"cannot create {directory}: {error.strerror}") from error
    if mode & 0o077:
        raise IssueError(
            f"{directory} has mode {mode:04o}: others could read or replace the CA's key there; "
            f"chmod 700 {directory}, or choose a new directory"
        )


def _take_over_mode(
    descriptor: int, folder: int, name: str, mode: int, owner: tuple[int, int] | None
) -> None:
    try:
        old = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        if owner is not None:
            os.fchown(descriptor, *owner)
        os.fchmod(descriptor, mode)
        return
    mine = os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (mine.st_uid, mine.st_gid):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
