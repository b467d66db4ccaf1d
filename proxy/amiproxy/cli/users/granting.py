"""``ami-proxy users allow`` and ``deny``: grant rights and take them away."""

import argparse
from pathlib import Path

from amiproxy.cli.users.changing import add_options, carry_out, guarded, on_each, store_of
from amiproxy.config import Unfit
from amiproxy.config.editing.entries import changed, entry_of
from amiproxy.config.editing.rights import RIGHTS, granted, withdrawn
from amiproxy.tools import terminal


def register(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both verbs."""
    parser = verbs.add_parser(
        "allow",
        help="grant rights to a user",
        description="Grant rights to a user. Each option is the key of users.yaml with this name; what\n"
        "the user has already stays. Values are separated by commas; an option may be\n"
        "repeated.\n\n"
        "A user without a list of contexts may use all of them, so that a list would take\n"
        "rights away. This is refused unless --only makes the values the whole list. It applies\n"
        "to all keys but read, write, actions, acl, hosts, doors and certificate.\n\n"
        "rules, eventfilter, limits and history are changed in the file.",
        epilog="examples:\n"
        "  ami-proxy users allow dialer --write originate --read call,cdr\n"
        "  ami-proxy users allow dialer --acl 10.1.2.0/24\n"
        "  ami-proxy users allow dialer --doors ajam\n"
        "  ami-proxy users allow dialer --contexts outbound --technologies PJSIP --only",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_rights(parser)
    parser.add_argument(
        "--only", action="store_true", help="the values given are the whole list of each option that is used"
    )
    add_options(parser)
    parser.set_defaults(run=guarded(_allow))
    parser = verbs.add_parser(
        "deny",
        help="take rights away from a user",
        description="Take rights away from a user. Each option is the key of users.yaml with this\n"
        "name. Values are separated by commas; an option may be repeated.\n\n"
        "What a pattern still allows, or what is allowed because the user has no list, cannot\n"
        "be taken away by its name. This is refused, and the error says what to do.",
        epilog="examples:\n"
        "  ami-proxy users deny dialer --write originate\n"
        "  ami-proxy users deny dialer --actions Redirect,Atxfer\n"
        "  ami-proxy users deny dialer --acl 192.0.2.7",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_rights(parser)
    add_options(parser)
    parser.set_defaults(run=guarded(_deny), only=False)


def _add_rights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    for right in RIGHTS:
        parser.add_argument(
            f"--{right.name}",
            action="append",
            default=[],
            metavar="LIST",
            help=right.help,
            dest=_dest(right.name),
        )


def _dest(name: str) -> str:
    return f"right_{name.replace('-', '_')}"


def _allow(arguments: argparse.Namespace) -> int:
    return _change(arguments, grants=True)


def _deny(arguments: argparse.Namespace) -> int:
    return _change(arguments, grants=False)


def _change(arguments: argparse.Namespace, *, grants: bool) -> int:
    asked = {}
    for right in RIGHTS:
        given: list[str] = getattr(arguments, _dest(right.name))
        values = [part for text in given for part in (text.split(",") if right.commas else [text])]
        values = [value.strip() for value in values]
        if any(not value for value in values):
            raise Unfit(f"--{right.name} has an empty value", "write names, with commas between them")
        if values:
            asked[right.name] = values
    if not asked:
        raise Unfit("no right is named", f"give one, such as --{RIGHTS[0].name} call")
    store = store_of(arguments)
    is_open = False

    def edit(file: Path, text: bytes, name: str) -> bytes:
        nonlocal is_open
        entry = entry_of(file, text, name)
        is_open = not entry.get("acl")
        wanted = granted(entry, asked, only=arguments.only) if grants else withdrawn(entry, asked)
        return changed(file, text, name, wanted)

    names = [arguments.name]
    status = carry_out(store, on_each(store, names, edit), names, "changed NAMES", arguments)
    if grants and is_open and "acl" in asked and not arguments.only:
        # The operator may have meant a restriction.
        terminal.say(
            f"{terminal.printable(arguments.name)} may log in from any address already; "
            "to allow only the addresses given, add --only"
        )
    return status
