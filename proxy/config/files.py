"""The files a configuration names: readable, and where secret, nobody else's to read or change."""

import os
import stat
from pathlib import Path

from proxy.config.document import MAX_BYTES
from proxy.config.problems import Unfit
from proxy.permissions import KEPT_OUT, loose_folder, loose_secret, may_read


def check_readable(path: Path) -> None:
    """Unfit unless it is a file that this process can read."""
    os.close(_open(path))


def check_certificate_file(path: Path) -> None:
    """``check_readable``; apart, for who leaves certificate files to those that judge their content."""
    check_readable(path)


def read_file(path: Path) -> bytes:
    """The content of a configuration file; Unfit where it cannot be had."""
    with os.fdopen(_open(path), "rb") as file:
        return file.read(MAX_BYTES + 1)


def read_private(path: Path) -> bytes:
    """As ``read_file``, for a file with secrets in it: its mode is checked on what is read."""
    with os.fdopen(_open(path), "rb") as file:
        _refuse_loose_modes(path, os.fstat(file.fileno()).st_mode)
        return file.read(MAX_BYTES + 1)


def read_secret(path: Path) -> bytes:
    """The one secret a file holds, less exactly one newline at its end; Unfit if there is none."""
    secret = read_private(path)
    secret = (
        secret.removesuffix(b"\n").removesuffix(b"\r")
        if secret.endswith(b"\r\n")
        else secret.removesuffix(b"\n")
    )
    if not secret:
        raise Unfit(f"{path} is empty", "put the secret into it, on one line")
    if any(byte < 0x20 or byte == 0x7F for byte in secret):
        raise Unfit(f"{path} has more than one line, or control characters", "leave the secret alone in it")
    return secret


def _open(path: Path) -> int:
    try:
        # A FIFO in the place of a file would otherwise hold up the start for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise Unfit(f"{path}: {error.strerror}", "create it, or correct the path") from None
    except OSError as error:
        if isinstance(error, PermissionError) and may_read(path):
            raise Unfit(f"{path}: {error.strerror}, though owner and mode let us", KEPT_OUT) from None
        raise Unfit(f"{path}: {error.strerror}", "make it readable for us") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unfit(f"{path} is not a file", "name a file")
    return descriptor


def _refuse_loose_modes(path: Path, mode: int) -> None:
    if loose := loose_secret(path, mode):
        raise Unfit(f"{path} {loose.text}", loose.remedy)
    # Where a link stands counts as much as where it leads.
    for folder in dict.fromkeys((path.parent, Path(os.path.realpath(path)).parent)):
        if loose := loose_folder(folder, folder.stat().st_mode, path.name):
            raise Unfit(loose.text, loose.remedy)
