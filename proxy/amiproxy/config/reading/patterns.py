"""File patterns such as ``users.d/*.yaml``, and the files that they currently match."""

import glob
import os
import re
from collections.abc import Iterable
from pathlib import Path

from amiproxy.core.model.errors import Unfit

_WILD = re.compile(r"[*?\[]")


def matching(pattern: Path) -> list[Path]:
    """The files that a pattern matches, in the order of their names.  Raises Unfit if there are none.

    As in a shell, ``*`` does not match a leading dot: half-written files of editors are left out.
    """
    found = [Path(name) for name in sorted(glob.glob(str(pattern)))]  # noqa: PTH207 - a Path would match dots
    if found:
        return found
    folder = next(parent for parent in pattern.parents if not _WILD.search(str(parent)))
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise Unfit(f"{folder}: {error.strerror}", "create it and make it readable for the proxy") from None
    raise Unfit(f"no file matches {pattern}", "create one, or correct the pattern")


def files_of(patterns: Iterable[Path]) -> list[Path]:
    """All files that the patterns match, each once.  Raises Unfit if a pattern matches none."""
    return list(dict.fromkeys(file for pattern in patterns for file in matching(pattern)))
