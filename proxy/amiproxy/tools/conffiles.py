"""Reads other programs' configuration files, and finds those that they include."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from amiproxy.config import Unfit

#: Larger than any configuration of users: Asterisk reads lines of 8 KiB.
_MAX_BYTES: Final = 8 << 20


def read_text(file: Path) -> str:
    """The file's text, in which bytes that are not UTF-8 are escaped (surrogateescape).  Raises Unfit."""
    try:
        with file.open("rb") as stream:
            text = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        remedy = "name the configuration file itself, and run this as a user who may read it"
        raise Unfit(f"{file}: {error.strerror}", remedy) from None
    if len(text) > _MAX_BYTES:
        raise Unfit(f"{file} is larger than {_MAX_BYTES} bytes", "name the configuration file itself")
    return text.decode("utf-8", "surrogateescape")


def included_by(file: Path) -> Callable[[str], Sequence[tuple[str, str]]]:
    """A function that returns path and text of each file that Asterisk would include for a name or pattern.

    A relative name is looked up in the folder of ``file``, as Asterisk does in its configuration folder.
    The function raises Unfit for a file that cannot be read.
    """

    def find(name: str) -> Sequence[tuple[str, str]]:
        folder, pattern = (Path("/"), name[1:]) if name.startswith("/") else (file.parent, name)
        if not pattern:
            return []
        found = sorted(path for path in folder.glob(pattern) if path.is_file())
        return [(str(path), read_text(path)) for path in found]

    return find
