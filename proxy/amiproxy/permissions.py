"""Describes what is wrong with the mode of a file or folder, with the chmod that fixes it."""

import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

_OTHERS_READ: Final = stat.S_IROTH
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH

#: Remedy for a file that cannot be read although its owner and mode allow it (see ``may_read``).
KEPT_OUT: Final = (
    "restart the proxy: while it runs it can only read the places its files were in at the start; "
    "if that does not help, see the log of the system's security module"
)


class Loose(NamedTuple):
    """A mode that allows too much; ``text`` is a phrase about the file or folder, ``remedy`` a chmod."""

    text: str
    remedy: str


def loose_secret(path: Path, mode: int) -> Loose | None:
    """Check the mode of a file that holds a secret: other users must neither read nor change it.

    ``mode`` is that of its ``stat`` (st_mode); None if the mode is strict enough.
    """
    if not mode & (_OTHERS_READ | _OTHERS_WRITE):
        return None
    who = "readable by all users" if mode & _OTHERS_READ else "writable by others"
    strict_mode = "0640" if mode & stat.S_IRGRP else "0600"
    return Loose(f"has mode {stat.S_IMODE(mode):04o}: {who}", f"chmod {strict_mode} {path}")


def loose_folder(folder: Path, mode: int, name: str) -> Loose | None:
    """Check the mode of the folder that ``name`` is read from: others must not replace files in it.

    ``mode`` is that of its ``stat`` (st_mode); None if the mode is strict enough.
    """
    # In a sticky folder (/tmp, a mounted Kubernetes secret) users can only replace their own files.
    if not mode & _OTHERS_WRITE or mode & stat.S_ISVTX:
        return None
    text = f"{folder} has mode {stat.S_IMODE(mode):04o}: others could replace {name} in it"
    return Loose(text, f"chmod go-w {folder}")


def may_read(path: Path) -> bool:
    """Whether owner and mode allow reading; if reading still fails, something else forbids it."""
    return os.access(path, os.R_OK, effective_ids=True)
