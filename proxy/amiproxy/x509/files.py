"""Write keys and certificates so that readers never see half a file or too open a mode.

Each file is written beside its target and renamed over it.  A file that is
replaced keeps its owner, group and mode, which the operator may have chosen: for
example the group through which an unprivileged service reads its key.
"""

import os
import secrets
import stat
from pathlib import Path

from amiproxy.x509.errors import IssueError

KEY_MODE = 0o600
CERTIFICATE_MODE = 0o644
_CA_DIRECTORY_MODE = 0o700


def write_atomically(path: Path, data: bytes, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Create or replace ``path``, following a link; ``mode`` and ``owner`` apply to a new file only.

    ``owner`` is uid and gid; None: those of the process.

    Raises IssueError with the path if the directory cannot be written or the old file's owner and group
    cannot be kept.
    """
    target = path.resolve() if path.is_symlink() else path
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                _take_over_mode(file.fileno(), target, mode, owner)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_directory(target.parent)
    except OSError as error:
        raise IssueError(f"cannot write {path}: {error.strerror}") from error


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


def _take_over_mode(descriptor: int, target: Path, mode: int, owner: tuple[int, int] | None) -> None:
    try:
        old = target.stat()
    except FileNotFoundError:
        if owner is not None:
            os.fchown(descriptor, *owner)
        os.fchmod(descriptor, mode)
        return
    mine = os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (mine.st_uid, mine.st_gid):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
