"""``ami-proxy users hash`` and ``generate``: secrets and hashes, without a file."""

import argparse

from amiproxy.cli.users.prompt import new_secret
from amiproxy.config import Unfit
from amiproxy.core.model.phc import hash_secret, random_secret
from amiproxy.tools import terminal


def register(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both verbs."""
    parser = verbs.add_parser(
        "hash",
        help="print the hash of a secret",
        description="Print the hash of a secret, for secret: in users.yaml. The secret is read from a\n"
        "prompt without echo or from stdin, never from an argument.",
        epilog="example:\n  ami-proxy users hash < wallboard.secret",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run_hash)
    parser = verbs.add_parser(
        "generate",
        help="make a secret of 288 bits, and its hash",
        description="Print a new random secret, which is shown only once, and its hash for users.yaml.",
        epilog="example:\n  ami-proxy users generate",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run_generate)


def run_hash(_: argparse.Namespace) -> int:
    """Print the hash of a secret; return the exit status: 0, or 1 for an unfit secret."""
    try:
        print(hash_secret(new_secret()))
    except Unfit as error:
        terminal.error(f"{error}; {error.remedy}")
        return 1
    return 0


def run_generate(_: argparse.Namespace) -> int:
    """Print a new secret and its hash; return the exit status, 0."""
    secret = random_secret()
    print(f"secret: {secret}")
    print(f"hash:   {hash_secret(secret.encode())}")
    return 0
