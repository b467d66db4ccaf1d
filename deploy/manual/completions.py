"""The completions of bash, zsh and fish, which shtab writes from the parsers."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import shtab

from deploy.manual.parsers import Command

#: Where each shell looks for the completions of packages.
PLACES: Final = {
    "bash": "usr/share/bash-completion/completions/ami-proxy",
    "zsh": "usr/share/zsh/vendor-completions/_ami-proxy",
    "fish": "usr/share/fish/vendor_completions.d/ami-proxy.fish",
}

#: The names in users.yaml, read as text, because starting Python at each press of a key would be felt.
#: It prints nothing for those who may not read the file.  Without colons and double quotes, which the
#: scripts of zsh and fish would take for their own.
_USERS: Final = (
    "find /etc/ami-proxy/users.yaml /etc/ami-proxy/users.d -name '*.yaml' "
    "-exec sed -n 's/^  \\([A-Za-z0-9_.@-]\\+\\).*/\\1/p' '{}' + 2>/dev/null"
)
_A_FOLDER: Final = {"DIR", "directory"}
#: Verbs whose NAME is not one of the file's users.
_NEW_NAMES: Final = {"add"}


def scripts(root: Command) -> Iterator[tuple[str, str]]:
    """Each shell's script: its place in the file system, and its text."""
    for command in root.walk():
        # The scripts show one line for each command, not the whole description.
        command.parser.description = command.summary
        for action in command.parser._actions:
            if (found := _completion(command, action)) is not None:
                action.complete = found  # type: ignore[attr-defined]  # shtab reads it
    for shell, place in PLACES.items():
        yield place, shtab.complete(root.parser, shell)


def _completion(command: Command, action: argparse.Action) -> object:
    """What completes the value of an option or argument; None: its choices, or nothing."""
    if action.choices is not None or action.nargs == 0:
        return None
    name = action.metavar if isinstance(action.metavar, str) else action.dest
    if action.type is Path:
        return shtab.DIRECTORY if name in _A_FOLDER or action.dest == "folder" else shtab.FILE
    of_users = (
        command.name[1:2] == ("users",) and command.name[-1] not in _NEW_NAMES and action.dest == "name"
    )
    if of_users or action.dest == "user":
        return shtab.cmd(_USERS)
    return None
