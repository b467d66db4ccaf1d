"""``ami-proxy import``: converts manager.conf or AstManProxy's files to users.yaml and proxy.yaml."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rich.text import Text

from amiproxy.ami.errors import UnknownPrivilege
from amiproxy.ami.privilege import parse_classes
from amiproxy.config import ConfigErrors, Unfit, parse_users
from amiproxy.counted import count
from amiproxy.tools import terminal
from amiproxy.tools.conffiles import included_by, read_text
from amiproxy.tools.importers import (
    Imported,
    SecretForm,
    astmanproxy_servers,
    findings,
    import_astmanproxy_conf,
    import_astmanproxy_users,
    import_manager_conf,
)
from amiproxy.tools.importers.astmanproxy import DEFAULT_READ, DEFAULT_WRITE
from amiproxy.x509.errors import IssueError
from amiproxy.x509.files import write_atomically

_EXAMPLES = """\
examples:
  ami-proxy import manager.conf /etc/asterisk/manager.conf
  ami-proxy import manager.conf /etc/asterisk/manager.conf --out /root/moved
  ami-proxy import astmanproxy.users /etc/asterisk/astmanproxy.users --read call,agent --write originate

Without --out nothing is written: only the report is shown. Each of its lines is
file:line: level: what is different; what to do. lost: not carried over; changed:
means something else now; fyi: good to know. A remark that applies to several
users is one line. No secret is ever shown.

With astmanproxy.users, the servers that users prefer are looked up in the
astmanproxy.conf in the same folder. If it has several, each user gets servers:
the one it preferred, otherwise all."""

#: The folder is closed to other users; the service's group reads the files once they are in place.
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_COLOURS: Final = {"lost": "bold red", "changed": "yellow", "fyi": "dim"}


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "import",
        help="import users and settings from manager.conf or AstManProxy",
        description="Make users.yaml and a proposal for proxy.yaml from another program's configuration,\n"
        "and report what is different. No user gets more rights than before.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("format", choices=tuple(_FORMATS), metavar="FORMAT", help=", ".join(_FORMATS))
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="the file; those it includes are looked up in its folder"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for the files to write; none of them may exist yet"
    )
    parser.add_argument(
        "--hash",
        choices=("argon2id", "none"),
        default="argon2id",
        help="none keeps secrets readable as md5_secret, which Challenge logins need (default: argon2id)",
    )
    only = "; astmanproxy.users only"
    parser.add_argument(
        "--read",
        metavar="CLASSES",
        help=f"events that all users see (default: {','.join(DEFAULT_READ)}){only}",
    )
    parser.add_argument(
        "--write",
        metavar="CLASSES",
        help=f"actions that all users may run (default: {','.join(DEFAULT_WRITE)}){only}",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Import, print the report, and write the files if --out is given; return the exit status.

    0, or 1 if the file cannot be imported or a file cannot be written.
    """
    try:
        imported = _FORMATS[arguments.format](arguments)
        files = _files_of(imported)
        _report(imported, files)
        if arguments.out is not None:
            _write(arguments.out, files)
    except (Unfit, ConfigErrors, IssueError) as error:
        remedy = getattr(error, "remedy", "")
        terminal.error(f"{error}; {remedy}" if remedy else str(error))
        return 1
    return 0


def _import_manager_conf(arguments: argparse.Namespace) -> Imported:
    file: Path = arguments.file
    _refuse_classes(arguments)
    return import_manager_conf(str(file), read_text(file), included_by(file), _form(arguments))


def _import_astmanproxy_conf(arguments: argparse.Namespace) -> Imported:
    _refuse_classes(arguments)
    return import_astmanproxy_conf(str(arguments.file), read_text(arguments.file))


def _import_astmanproxy_users(arguments: argparse.Namespace) -> Imported:
    return import_astmanproxy_users(
        str(arguments.file),
        read_text(arguments.file),
        _form(arguments),
        _classes(arguments.read, DEFAULT_READ),
        _classes(arguments.write, DEFAULT_WRITE),
        _servers_beside(arguments.file),
    )


def _servers_beside(users: Path) -> dict[str, list[str]] | None:
    """The servers of the astmanproxy.conf in the same folder, where AstManProxy has both files."""
    conf = users.with_name("astmanproxy.conf")
    return astmanproxy_servers(read_text(conf)) if conf.exists() else None


_FORMATS: Final[dict[str, Callable[[argparse.Namespace], Imported]]] = {
    "manager.conf": _import_manager_conf,
    "astmanproxy.conf": _import_astmanproxy_conf,
    "astmanproxy.users": _import_astmanproxy_users,
}


def _form(arguments: argparse.Namespace) -> SecretForm:
    return "argon2id" if arguments.hash == "argon2id" else "md5"


def _refuse_classes(arguments: argparse.Namespace) -> None:
    if arguments.read is not None or arguments.write is not None:
        raise Unfit("--read and --write are for astmanproxy.users only", "omit them")


def _classes(given: str | None, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    if given is None:
        return otherwise
    try:
        parse_classes(given)
    except UnknownPrivilege as error:
        raise Unfit(str(error), "use manager.conf's names, such as call,agent") from None
    return tuple(word.strip() for word in given.split(",") if word.strip())


def _files_of(imported: Imported) -> dict[str, bytes]:
    """The files to write, by name.  Raises ConfigErrors if the service would not accept users.yaml."""
    files = {}
    if imported.users:
        files["users.yaml"] = imported.users_yaml()
        parse_users(Path("users.yaml"), files["users.yaml"])
    if imported.proxy:
        files["proxy.yaml"] = imported.proxy_yaml()
    files.update({name: secret + b"\n" for name, secret in imported.secrets.items() if secret})
    return files


def _report(imported: Imported, files: dict[str, bytes]) -> None:
    for finding in findings(imported.notes):
        text = Text(terminal.printable(str(finding)), style=_COLOURS[finding.level])
        terminal.show(terminal.Paragraph(text, indent=4))
    disabled = sum("disabled" in entry for entry in imported.users.values())
    summary = (
        f"{count(len(imported.users), 'user')}, {disabled} of them disabled: {', '.join(files) or 'nothing'}"
    )
    terminal.show(terminal.Paragraph(summary))


def _write(folder: Path, files: dict[str, bytes]) -> None:
    try:
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        for name in files:
            if (folder / name).exists():
                raise Unfit(f"{folder / name} already exists", "name a new folder")
        for name, content in files.items():
            write_atomically(folder / name, content, _FILE_MODE)
            print(f"wrote {folder / name}")
    except OSError as error:
        raise Unfit(f"{folder}: {error.strerror}", "name a folder that you may write to") from None
