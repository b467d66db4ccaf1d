"""``ami-proxy users add``: adds a user, and makes the file if there is none."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from amiproxy.cli.users.changing import add_options, carry_out, guarded, store_of
from amiproxy.cli.users.prompt import new_secret, warn_of_short
from amiproxy.config import Unfit, parse_users
from amiproxy.config.additions import Addition, table_with
from amiproxy.config.editing.entries import find
from amiproxy.config.loading import server_names
from amiproxy.config.users.servers import problems_of_servers
from amiproxy.core.model.phc import hash_secret, random_secret
from amiproxy.tools.users import UserStore


def register(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "add",
        help="add a user",
        description="Append a user to users.yaml, which is made if it does not exist: with mode 0640 and\n"
        "its folder's group, if that group is the only one that may enter the folder. If there\n"
        "are several files (users_files), the user is added to the first; --users selects\n"
        "another. The secret is read from a prompt without echo or from stdin.",
        epilog="examples:\n"
        "  ami-proxy users add wallboard --read call,agent --history\n"
        "  ami-proxy users add dialer --read call --write originate --generate \\\n"
        '      --acl "deny 0.0.0.0/0" --acl "permit 10.0.0.0/8"\n'
        '  ami-proxy users add admin --read all --write all --servers "*"\n'
        "  ami-proxy users add board --read call,agent --doors ws,api",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "--read", default="", metavar="CLASSES", help="events seen, such as call,agent or all"
    )
    parser.add_argument("--write", default="", metavar="CLASSES", help="actions allowed; none by default")
    parser.add_argument(
        "--acl",
        action="append",
        default=[],
        metavar="LINE",
        help='such as "permit 10.0.0.0/8"; may be repeated',
    )
    parser.add_argument(
        "--servers",
        default="",
        metavar="NAMES",
        help="servers that the user may use, such as pbx1,eu-* or *; needed if there are several",
    )
    parser.add_argument(
        "--history",
        action="store_true",
        help="the user may take snapshots, and resume after a broken connection",
    )
    parser.add_argument(
        "--doors",
        default="",
        metavar="NAMES",
        help="ways in: ami (the default), ajam, api, page, ws; http.md explains the others",
    )
    parser.add_argument("--generate", action="store_true", help="make a random secret, and show it once")
    add_options(parser)
    parser.set_defaults(run=guarded(_add))


def _add(arguments: argparse.Namespace) -> int:
    store = store_of(arguments)
    servers = _listed(arguments.servers)
    addition = Addition(
        arguments.name,
        arguments.read,
        arguments.write,
        tuple(arguments.acl),
        servers,
        arguments.history,
        _listed(arguments.doors),
    )
    _check_servers(servers or None, store)
    # Checked without the secret first, so that a misspelt class is reported before the prompt.
    _with(store, store.read(may_be_new=True), addition)
    secret = random_secret() if arguments.generate else None
    given = new_secret() if secret is None else secret.encode()
    warn_of_short(given)
    hashed = hash_secret(given)

    return carry_out(
        store,
        lambda texts: _with(store, texts, addition, hashed),
        [addition.name],
        f"added {addition.name}",
        arguments,
        may_be_new=True,
        secret=secret,
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",")) if text else ()


def _check_servers(servers: tuple[str, ...] | None, store: UserStore) -> None:
    """Raise Unfit if the new user cannot use these servers, before its secret is asked for."""
    known = server_names(store.config) if store.config is not None else None
    if known is None:
        return
    for problem in problems_of_servers(servers, None, (), known):
        names = f'--servers {known.names[0]}, or --servers "*" for all of {", ".join(known.names)}'
        raise Unfit(problem.text, f"give {names}" if known.named else "leave out --servers")


def _with(
    store: UserStore, texts: Mapping[Path, bytes], addition: Addition, secret: str | None = None
) -> Mapping[Path, bytes]:
    for file, text in texts.items():
        taken = find(parse_users(file, text).users, addition.name) if file != store.first else None
        if taken is not None:
            already = f"{file} already has a user {addition.name} (upper and lower case are the same)"
            raise Unfit(already, "choose another name")
    return {store.first: table_with(store.first, texts[store.first], addition, secret)}
