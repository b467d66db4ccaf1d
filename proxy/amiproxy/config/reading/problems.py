"""Problems in the operator's files: their place, a description, and a remedy."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from amiproxy.core.model.errors import Unfit

#: The path of one value: names of keys, and indices of list items counted from 0.
KeyPath = tuple[str | int, ...]


class Problem(NamedTuple):
    """One problem in one place; its ``str`` is the line that an operator reads.

    ``line`` and ``column`` count from 1; ``line`` is 0 if the problem concerns the whole file, and ``column``
    if it is not known or concerns the whole line.
    Neither ``text`` nor ``remedy`` ever contains a value that may be secret.
    """

    file: str
    line: int
    key_path: str
    text: str
    remedy: str = ""
    column: int = 0

    @classmethod
    def of_file(cls, file: Path, error: Unfit) -> "Problem":
        """A problem of a whole file, whose path the error's text may begin with."""
        text = str(error).removeprefix(f"{file}: ").removeprefix(f"{file} ")
        return cls(str(file), 0, "", text, error.remedy)

    def __str__(self) -> str:
        place = ":".join((self.file, *(str(number) for number in (self.line, self.column) if number)))
        words = "; ".join(filter(None, (self.text, self.remedy)))
        return ": ".join(filter(None, (place, self.key_path, words)))


class ConfigErrors(Exception):
    """The files cannot be used.  ``problems`` has all problems found; ``str`` prints one per line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def spell(path: KeyPath) -> str:
    """The path as operators write it: ``listeners[0].certificates[1].key``.

    What follows a colon in a key is left out: without a blank, ``{md5_secret:…}`` has its value in the key.
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            key = step if ":" not in step else f"{step.partition(':')[0]}:…"
            text += f".{key}" if text else key
    return text
