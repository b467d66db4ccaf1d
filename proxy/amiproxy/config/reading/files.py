"""Reads the files that a configuration names; those with secrets must not be accessible to other users."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amiproxy.config.reading.document import MAX_BYTES
from amiproxy.core.model.errors import Unfit
from amiproxy.permissions import KEPT_OUT, loose_folder, loose_secret, may_read


def is_missing(path: Path) -> bool:
    """Whether there is no such file, as far as this process can tell; False if it may not look."""
    try:
        path.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def check_readable(path: Path) -> None:
    """Raise Unfit unless the path is a regular file that this process can read."""
    os.close(_open(path))


def check_certificate_file(path: Path) -> None:
    """``check_readable`` for certificate files; a separate function, so that loading can skip this check.

    Reloads skip it, since the code that checks the content of certificate files reports such errors.  Raises
    Unfit.
    """
    check_readable(path)


def read_file(path: Path) -> bytes:
    """The content of a configuration file.  Raises Unfit if it cannot be read.

    No more than MAX_BYTES + 1 bytes are read: the caller refuses a file that is larger than MAX_BYTES.
    """
    with _explaining(path), os.fdopen(_open(path), "rb") as file:
        return file.read(MAX_BYTES + 1)


def read_private(path: Path) -> bytes:
    """As ``read_file``, for a file that contains secrets: also checks the mode of the very file that is read.

    Raises Unfit if it cannot be read, or if the mode of the file or of its folder allows too much.
    """
    with _explaining(path), os.fdopen(_open(path), "rb") as file:
        _refuse_loose_modes(path, os.fstat(file.fileno()).st_mode)
        return file.read(MAX_BYTES + 1)


def read_secret(path: Path) -> bytes:
    """The secret in a file, without one newline at its end.

    Raises Unfit as ``read_private`` does, and unless the file has exactly one line, which is not empty.
    """
    secret = read_private(path)
    secret = (
        secret.removesuffix(b"\n").removesuffix(b"\r")
        if secret.endswith(b"\r\n")
        else secret.removesuffix(b"\n")
    )
    if not secret:
        raise Unfit(f"{path} is empty", "put the secret into it, on one line")
    if any(byte < 0x20 or byte == 0x7F for byte in secret):
        raise Unfit(f"{path} has more than one line, or control characters", "write only the secret into it")
    return secret


def _open(path: Path) -> int:
    with _explaining(path):
        # Without O_NONBLOCK, a FIFO instead of a file would block the start for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unfit(f"{path} is not a regular file", "name a regular file")
    return descriptor


@contextmanager
def _explaining(path: Path) -> Iterator[None]:
    """Turn each OSError into Unfit, with the remedy: the file or its folder may vanish at any moment."""
    try:
        yield
    except FileNotFoundError as error:
        raise Unfit(f"{path}: {error.strerror}", "create it, or correct the path") from None
    except OSError as error:
        if isinstance(error, PermissionError) and may_read(path):
            raise Unfit(f"{path}: {error.strerror}, although owner and mode allow it", KEPT_OUT) from None
        raise Unfit(f"{path}: {error.strerror}", "make it readable for the proxy") from None


def _refuse_loose_modes(path: Path, mode: int) -> None:
    if loose := loose_secret(path, mode):
        raise Unfit(f"{path} {loose.text}", loose.remedy)
    # Check the folder of a symbolic link as well as that of its target.
    for folder in dict.fromkeys((path.parent, Path(os.path.realpath(path)).parent)):
        if loose := loose_folder(folder, folder.stat().st_mode, path.name):
            raise Unfit(loose.text, loose.remedy)
