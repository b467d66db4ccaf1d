"""Add a user to the text of users.yaml without changing its other bytes.

The entry is appended, since ``users`` is the file's only key; the result is parsed
again to check that the entry is where it should be.
"""

import re
from pathlib import Path
from typing import NamedTuple

from amiproxy.config.reading.document import MAX_BYTES, dump
from amiproxy.config.reading.problems import ConfigErrors
from amiproxy.config.users.user import UserEntry
from amiproxy.config.users.userfiles import parse_users
from amiproxy.core.model.errors import Unfit
from amiproxy.core.model.phc import dummy_hash
from amiproxy.core.model.users import folded

_EMPTY_TABLE = re.compile(rb"^users:[ \t]*(?:\{[ \t]*\}|~|null)?(?=[ \t]*(?:#|\r?$))", re.MULTILINE)
_FIRST_ENTRY = re.compile(rb"^users:[^\n]*\n(?:[ \t]*(?:#[^\n]*)?\r?\n)*([ ]+)[^\s#]", re.MULTILINE)


class Addition(NamedTuple):
    """A new user without its secret: name, privilege classes as text, permit and deny lines and the rest."""

    name: str
    read: str = ""
    write: str = ""
    acl: tuple[str, ...] = ()
    #: Names and patterns; none if there is only one server.
    servers: tuple[str, ...] = ()
    #: Whether it may take snapshots, resume, and ask for numbered events.
    history: bool = False
    #: Ways in; none for that of a user without the key.
    doors: tuple[str, ...] = ()


def table_with(file: Path, text: bytes, addition: Addition, secret: str | None = None) -> bytes:
    """The file's text with the user added; ``secret`` is a hash; if None, the result is for checking only.

    ``text`` is the present content of ``file``, which is only named in errors.  Raises ConfigErrors with the
    problems of the new entry or of the text, or Unfit if the text has the name already, would become too
    large, or has a layout in which the entry cannot be appended.
    """
    if _says_nothing(text):
        text = _with_line_end(text) + b"users:\n"
    before = parse_users(file, text)
    if folded(addition.name) in map(folded, before.users):
        raise Unfit(f"{file} has a user {addition.name} already (case is ignored)", "choose another name")
    entry: dict[str, object] = {"secret": secret or dummy_hash()}
    entry["read"] = _words(addition.read)
    entry["write"] = _words(addition.write)
    if addition.acl:
        entry["acl"] = list(addition.acl)
    if addition.servers:
        entry["servers"] = list(addition.servers)
    if addition.history:
        entry["history"] = True
    if addition.doors:
        entry["doors"] = list(addition.doors)
    # Parse the entry alone first, so that its problems are not reported at some line of the file.
    try:
        alone = parse_users(file, dump({"users": {addition.name: entry}}).encode())
    except ConfigErrors as errors:
        raise ConfigErrors(problem._replace(line=0) for problem in errors.problems) from None
    written = _append(text, dump({addition.name: entry}).encode())
    if len(written) > MAX_BYTES:
        remedy = "add the user to another of the files that users_files names: --users FILE"
        raise Unfit(f"{file} would be larger than {MAX_BYTES} bytes", remedy)
    if not _holds(file, written, {**before.users, **alone.users}):
        remedy = "put each user on lines of its own, indented alike under users:"
        raise Unfit(f"{file} has a layout in which no user can be appended", remedy)
    return written


def _append(text: bytes, entry: bytes) -> bytes:
    first = _FIRST_ENTRY.search(text)
    indent = first[1] if first else b"  "
    if first is None:
        text = _EMPTY_TABLE.sub(b"users:", text, count=1)
    return _with_line_end(text) + b"".join(indent + line for line in entry.splitlines(keepends=True))


def _says_nothing(text: bytes) -> bool:
    return all(not line.strip() or line.lstrip().startswith(b"#") for line in text.split(b"\n"))


def _with_line_end(text: bytes) -> bytes:
    return text if not text or text.endswith(b"\n") else text + b"\n"


def _holds(file: Path, text: bytes, users: dict[str, UserEntry]) -> bool:
    try:
        return parse_users(file, text).users == users
    except ConfigErrors:
        return False


def _words(classes: str) -> list[str]:
    return [word.strip() for word in classes.split(",")] if classes.strip() else []
