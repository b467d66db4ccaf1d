"""``ami-proxy explain``: shows what the proxy would do with an action or event, check by check, and why.

It works from the configuration alone: it needs no running proxy and connects to
nothing.  It knows the actions of the shipped table and those that proxy.yaml describes.
"""

import argparse
import re
import sys
from pathlib import Path

from amiproxy.cli import file_error
from amiproxy.cli.configured import actions_of, add_users_options, config_of, users_of
from amiproxy.cli.explain.replaying import replay
from amiproxy.config import ConfigErrors, load_config
from amiproxy.config.users.servers import ServerNames
from amiproxy.config.users.usertable import table_of
from amiproxy.core.learning.recording import BadRecording, parse
from amiproxy.core.model.users import UserTable
from amiproxy.net.admin.explaining.action import explain_action
from amiproxy.net.admin.explaining.event import explain_event
from amiproxy.steps import result_of
from amiproxy.tools import terminal

_EXAMPLE = """\
examples:
  printf 'Action: Getvar\\nVariable: SHELL(id)\\n' | ami-proxy explain --user wallboard
  ami-proxy explain --users users.yaml newchannel.event
  ami-proxy explain --user dialer --server pbx2 originate.action

A message that begins with Event: is an event, any other is an action. Lines may end in LF or CRLF;
a blank line separates messages. With several servers the rights are those of the user at the server
to which the action goes, or from which the event comes; with --server the session is bound to that
server. Exit status 0 if every action is allowed (every event seen by at least one user), 1 if one is
not, 2 if the files or the message cannot be read."""

_BLANK = re.compile(rb"\r?\n\r?\n")


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "explain",
        help="say what would happen to an action or event, and why",
        description="Read an action or an event and say, check by check, what the proxy would do with it.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_users_options(parser, together="users, and actions of third-party modules")
    parser.add_argument(
        "--replay",
        type=Path,
        metavar="FILE",
        help="check a recording of ami-proxy learn and print what would be denied",
    )
    parser.add_argument(
        "--user", metavar="NAME", help="the user that sends the action; for an event: only this user"
    )
    parser.add_argument(
        "--server",
        metavar="NAME",
        default="",
        help="the only server of the session, of those in proxy.yaml; for an event: the server it comes from",
    )
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="file with the message (default: standard input)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Explain every message of the input, or check a recording; return the exit status.

    0 if all is allowed or seen, 1 if something is not, 2 for wrong usage or files that cannot be used.
    """
    try:
        names = _servers_of(arguments)
        table = table_of(users_of(arguments), names)
        actions = actions_of(arguments)
        if problem := _wrong_server(arguments.server, names):
            terminal.error(problem)
            return 2
        if arguments.replay is not None:
            recording = parse(arguments.replay.read_bytes())
            return replay(recording, table, actions, arguments.user, arguments.server)
        messages = _messages(arguments.file)
    except (ConfigErrors, BadRecording) as error:
        terminal.error(error)
        return 2
    except OSError as error:
        terminal.error(f"ami-proxy explain: {file_error(error)}")
        return 2
    user = None if arguments.user is None else table.find(arguments.user.encode())
    if arguments.user is not None and user is None:
        terminal.error(f"unknown user {arguments.user}; known users: {_names(table)}")
        return 2
    if not messages:
        terminal.error("the input has no message to explain")
        return 2
    status = 0
    for number, raw in enumerate(messages):
        if number:
            print()
        if raw.startswith(b"Event:"):
            servers = (arguments.server,) if arguments.server else names.names if names.named else ()
            good, lines = explain_event([user] if user else list(table), raw, servers)
        elif user is None:
            terminal.error("an action needs --user NAME, the user that sends it")
            return 2
        else:
            server = arguments.server if names.named else None
            good, lines = result_of(explain_action(user, raw, actions, server))
        terminal.say("\n".join(lines))
        status = max(status, 0 if good else 1)
    return status


def _servers_of(arguments: argparse.Namespace) -> ServerNames:
    """The servers of proxy.yaml; with ``--users`` alone one without a name, as the file belongs to any."""
    if arguments.config is None and arguments.users is not None:
        return ServerNames()
    return load_config(config_of(arguments)).server_names


def _wrong_server(name: str, names: ServerNames) -> str:
    """What is wrong with the name of a server; "" if it is one, or if there is none."""
    if not name or (names.named and name in names.names):
        return ""
    if not names.named:
        return f"unknown server {name}: no server has a name; use --config with a proxy.yaml that has some"
    return f"unknown server {name}; known servers: {', '.join(names.names)}"


def _messages(file: Path | None) -> list[bytes]:
    text = sys.stdin.buffer.read() if file is None else file.read_bytes()
    found = []
    for part in _BLANK.split(text):
        stripped = part.strip(b"\r\n")
        if stripped:
            lines = stripped.replace(b"\r\n", b"\n").split(b"\n")
            found.append(b"\r\n".join(lines) + b"\r\n\r\n")
    return found


def _names(table: UserTable) -> str:
    return ", ".join(user.name for user in table) or "none"
