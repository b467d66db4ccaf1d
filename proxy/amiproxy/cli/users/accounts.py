"""``ami-proxy users disable``, ``enable``, ``remove`` and ``rename``: what becomes of accounts."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from amiproxy.cli.users.changing import add_options, carry_out, guarded, on_each, store_of
from amiproxy.config import Unfit, parse_users
from amiproxy.config.editing.entries import changed, entry_of, find, places_of, removed, renamed
from amiproxy.tools import terminal
from amiproxy.tools.terminal import printable
from amiproxy.tools.users import UserStore


def register(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verbs."""
    _register(
        verbs,
        "disable",
        "keep users from logging in, and end their sessions",
        "Set disabled: true. The entry, its secret and its rights stay for enable.",
        "ami-proxy users disable dialer wallboard",
        _disable,
    )
    _register(
        verbs,
        "enable",
        "let disabled users log in again",
        "Take disabled: true away.",
        "ami-proxy users enable dialer",
        _enable,
    )
    _register(
        verbs,
        "remove",
        "remove users, and end their sessions",
        "Remove the entries of users with the comments inside them. Comments above an entry stay,\n"
        "because they may be about more than this user. To keep the rights, use disable.",
        "ami-proxy users remove dialer",
        _remove,
    )
    parser = verbs.add_parser(
        "rename",
        help="give a user another name",
        description="Give a user another name. Secret, rights and certificates stay; open sessions end, and\n"
        "clients have to log in with the new name.",
        epilog="example:\n  ami-proxy users rename dialer crm",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("new", metavar="NEW-NAME")
    add_options(parser)
    parser.set_defaults(run=guarded(_rename))


def _register(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    text: str,
    description: str,
    example: str,
    run: Callable[[argparse.Namespace], int],
) -> None:
    parser = verbs.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.\n{description}",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="+", metavar="NAME")
    add_options(parser)
    parser.set_defaults(run=guarded(run))


def _disable(arguments: argparse.Namespace) -> int:
    def edit(file: Path, text: bytes, name: str) -> bytes:
        return changed(file, text, name, {"disabled": True})

    return _each(arguments, edit, "disabled")


def _enable(arguments: argparse.Namespace) -> int:
    def edit(file: Path, text: bytes, name: str) -> bytes:
        is_disabled = entry_of(file, text, name).get("disabled")
        return changed(file, text, name, {"disabled": None}) if is_disabled else text

    return _each(arguments, edit, "enabled")


def _remove(arguments: argparse.Namespace) -> int:
    store = store_of(arguments)
    edit = on_each(store, arguments.names, removed)

    def noted() -> None:
        for name in arguments.names:
            _note_places(store, name)
        if not any(parse_users(file, text).users for file, text in store.read().items()):
            terminal.say("note: no user is left, so no client can log in")

    return carry_out(store, edit, arguments.names, "removed NAMES", arguments, notes=noted)


def _rename(arguments: argparse.Namespace) -> int:
    store = store_of(arguments)
    name, new = arguments.name, arguments.new

    def edit(texts: Mapping[Path, bytes]) -> Mapping[Path, bytes]:
        file, spelled = store.holder(texts, name)
        for other, text in texts.items():
            taken = find(parse_users(other, text).users, new) if other != file else None
            if taken is not None:
                raise Unfit(f"{other} has a user {taken} already (case is ignored)", "choose another name")
        return {file: renamed(file, texts[file], spelled, new)}

    return carry_out(
        store,
        edit,
        [name],
        f"renamed {printable(name)} to {printable(new)}; the secret stays",
        arguments,
        renamed={name: new},
        notes=lambda: _note_places(store, name),
    )


def _each(arguments: argparse.Namespace, edit: Callable[[Path, bytes, str], bytes], done: str) -> int:
    store, names = store_of(arguments), arguments.names
    return carry_out(store, on_each(store, names, edit), names, f"{done} NAMES", arguments)


def _note_places(store: UserStore, name: str) -> None:
    """Print where the written files still name a user that is gone: in an account code, a certificate …"""
    for file, text in store.read().items():
        for place in places_of(file, text, name):
            terminal.say(f"note: {printable(place)} still says {printable(name)}")
