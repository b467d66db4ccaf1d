"""``ami-proxy users``: makes secrets and hashes, adds and shows users."""

import argparse
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from amiproxy.cli.configured import add_users_options, config_of
from amiproxy.cli.users.prompt import new_secret
from amiproxy.cli.users.rights import register_show
from amiproxy.config import ConfigErrors, Unfit, load_config, load_users, users_files
from amiproxy.config.additions import Addition, table_with
from amiproxy.config.reading.files import read_private
from amiproxy.core.model.phc import hash_secret
from amiproxy.x509.errors import IssueError
from amiproxy.x509.files import write_atomically

#: 48 characters of base64, the length that the doctor asks for in the link's secret.
_SECRET_BYTES = 36
_NEW_FILE_MODE = 0o600


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its verbs."""
    parser = commands.add_parser(
        "users",
        help="make secrets and hashes, add and show users",
        description="Make secrets and hashes for users.yaml, add users to it, and show their rights.",
        epilog="example:\n  ami-proxy users add wallboard --read call,agent",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for add in _VERBS:
        add(verbs)


def _register_hash(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = verbs.add_parser(
        "hash",
        help="print the hash of a secret",
        description="Print the hash of a secret, for secret: in users.yaml. The secret is read from a\n"
        "prompt without echo or from stdin, never from an argument.",
        epilog="example:\n  ami-proxy users hash < wallboard.secret",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run_hash)


def _register_generate(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = verbs.add_parser(
        "generate",
        help="make a secret of 288 bits, and its hash",
        description="Print a new random secret, which is shown only once, and its hash for users.yaml.",
        epilog="example:\n  ami-proxy users generate",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run_generate)


def _register_add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = verbs.add_parser(
        "add",
        help="add a user to users.yaml",
        description="Append a user to users.yaml. The present text is kept, comments included; the\n"
        "result is checked before it replaces the file. If there are several files (users_files),\n"
        "the user is added to the first; --users selects another. The secret is read from a\n"
        "prompt without echo or from stdin.",
        epilog="examples:\n"
        "  ami-proxy users add wallboard --read call,agent\n"
        "  ami-proxy users add dialer --read call --write originate --generate \\\n"
        '      --acl "deny 0.0.0.0/0" --acl "permit 10.0.0.0/8"',
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
    parser.add_argument("--generate", action="store_true", help="make a random secret, and show it once")
    add_users_options(parser)
    parser.set_defaults(run=run_add)


_VERBS: tuple[Callable[["argparse._SubParsersAction[argparse.ArgumentParser]"], None], ...] = (
    _register_hash,
    _register_generate,
    _register_add,
    register_show,
)


def run_hash(_: argparse.Namespace) -> int:
    """Print the hash of a secret; return the exit status: 0, or 1 for an unfit secret."""
    try:
        print(hash_secret(new_secret()))
    except Unfit as error:
        return _refuse(error)
    return 0


def run_generate(_: argparse.Namespace) -> int:
    """Print a new secret and its hash; return the exit status, 0."""
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    print(f"secret: {secret}")
    print(f"hash:   {hash_secret(secret.encode())}")
    return 0


def run_add(arguments: argparse.Namespace) -> int:
    """Add one user to the file; return the exit status: 0, or 1 if it cannot be added."""
    try:
        file = _file_for(arguments)
        text = read_private(file) if file.exists() else b""
        generated = secrets.token_urlsafe(_SECRET_BYTES) if arguments.generate else None
        # Checked without the secret first, so that a misspelt class is reported before the prompt.
        addition = Addition(arguments.name, arguments.read, arguments.write, tuple(arguments.acl))
        table_with(file, text, addition)
        secret = new_secret() if generated is None else generated.encode()
        written = table_with(file, text, addition, hash_secret(secret))
        write_atomically(file, written, _NEW_FILE_MODE)
    except (Unfit, ConfigErrors, IssueError) as error:
        return _refuse(error)
    if generated is not None:
        print(f"secret: {generated}")
    print(f"{file}: added {arguments.name}")
    return 0


def _file_for(arguments: argparse.Namespace) -> Path:
    """The file for the new user: the first if there are several.

    Raises Unfit if one of them already has a user of that name, ConfigErrors if they have errors.
    """
    if arguments.users is not None:
        return Path(arguments.users)
    files = users_files(load_config(config_of(arguments)))
    load_users(*files)  # raises for errors in any of them, and between them
    for file in files:
        if any(name.lower() == arguments.name.lower() for name in load_users(file).users):
            text = f"{file} already has a user {arguments.name} (upper and lower case are the same)"
            raise Unfit(text, "choose another name")
    return files[0]


def _refuse(error: Exception) -> int:
    remedy = getattr(error, "remedy", "")
    print(f"{error}; {remedy}" if remedy else str(error), file=sys.stderr)
    return 1
