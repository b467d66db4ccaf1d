"""Read several files as one consistent set, through any symlinks that lead to them.

certbot re-points the links of ``live/`` one by one, Kubernetes renames ``..data``
over itself, others rewrite files in place: a reader that opens certificate and key one
after the other can get two generations.  So every path is resolved and stat'ed before
and after the reads, and the set is used only if nothing changed in between.
"""

import errno
import grp
import hashlib
import os
import pwd
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from amiproxy.permissions import KEPT_OUT, Loose, loose_folder, may_read
from amiproxy.steps import Steps, result_of
from amiproxy.x509.errors import SnapshotError

# A chain of four RSA certificates is 8 KB, a CRL of a large CA some hundred.
SIZE_LIMIT = 4 * 1024 * 1024
_PASSES = 5
_HOP_LIMIT = 40
FileState = tuple[object, ...]
"""The state of one file; opaque, for comparison only."""


@dataclass(frozen=True)
class SourceFile:
    """The content of one file, with its owner and permissions."""

    path: Path
    """As configured."""
    data: bytes
    mode: int
    """Permission bits."""
    owner: str
    """``user:group``."""
    loose_directories: tuple[Loose, ...] = ()
    """Directories on the way in which other users could replace the file."""

    @property
    def digest(self) -> bytes:
        """SHA-256 of the content, 32 bytes."""
        return hashlib.sha256(self.data).digest()


Snapshot = Mapping[Path, SourceFile | SnapshotError]


def read_set(paths: Iterable[Path], *, read: Callable[[Path], SourceFile] | None = None) -> Snapshot:
    """Run ``reading_set`` to its end without pauses.  Raises SnapshotError as that does."""
    return result_of(reading_set(paths, read=read))


def reading_set(
    paths: Iterable[Path], *, read: Callable[[Path], SourceFile] | None = None
) -> Steps[Snapshot]:
    """Read all ``paths``, in steps: for each, its content, or the error why it cannot be read.

    Raises SnapshotError (transient) if the files keep changing.  ``read`` replaces
    the reading of one file, in tests.
    """
    wanted = list(dict.fromkeys(paths))
    for _ in range(_PASSES):
        before = yield from _states(wanted)
        files = {}
        for path in wanted:
            files[path] = _read_or_error(path, read or read_file)
            yield
        if before == (yield from _states(wanted)):
            return files
    names = ", ".join(map(str, wanted))
    raise SnapshotError(
        names, "the files change while they are read", "let the writer finish, then reload", transient=True
    )


def _states(paths: Iterable[Path]) -> Steps[list[FileState]]:
    states = []
    for path in paths:
        states.append(file_state(path))
        yield
    return states


