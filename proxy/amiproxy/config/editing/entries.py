"""Changes to one user's entry in the text of users.yaml.

Each result is parsed again and compared with what the change should give: a text that the splicing
would have damaged is refused, not written.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from amiproxy.config.editing.splicing import Splicer
from amiproxy.config.reading.document import MAX_BYTES, Document, dump
from amiproxy.config.reading.problems import ConfigErrors
from amiproxy.config.users.user import UserEntry
from amiproxy.config.users.userfiles import parse_users
from amiproxy.core.model.errors import Unfit
from amiproxy.core.model.users import folded

_REMEDY: Final = "change the file in an editor"

#: A user's entry as written: its keys with their values.
Written = Mapping[str, Any]


# Cached: several users of one file are changed one after the other, and a large file takes half a second.
@lru_cache(maxsize=8)
def users_in(file: Path, text: bytes) -> Mapping[str, UserEntry]:
    """The users of a text, which ``file`` holds or is about to hold.  Raises ConfigErrors."""
    return MappingProxyType(parse_users(file, text).users)


def find(users: Mapping[str, UserEntry], name: str) -> str | None:
    """The spelling under which a user is in the table, since case is ignored; None if it is not there."""
    wanted = folded(name)
    return next((one for one in users if folded(one) == wanted), None)


def entry_of(file: Path, text: bytes, name: str) -> dict[str, Any]:
    """The entry of a user, spelled as in the file, as it is written there.  The text has been checked."""
    document = Document.parse(file, text)
    plain: dict[str, Any] = document.root.content["users"].content[name].plain()
    return plain


def changed(file: Path, text: bytes, name: str, changes: Written) -> bytes:
    """The text with some keys of a user set to other values; None removes a key.

    ``name`` is spelled as in the file.  Raises ConfigErrors with the problems of the entry that this
    would make, or Unfit if the file's layout does not allow the change.
    """
    entry = entry_of(file, text, name)
    wanted = {key: value for key, value in {**entry, **changes}.items() if value is not None}
    after = {**users_in(file, text), name: _bound(file, name, wanted)}

    return _spliced(file, text, lambda splicer: splicer.put(("users", name), wanted), after)


def removed(file: Path, text: bytes, name: str) -> bytes:
    """The text without a user, spelled as in the file.  Raises Unfit if the layout does not allow it."""
    after = {one: entry for one, entry in users_in(file, text).items() if one != name}
    return _spliced(file, text, lambda splicer: splicer.drop(("users", name), whole_entry=True), after)


def renamed(file: Path, text: bytes, name: str, new: str) -> bytes:
    """The text with another name for a user, whose entry is spelled ``name`` in the file.

    Raises ConfigErrors if ``new`` cannot be a user's name, or Unfit if the file has it already or its
    layout does not allow the change.
    """
    users = users_in(file, text)
    taken = find(users, new)
    if taken not in (None, name):
        raise Unfit(f"{file} has a user {taken} already (case is ignored)", "choose another name")
    bound = _bound(file, new, entry_of(file, text, name))
    after = {(new if one == name else one): (bound if one == name else users[one]) for one in users}
    return _spliced(file, text, lambda splicer: splicer.rename(("users", name), new), after)


def places_of(file: Path, text: bytes, word: str) -> list[str]:
    """Where values in the file are this word, or a certificate's name that is it, for messages.

    The text has been checked.
    """
    document = Document.parse(file, text)
    found: list[str] = []

    def walk(node: Any, path: str) -> None:
        if isinstance(node.content, dict):
            for key, child in node.content.items():
                walk(child, f"{path}.{key}" if path else key)
        elif isinstance(node.content, list):
            for number, child in enumerate(node.content):
                walk(child, f"{path}[{number}]")
        elif isinstance(node.content, str):
            said = node.content
            if folded(word) in (folded(said), folded(said.partition(":")[2])):
                found.append(f"{file}:{node.line}: {path}")

    walk(document.root, "")
    return found


def _bound(file: Path, name: str, entry: Written) -> UserEntry:
    """The entry as types.  Raises ConfigErrors, without lines, since the text would be another one."""
    try:
        return parse_users(file, dump({"users": {name: dict(entry)}}).encode()).users[name]
    except ConfigErrors as errors:
        raise ConfigErrors(problem._replace(line=0) for problem in errors.problems) from None


def _spliced(
    file: Path, text: bytes, splice: Callable[[Splicer], None], after: Mapping[str, UserEntry]
) -> bytes:
    try:
        splicer = Splicer(text)
        splice(splicer)
        written = splicer.result()
    except Unfit as error:
        raise Unfit(f"{file}: {error}, so it cannot be changed without risk", error.remedy) from None
    if len(written) > MAX_BYTES:
        raise Unfit(f"{file} would be larger than {MAX_BYTES} bytes", "move users to another file")
    try:
        holds = users_in(file, written) == after
    except ConfigErrors:
        holds = False
    if not holds:
        raise Unfit(f"{file} has a layout that cannot be changed without risk", _REMEDY)
    return written
