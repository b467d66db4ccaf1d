"""Problems in the operator's files: their place, a description, and a remedy."""

from collections.abc import Iterable
from typing import NamedTuple

#: The path of one value: names of keys, and indices of list items counted from 0.
KeyPath = tuple[str | int, ...]


class Problem(NamedTuple):
    """One problem in one place; its ``str`` is the line that an operator reads.

    ``line`` counts from 1, and is 0 if the problem concerns the whole file.
    Neither ``text`` nor ``remedy`` ever contains a value that may be secret.
    """

    file: str
    line: int
    key_path: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(filter(None, (place, self.key_path, "; ".join(filter(None, self[3:])))))


class ConfigErrors(Exception):
    """The files cannot be used.  ``problems`` has all problems found; ``str`` prints one per line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def spell(path: KeyPath) -> str:
    """The path as operators write it: ``listeners[0].certificates[1].key``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text
