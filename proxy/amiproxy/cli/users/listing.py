"""``ami-proxy users list``: all users, with their classes."""

import argparse
import json
from collections.abc import Iterator
from typing import Any, Final

from rich.text import Text

from amiproxy.ami.privilege import class_names
from amiproxy.cli.configured import add_users_options
from amiproxy.cli.users.changing import guarded, store_of
from amiproxy.config import UserEntry, load_users, parse_users
from amiproxy.counted import count
from amiproxy.tools import terminal
from amiproxy.tools.terminal import printable

#: What an empty list stands for in a column, if not for anything at all.
_EMPTY: Final = {"login": "none"}


def register(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "list",
        help="list the users",
        description="List the users with their classes, as they are in the files.\n"
        "ami-proxy ctl users shows those of the running service, with their sessions.",
        epilog="examples:\n  ami-proxy users list\n  ami-proxy users list --json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_users_options(parser, together="files")
    parser.add_argument("--json", action="store_true", help="print one JSON object per user, one per line")
    parser.set_defaults(run=guarded(_list))


def _list(arguments: argparse.Namespace) -> int:
    store = store_of(arguments)
    texts = store.read()
    load_users(*store.files)  # raises for errors in any of them, and between them
    rows = [
        {"name": name, **_row(entry), "file": str(file)}
        for file, text in texts.items()
        for name, entry in parse_users(file, text).users.items()
    ]
    if arguments.json:
        for row in rows:
            print(json.dumps(row))
        return 0
    shown = ["name", "state", "read", "write", "login", "from"]
    if any(row["doors"] != ["ami"] for row in rows):
        shown.append("doors")
    if any(row["servers"] is not None for row in rows):
        shown.append("servers")
    if len(store.files) > 1:
        shown.append("file")
    table = terminal.Table([terminal.Column(name) for name in shown])
    for row in rows:
        table.add_row(*(_cell(row[column] or _EMPTY.get(column)) for column in shown))
    disabled = sum(row["state"] == "disabled" for row in rows)
    terminal.show(table, "", f"{count(len(rows), 'user')}, {disabled} disabled")
    return 0


def _row(entry: UserEntry) -> dict[str, Any]:
    return {
        "state": "disabled" if entry.disabled else "enabled",
        "read": class_names(entry.read_mask),
        "write": class_names(entry.write_mask),
        "login": list(_ways_in(entry)),
        "from": list(entry.acl),
        "history": entry.history,
        "doors": list(entry.doors),
        "servers": None if entry.servers is None else list(entry.servers),
    }


def _ways_in(entry: UserEntry) -> Iterator[str]:
    if not entry.has_login:
        return
    if entry.login != "certificate":
        yield "secret"
        if entry.md5_secret is not None:
            yield "challenge"
    if entry.login != "secret":
        yield "certificate"


def _cell(value: str | list[str] | None) -> Text:
    if isinstance(value, str):
        # Blanks, so that a list of classes can be folded.
        value = value.split(",")
    text = ", ".join(value or ()) or "any"
    return Text(printable(text), style="red" if text == "disabled" else "")
