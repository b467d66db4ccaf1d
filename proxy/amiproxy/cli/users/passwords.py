"""``ami-proxy users passwd``: gives a user another secret."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amiproxy.cli.users.changing import add_options, carry_out, guarded, on_each, store_of
from amiproxy.cli.users.prompt import new_secret, warn_of_short
from amiproxy.config import Unfit
from amiproxy.config.editing.entries import changed, entry_of
from amiproxy.core.model.phc import hash_secret, random_secret


def register(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "passwd",
        help="give a user another secret",
        description="Give a user another secret, read from a prompt without echo or from stdin. Its\n"
        "sessions end with the reload. A user that has md5_secret, for clients that log in\n"
        "by Challenge, gets the new secret there too, readable in the file as before.",
        epilog="examples:\n"
        "  ami-proxy users passwd wallboard\n"
        "  ami-proxy users passwd wallboard --generate\n"
        "  ami-proxy users passwd wallboard --md5-secret remove < new.secret",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--generate", action="store_true", help="make a random secret, and show it once")
    parser.add_argument(
        "--md5-secret",
        choices=("store", "remove"),
        help="store the secret readable too, for logins by Challenge; or keep only its hash"
        " (default: as the user has it)",
    )
    add_options(parser)
    parser.set_defaults(run=guarded(_passwd))


def _passwd(arguments: argparse.Namespace) -> int:
    store = store_of(arguments)
    texts = store.read()
    file, spelled = store.holder(texts, arguments.name)
    entry = entry_of(file, texts[file], spelled)
    if entry.get("login") == "certificate":
        remedy = "set login: both or secret in the file first"
        raise Unfit(f"{spelled} logs in by its certificate alone, so that a secret has no effect", remedy)
    _with_secret(entry, b"x" * 22, "", arguments.md5_secret)
    made = random_secret() if arguments.generate else None
    secret = new_secret() if made is None else made.encode()
    _with_secret(entry, secret, "", arguments.md5_secret)  # raises if it cannot be stored
    warn_of_short(secret)
    hashed = hash_secret(secret)

    def edit(file: Path, text: bytes, name: str) -> bytes:
        entry = entry_of(file, text, name)
        return changed(file, text, name, _with_secret(entry, secret, hashed, arguments.md5_secret))

    edits = on_each(store, [spelled], edit)
    return carry_out(store, edits, [spelled], f"new secret for {spelled}", arguments, secret=made)


def _with_secret(entry: Mapping[str, Any], secret: bytes, hashed: str, wanted: str | None) -> dict[str, Any]:
    """The changes of the entry; no old secret stays valid, in whichever key it is."""
    keeps = "md5_secret" in entry if wanted is None else wanted == "store"
    changes: dict[str, Any] = {}
    if "secret" in entry or not keeps:
        changes["secret"] = hashed
    if keeps:
        try:
            changes["md5_secret"] = secret.decode()
        except UnicodeDecodeError:
            raise Unfit("the secret is not UTF-8, as md5_secret needs it", "choose another") from None
    elif "md5_secret" in entry:
        changes["md5_secret"] = None
    return changes
