"""Which lines the history file may hold, and the file itself."""

import os
from pathlib import Path
from typing import Final

from amiproxy.core.audit.masking import masked
from amiproxy.tools.shell.completion.vocabulary import Vocabulary
from amiproxy.tools.shell.language.actions import is_block, read_block, read_line
from amiproxy.tools.shell.language.commands import read_command, read_watch
from amiproxy.tools.shell.language.script import statements
from amiproxy.tools.shell.language.words import UsageError

#: Size from which the older half of the file is removed at the start.
LARGEST: Final = 1 << 20


def may_be_stored(text: str, words: Vocabulary) -> bool:
    """Whether a line holds nothing that may be secret, by the rules that mask the proxy's log.

    A line that cannot be read, or that names no known action, is not stored either: it may be a secret that
    was typed at the wrong prompt.
    """
    try:
        return bool(text.strip()) and all(_is_harmless(one, words) for one in statements(text))
    except UsageError:
        return False


def _is_harmless(statement: str, words: Vocabulary) -> bool:
    if statement.startswith("\\"):
        typed = read_command(statement)
        return _is_harmless(read_watch(typed)[1], words) if typed.name == "watch" else True
    action = (read_block(statement) if is_block(statement) else read_line(statement)).action
    if action.key in (b"login", b"challenge") or words.table.find(action.key) is None:
        return False
    raw = b"".join(line + b"\r\n" for line in action.lines())
    return masked(raw) == raw


def prepare(path: Path) -> None:
    """Create the file with mode 0600, in a folder with mode 0700; remove its older half if it is large.

    Raises OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        os.fchmod(file.fileno(), 0o600)
        if os.fstat(file.fileno()).st_size <= LARGEST:
            return
        newer = file.read()[LARGEST // 2 :]
        # Each entry begins with an empty line.
        newer = newer[newer.find(b"\n\n") + 1 :]
        file.truncate(0)
        file.write(newer)
