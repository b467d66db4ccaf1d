"""What all verbs that change users have in common: options, the report, the reload."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from amiproxy.cli import configured
from amiproxy.cli.configured import add_users_options
from amiproxy.cli.users.comparing import differences_of
from amiproxy.cli.users.reloading import reloaded
from amiproxy.config import ConfigErrors, Unfit, UserEntry
from amiproxy.config.editing.entries import find
from amiproxy.config.loading import server_names
from amiproxy.config.users.servers import ServerNames
from amiproxy.config.warnings import warnings_of_entry, warnings_of_servers
from amiproxy.tools import terminal
from amiproxy.tools.terminal import printable
from amiproxy.tools.users import Change, Edit, UserStore
from amiproxy.x509.errors import X509Error

#: Changes one user's file: file, content, the user's name as spelled there; returns the new content.
EditOfOne = Callable[[Path, bytes, str], bytes]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which files are changed, and whether the service reloads them."""
    add_users_options(parser, together="files")
    parser.add_argument(
        "--no-reload", action="store_true", help="change the file only; it takes effect with the next reload"
    )


def store_of(arguments: argparse.Namespace) -> UserStore:
    """The users files that the arguments name.  Raises ConfigErrors or Unfit."""
    return UserStore.named(arguments.users, arguments.config, configured.DEFAULT_CONFIG)


def guarded(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """The verb with its errors printed, each with its remedy; they give the exit status 1."""

    def guard(arguments: argparse.Namespace) -> int:
        try:
            return run(arguments)
        except (Unfit, ConfigErrors, X509Error) as error:
            remedy = getattr(error, "remedy", "")
            terminal.error(f"{error}; {remedy}" if remedy else str(error))
            return 1

    return guard


def on_each(store: UserStore, names: Sequence[str], edit: EditOfOne) -> Edit:
    """A change of several users, each in the file that has it."""

    def edit_all(texts: Mapping[Path, bytes]) -> Mapping[Path, bytes]:
        made = dict(texts)
        for file, spelled in dict.fromkeys(store.holder(texts, name) for name in names):
            made[file] = edit(file, made[file], spelled)
        return made

    return edit_all


def carry_out(
    store: UserStore,
    edit: Edit,
    names: Sequence[str],
    done: str,
    arguments: argparse.Namespace,
    *,
    renamed: Mapping[str, str] | None = None,
    may_be_new: bool = False,
    secret: str | None = None,
    notes: Callable[[], None] | None = None,
) -> int:
    """Change the files, say what was done and what changed, and have the service reload them.

    ``names`` are the users concerned, ``renamed`` their new names; in ``done``, NAMES stands for those of
    them that have changed; ``secret`` is shown once the file has
    its hash; ``notes`` prints what else there is to say about the written files.

    Returns the exit status: 0, or 1 if the service refuses to reload.
    """
    change = store.change(edit, may_be_new=may_be_new)
    servers = server_names(store.config) if store.config is not None else None
    if not change.files:
        terminal.say(
            f"{', '.join(map(str, store.files))}: nothing to change for {', '.join(map(printable, names))}"
        )
        return 0
    if secret is not None:
        print(f"secret: {secret}")
    concerned = {find(change.before, name) or name: (renamed or {}).get(name, name) for name in names}
    concerned = {
        name: after for name, after in concerned.items() if change.before.get(name) != change.after.get(after)
    } or concerned
    said = done.replace("NAMES", ", ".join(map(printable, concerned)))
    terminal.say(f"{', '.join(map(str, change.files))}: {said}")
    for name, after in concerned.items():
        _show(change, name, after, servers, is_one_of_several=len(concerned) > 1)
    if notes is not None:
        notes()
    sys.stdout.flush()
    if arguments.no_reload:
        terminal.say("not reloaded, as --no-reload says: it takes effect with the next reload")
        return 0
    return reloaded(store.config, list(dict.fromkeys([*concerned, *concerned.values()])))


def _show(
    change: Change, name: str, after: str, servers: ServerNames | None, *, is_one_of_several: bool
) -> None:
    """Print the difference that a change makes to one user's rights, and new warnings about it."""
    old, new = _entry(change.before, name), _entry(change.after, after)
    rows = [
        (f"{name}: {label}" if is_one_of_several else label, said) for label, said in differences_of(old, new)
    ]
    terminal.show(terminal.Facts([(printable(label), printable(said)) for label, said in rows], indent=2))
    known = _warnings(old, servers)
    for warning in _warnings(new, servers):
        if warning not in known:
            terminal.error(f"warning: user {printable(after)}: {warning}")


def _warnings(entry: UserEntry | None, servers: ServerNames | None) -> list[str]:
    if entry is None or entry.disabled:
        return []
    about = warnings_of_servers(entry, servers) if servers is not None and servers.named else ()
    return [*warnings_of_entry(entry), *about]


def _entry(users: Mapping[str, UserEntry], name: str) -> UserEntry | None:
    spelled = find(users, name)
    return users[spelled] if spelled is not None else None
