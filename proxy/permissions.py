"""Modes of files and folders: who they let in, in words, with the chmod that mends it."""

import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

_OTHERS_READ: Final = stat.S_IROTH
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH

#: What to do about a file that may not be read although ``may_read``.
KEPT_OUT: Final = (
    "restart the proxy: since its start it reads only where its files were then; "
    "if that changes nothing, see the log of the system's security module"
)


class Loose(NamedTuple):
    """Somebody is let in who should not be; the text says it of the file or folder it belongs to."""

    text: str
    remedy: str


def loose_secret(path: Path, mode: int) -> Loose | None:
    """What is wrong with this mode for a file with a secret in it: others must neither read nor change it."""
    if not mode & (_OTHERS_READ | _OTHERS_WRITE):
        return None
    who = "readable by everybody" if mode & _OTHERS_READ else "writable by others"
    mended = "0640" if mode & stat.S_IRGRP else "0600"
    return Loose(f"has mode {stat.S_IMODE(mode):04o}: {who}", f"chmod {mended} {path}")


def loose_folder(folder: Path, mode: int, name: str) -> Loose | None:
    """What is wrong with a folder that ``name`` is read from: others must not replace what is in it."""
    # In a sticky folder (/tmp, a mounted Kubernetes secret) others cannot replace what is not theirs.
    if not mode & _OTHERS_WRITE or mode & stat.S_ISVTX:
        return None
    text = f"{folder} has mode {stat.S_IMODE(mode):04o}: others could replace {name} in it"
    return Loose(text, f"chmod go-w {folder}")


def may_read(path: Path) -> bool:
    """Whether owner and mode let us read it: if it is refused all the same, something else forbids it."""
    return os.access(path, os.R_OK, effective_ids=True)
