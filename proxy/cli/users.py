"""``ami-proxy users``: make secrets and hashes, add to the user table."""

import argparse
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from proxy.cli.prompt import new_secret
from proxy.cli.rights import register_show
from proxy.config import ConfigErrors, Unfit, load_config, load_users, users_files
from proxy.config.additions import Addition, table_with
from proxy.config.files import read_private
from proxy.config.phc import hash_secret
from proxy.x509.errors import IssueError
from proxy.x509.files import write_atomically

#: 48 characters of base64, which is what the doctor asks of the link's.
_SECRET_BYTES = 36
_NEW_FILE_MODE = 0o600


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its verbs."""
    parser = commands.add_parser(
        "users",
        help="make secrets and hashes, add to the user table",
        description="Make secrets and hashes for users.yaml, and add users to it.",
        epilog="example:\n  ami-proxy users add wallboard --read call,agent --users users.yaml",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for add in _VERBS:
        add(verbs)


def _register_hash(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = verbs.add_parser(
        "hash",
        help="print the hash of a secret",
        description="Print the hash that stands under secret: in users.yaml. The secret comes from a\n"
        "prompt without echo or from stdin, never from an argument.",
        epilog="example:\n  ami-proxy users hash < wallboard.secret",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run_hash)


def _register_generate(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = verbs.add_parser(
        "generate",
        help="make a secret of 288 bits, and its hash",
        description="Print a new random secret, which is shown this once, and the hash for users.yaml.",
        epilog="example:\n  ami-proxy users generate",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run_generate)


def _register_add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = verbs.add_parser(
        "add",
        help="add a user to users.yaml",
        description="Append a user to users.yaml. What is there stays as it is, comments included;\n"
        "the result is checked before it takes the file's place. Of several files (users_files)\n"
        "it goes to the first; --users names another. The secret comes from a prompt without\n"
        "echo or from stdin.",
        epilog="examples:\n"
        "  ami-proxy users add wallboard --read call,agent --users users.yaml\n"
        "  ami-proxy users add dialer --read call --write originate --generate \\\n"
        '      --acl "deny 0.0.0.0/0" --acl "permit 10.0.0.0/8" --config proxy.yaml',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "--read", default="", metavar="CLASSES", help="events seen, such as call,agent or all"
    )
    parser.add_argument("--write", default="", metavar="CLASSES", help="actions allowed; none by default")
    parser.add_argument(
        "--acl", action="append", default=[], metavar="LINE", help='such as "permit 10.0.0.0/8"'
    )
    parser.add_argument("--generate", action="store_true", help="make a secret, and show it this once")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--users", type=Path, metavar="FILE", help="users.yaml")
    where.add_argument("--config", type=Path, metavar="FILE", help="the proxy.yaml that names it")
    parser.set_defaults(run=run_add)


_VERBS: tuple[Callable[["argparse._SubParsersAction[argparse.ArgumentParser]"], None], ...] = (
    _register_hash,
    _register_generate,
    _register_add,
    register_show,
)


def run_hash(_: argparse.Namespace) -> int:
    """Print one hash."""
    try:
        print(hash_secret(new_secret()))
    except Unfit as error:
        return _refuse(error)
    return 0


def run_generate(_: argparse.Namespace) -> int:
    """Print a secret and its hash."""
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    print(f"secret: {secret}")
    print(f"hash:   {hash_secret(secret.encode())}")
    return 0


def run_add(arguments: argparse.Namespace) -> int:
    """Add one user to the file."""
    try:
        file = _file_for(arguments)
        text = read_private(file) if file.exists() else b""
        generated = secrets.token_urlsafe(_SECRET_BYTES) if arguments.generate else None
        # Judged with a stand-in first: nobody types a secret twice to learn of a misspelt class.
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
    """Where the new user goes: of several files the first, if none of them has a user of that name."""
    if arguments.users is not None:
        return Path(arguments.users)
    files = users_files(load_config(arguments.config))
    load_users(*files)  # what is wrong with any of them, and between them
    for file in files:
        if any(name.lower() == arguments.name.lower() for name in load_users(file).users):
            text = f"{file} has a user {arguments.name} already (case does not count)"
            raise Unfit(text, "choose another name")
    return files[0]


def _refuse(error: Exception) -> int:
    remedy = getattr(error, "remedy", "")
    print(f"{error}; {remedy}" if remedy else str(error), file=sys.stderr)
    return 1
