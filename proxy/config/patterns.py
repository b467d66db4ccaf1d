"""Patterns of files, such as ``users.d/*.yaml``: which files they name now."""

import glob
import os
import re
from collections.abc import Iterable
from pathlib import Path

from proxy.config.problems import Unfit

_WILD = re.compile(r"[*?\[]")


def matching(pattern: Path) -> list[Path]:
    """The files that a pattern names, in the order of their names; Unfit when there are none.

    As in a shell, ``*`` does not match a dot at the beginning: half-written files of editors stay out.
    """
    found = [Path(name) for name in sorted(glob.glob(str(pattern)))]  # noqa: PTH207 - a Path would match dots
    if found:
        return found
    folder = next(parent for parent in pattern.parents if not _WILD.search(str(parent)))
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise Unfit(f"{folder}: {error.strerror}", "create it and make it readable for us") from None
    raise Unfit(f"no file is called {pattern}", "create one, or correct the pattern")


def files_of(patterns: Iterable[Path]) -> list[Path]:
    """All files that the patterns name, each once; Unfit when a pattern names none."""
    return list(dict.fromkeys(file for pattern in patterns for file in matching(pattern)))
