"""Sizes as operators write them: a number of bytes, or a number with a unit."""

import re
from typing import Final

from amiproxy.core.model.errors import Unfit
from amiproxy.core.model.limits import LEAST_JOURNAL, MOST_JOURNAL

_WRITTEN: Final = re.compile(r"([0-9]{1,12}) ?(B|KiB|MiB|GiB)?")
_UNITS: Final = {None: 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def bytes_of(written: int | str) -> int:
    """The number of bytes.  Raises Unfit for a text that is not a size."""
    if isinstance(written, int):
        return written
    found = _WRITTEN.fullmatch(written)
    if found is None:
        raise Unfit("not a size", "write a number of bytes, or one with KiB, MiB or GiB, such as 8MiB")
    return int(found[1]) * _UNITS[found[2]]


def check_journal(written: int | str) -> None:
    """Raise Unfit unless this is a size that a journal may have."""
    if not LEAST_JOURNAL <= bytes_of(written) <= MOST_JOURNAL:
        raise Unfit("not a size from 64KiB to 1GiB", "write a size in this range, such as 8MiB")