def read_file(path: Path) -> SourceFile:
    """Read one regular file.  Raises SnapshotError with file, owner, mode, our ids and the remedy."""
    try:
        # O_NONBLOCK: a FIFO instead of a file must not block us.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise SnapshotError(str(path), "is not a regular file", "name a PEM file")
            data = _read_whole(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _explain(path, error) from error
    if len(data) > SIZE_LIMIT:
        raise SnapshotError(str(path), f"is larger than {SIZE_LIMIT} bytes", "name a PEM file")
    return SourceFile(
        path=path,
        data=data,
        mode=stat.S_IMODE(status.st_mode),
        owner=_owner(status),
        loose_directories=_loose_directories(path),
    )


def file_state(path: Path) -> FileState:
    """A value that changes whenever ``path`` may lead to other content, and stays equal otherwise."""
    try:
        real = Path(os.path.realpath(path, strict=True))
        status = real.stat()
    except OSError as error:
        return (error.errno,)
    return (str(real), status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)


def hops(path: Path) -> tuple[Path, ...]:
    """All directories in which a change can alter what ``path`` leads to, for a watch on it.

    They are the parents of the path itself, of every symlink on the way and of its
    target.  A directory that does not exist is replaced by its nearest existing parent,
    in which it may appear.
    """
    directories: dict[Path, None] = {}
    pending = [path.absolute()]
    for _ in range(_HOP_LIMIT):
        if not pending:
            break
        current = pending.pop()
        walked = Path(current.anchor)
        parts = current.parts[1:]
        for index, part in enumerate(parts):
            entry = walked / part
            is_last = index == len(parts) - 1
            if _is(entry, stat.S_ISLNK):
                directories[walked] = None
                target = walked / entry.readlink()
                pending.append(Path(os.path.normpath(target.joinpath(*parts[index + 1 :]))))
                break
            if is_last or not _is(entry, stat.S_ISDIR):
                directories[walked] = None
                break
            walked = entry
    return tuple(directories)


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    """Like ``is_symlink`` and ``is_dir``, but False if a directory may not be searched, where those raise."""
    try:
        return kind(path.lstat().st_mode)
    except OSError:
        return False


def _read_whole(descriptor: int) -> bytes:
    """The content, up to one byte over SIZE_LIMIT."""
    parts: list[bytes] = []
    missing = SIZE_LIMIT + 1
    while missing and (part := os.read(descriptor, missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _read_or_error(path: Path, read: Callable[[Path], SourceFile]) -> SourceFile | SnapshotError:
    try:
        return read(path)
    except SnapshotError as error:
        return error


def _explain(path: Path, error: OSError) -> SnapshotError:
    if error.errno == errno.ENOENT:
        if _is(path, stat.S_ISLNK):
            return SnapshotError(
                str(path),
                f"is a symbolic link to {path.readlink()}, which does not exist",
                "let the renewal finish, or fix the link",
                transient=True,
            )
        return SnapshotError(
            str(path), "there is no such file", "create it, or correct the path", transient=True
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return _explain_denied(path)
    return SnapshotError(str(path), f"cannot be read: {error.strerror}", "fix what the system reports")


def _explain_denied(path: Path) -> SnapshotError:
    us = f"we are {_user(os.geteuid())}, uid {os.geteuid()}, gid {os.getegid()}"
    for directory in _directories_to(path):
        if _is(directory, stat.S_ISDIR) and not os.access(directory, os.X_OK, effective_ids=True):
            status = directory.stat()
            return SnapshotError(
                str(path),
                f"permission denied: directory {directory} is {_owner(status)}, "
                f"mode {stat.S_IMODE(status.st_mode):04o}; {us}",
                "have the renewal copy the files to where we may read them, by the hook in certs/hooks/",
            )
    try:
        status = path.stat()
    except OSError:
        return SnapshotError(str(path), f"permission denied; {us}", "find the cause with namei -l")
    if may_read(path):
        return SnapshotError(
            str(path),
            f"permission denied, although owner and mode allow it ({_owner(status)}, "
            f"mode {stat.S_IMODE(status.st_mode):04o}; {us})",
            KEPT_OUT,
        )
    group = _group(os.getegid())
    return SnapshotError(
        str(path),
        f"permission denied: it is {_owner(status)}, mode {stat.S_IMODE(status.st_mode):04o}; {us}",
        f"chgrp {group} and chmod 0640 it; the deploy hooks in certs/hooks/ do so at each renewal",
    )


def _loose_directories(path: Path) -> tuple[Loose, ...]:
    found = []
    for directory in hops(path):
        try:
            mode = directory.stat().st_mode
        except OSError:
            continue
        if loose := loose_folder(directory, mode, path.name):
            found.append(loose)
    return tuple(found)


def _directories_to(path: Path) -> Sequence[Path]:
    """All directories that must be searched on the way to ``path``, from the root down, following links."""
    ordered: dict[Path, None] = {}
    for hop in hops(path):
        for directory in (*reversed(hop.parents), hop):
            ordered[directory] = None
    return tuple(ordered)


def _owner(status: os.stat_result) -> str:
    return f"{_user(status.st_uid)}:{_group(status.st_gid)}"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
