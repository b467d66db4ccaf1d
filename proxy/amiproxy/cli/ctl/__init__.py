"""``ami-proxy ctl``: queries and controls the running service on this host."""

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from amiproxy.cli.ctl import state, tables, tail, top
from amiproxy.cli.ctl.connection import Connection, NotReachable, Refused
from amiproxy.cli.ctl.where import socket_of
from amiproxy.cli.durations import duration
from amiproxy.config import ConfigErrors
from amiproxy.core.learning.recording import serialise
from amiproxy.counted import count
from amiproxy.tools import terminal

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
_Run: TypeAlias = Callable[[Connection, argparse.Namespace], None]

DEFAULT_SOCKET = Path("/run/ami-proxy/control.sock")
REFUSED = 1
MISUSED = 2
UNREACHABLE = 3

_EPILOG = """\
examples:
  ami-proxy ctl status
  ami-proxy ctl sessions --json | jq '.[] | select(.outbox > 0)'
  ami-proxy ctl reload && echo reloaded

Exit status: 0 success, 1 refused or failed (the reasons are on stderr), 2 wrong usage, 3 no proxy answers.
"""

#: As in ``amiproxy.net.admin.logkinds``, which is not imported here because of all that it loads.
_KINDS = (
    *("denial", "login", "session", "action", "limit", "tls"),
    *("link", "certificate", "reload", "control", "service"),
)
#: Verbs that are for people only.
_NO_JSON = frozenset({"top"})
_KEYS = "On a terminal, keys sort, filter, select, pause, show details and kick; h lists them."
_TAIL = """\
examples:
  ami-proxy ctl tail --user wallboard
  ami-proxy ctl tail --kind denial,limit -n 50
  ami-proxy ctl tail --json --kind login | jq -r 'select(.event == "login-failed") | .peer'

The lines are those of the log, from level info up, whatever the log level is; --json prints them with
the names of log.format json, and their kind. If this terminal is too slow, lines are dropped, and
their number is shown. Exit status 0 after Ctrl-C, 3 when the service stops.
"""


def register(commands: _Commands) -> None:
    """Add the command and its verbs."""
    parser = commands.add_parser(
        "ctl",
        help="query and control the running service",
        description="Query and control the running service through its control socket.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_options(parser, default=None, json_default=False)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    _verb(verbs, "status", "show the state of the service on one screen", "ctl status")
    _verb(verbs, "sessions", "list all sessions, one per row", "ctl sessions")
    one = _verb(verbs, "session", "show all details of one session", "ctl session 5f1e09c2ab34")
    one.add_argument("id", metavar="ID", help="a session id, as listed by ctl sessions")
    kick = _verb(verbs, "kick", "end one session, or all sessions of a user", "ctl kick user:wallboard")
    kick.add_argument("target", metavar="SESSION|user:NAME", help="a session id, or user: and a user name")
    _verb(verbs, "users", "list all users: classes, ways to log in, sessions", "ctl users")
    upstream = _verb(
        verbs, "upstream", "show the state of the link to each Asterisk", "ctl upstream pbx2", _of_a_server
    )
    kept = _verb(
        verbs,
        "state",
        "show what is kept of each Asterisk's past and present, for snapshots and resuming",
        "ctl state pbx2",
        _of_a_server,
    )
    _verb(verbs, "fleet", "show the engines, servers, agents and edges of the fleet", "ctl fleet --json")
    for verb in (upstream, kept):
        verb.add_argument(
            "server",
            metavar="SERVER",
            nargs="?",
            default="",
            help="show the details of one of several servers",
        )
    certs = _verb(
        verbs, "certs", "show the certificates served, or reload their files", "ctl certs reload", _certs
    )
    certs.add_argument(
        "what", nargs="?", choices=("status", "reload"), default="status", help="default: status"
    )
    _verb(verbs, "limits", "list all limits: value, current use, how often reached", "ctl limits")
    _verb(
        verbs,
        "drain",
        "accept no new connections, answer the actions in flight, then stop the service",
        "ctl drain",
    )
    _verb(
        verbs,
        "reload",
        "reload configuration, users and certificates as a whole, or certificates alone if only they changed",
        "ctl reload",
    )
    level = _verb(verbs, "log-level", "set the log level until the next reload", "ctl log-level debug")
    level.add_argument("level", metavar="LEVEL", choices=("debug", "info", "warning", "error"))
    trace = _verb(
        verbs,
        "trace",
        "show the messages a user sends and receives, live, with secrets masked",
        "ctl trace wallboard",
        _trace,
    )
    trace.add_argument("user", metavar="USER", help="a manager user's name")
    _add_tail(verbs)
    learn = _verb(
        verbs,
        "learn",
        "record which rights users actually use, for ami-proxy learn",
        "ctl learn start --for 7d",
        _learn,
    )
    learn.add_argument("what", choices=("start", "stop", "show"))
    learn.add_argument(
        "--for",
        dest="seconds",
        type=duration,
        default=0.0,
        metavar="TIME",
        help="how long to record, such as 7d (default: until stopped)",
    )
    live = _verb(
        verbs, "top", "show sessions, rates and the link on a live screen", "ctl top --interval 2", _top
    )
    live.epilog = f"{live.epilog}\n\n{_KEYS}"
    live.add_argument(
        "--interval", type=_interval, default=1.0, metavar="SECONDS", help="time between updates (default: 1)"
    )


def _add_tail(verbs: _Commands) -> None:
    parser = _verb(
        verbs,
        "tail",
        "follow what happens, live: denials, logins, sessions, limits, the link, reloads, certificates",
        "ctl tail --kind denial,limit",
        _tail,
    )
    parser.epilog = _TAIL
    parser.add_argument("--user", metavar="NAME", default="", help="only lines about this user")
    parser.add_argument(
        "--kind",
        metavar="KIND,…",
        type=_kinds,
        default="",
        dest="kinds",
        help=f"only lines of these kinds: {', '.join(_KINDS)}, or all (default: all but action)",
    )
    parser.add_argument("--session", metavar="ID", default="", help="only lines about this session")
    parser.add_argument("--server", metavar="NAME", default="", help="only lines about this server")
    parser.add_argument(
        *("-n", "--lines"),
        type=_lines,
        default=10,
        metavar="N",
        help="begin with the last N lines that match (default: 10; the service keeps 200 lines)",
    )
    parser.add_argument(
        *("-F", "--retry"),
        action="store_true",
        help="when the service stops, wait for it and go on, instead of ending with exit status 3",
    )


def add_certs_status(verbs: _Commands) -> None:
    """Add ``ami-proxy certs status``: the same as ``ctl certs``, where people look for it."""
    text = "show the certificates that the running proxy serves (uses its control socket)"
    parser = _verb(verbs, "status", text, "certs status", _certs)
    parser.set_defaults(what="status", socket=None, config=None, json=False)


def _verb(
    verbs: _Commands, name: str, text: str, example: str, run: _Run | None = None
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=f"example: ami-proxy {example}"
    )
    # The options are accepted before and after the verb.
    _add_options(
        parser, default=argparse.SUPPRESS, json_default=argparse.SUPPRESS, has_json=name not in _NO_JSON
    )
    parser.set_defaults(run=run_verb, verb=name, act=run or _ask)
    return parser


def _add_options(
    parser: argparse.ArgumentParser, *, default: Any, json_default: Any, has_json: bool = True
) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--socket",
        type=Path,
        default=default,
        metavar="PATH",
        help=f"control socket (default: {DEFAULT_SOCKET})",
    )
    where.add_argument(
        "--config",
        type=Path,
        default=default,
        metavar="FILE",
        help="proxy.yaml that names the control socket",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        default=json_default,
        # Verbs without JSON still accept it, and then say what to use instead.
        help="print JSON, one line per result, for programs" if has_json else argparse.SUPPRESS,
    )


def run_verb(arguments: argparse.Namespace) -> int:
    """Connect, send the command and print the result; return the exit status.

    0, or REFUSED, MISUSED or UNREACHABLE.
    """
    try:
        connection = Connection(_socket(arguments))
        try:
            arguments.act(connection, arguments)
        finally:
            connection.close()
    except ConfigErrors as errors:
        terminal.error(errors)
        return MISUSED
    except NotReachable as error:
        terminal.error(f"ami-proxy ctl: {error}")
        return UNREACHABLE
    except KeyboardInterrupt:
        # Ctrl-C is how trace and top are ended, so it is not a failure.
        return 0
    except Refused as refused:
        if arguments.json:
            said = {"error": str(refused), "problems": refused.problems}
            print(msgspec.json.encode(said).decode(), file=sys.stderr)
        else:
            for line in (*refused.problems, f"ami-proxy ctl: {refused}"):
                terminal.error(terminal.printable(line))
        return REFUSED
    return 0


def _socket(arguments: argparse.Namespace) -> Path:
    if arguments.config is None:
        return arguments.socket or DEFAULT_SOCKET
    return socket_of(arguments.config)


def _ask(connection: Connection, arguments: argparse.Namespace, command: str = "") -> None:
    command = command or arguments.verb
    given = {name: getattr(arguments, name) for name in ("id", "target", "level") if hasattr(arguments, name)}
    _show(command, connection.ask(command, **given), arguments)


#: The table of one server, for verbs that show all servers or one.
_ONE_SERVER = {"upstream": tables.server, "state": state.server}


def _of_a_server(connection: Connection, arguments: argparse.Namespace) -> None:
    found, name = connection.ask(arguments.verb), arguments.server.lower()
    if name:
        servers = {row["server"]: row for row in found.get("servers", ())}
        if name not in servers:
            known = (
                f"the servers are {', '.join(servers)}"
                if servers
                else "the only server has no name: leave it out"
            )
            raise Refused(f"unknown server {arguments.server!r}; {known}", [])
        found = servers[name]
    if name and not arguments.json:
        terminal.show(_ONE_SERVER[arguments.verb](found))
    else:
        _show(arguments.verb, found, arguments)


def _certs(connection: Connection, arguments: argparse.Namespace) -> None:
    _ask(connection, arguments, "certs-reload" if arguments.what == "reload" else "certs")


def _show(command: str, result: Any, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(msgspec.json.encode(result).decode(), flush=True)
    else:
        terminal.show(tables.TABLES[command](result))


def _trace(connection: Connection, arguments: argparse.Namespace) -> None:
    for number, item in enumerate(connection.stream("trace", user=arguments.user)):
        if arguments.json:
            print(msgspec.json.encode(item).decode(), flush=True)
        elif number == 0:
            print(
                f"tracing {item['user']}: {count(len(item['sessions']), 'session')}; Ctrl-C to stop",
                flush=True,
            )
        else:
            print("\n".join(_traced(item)), flush=True)


def _traced(item: dict[str, Any]) -> list[str]:
    when = datetime.fromtimestamp(item["at"], UTC).strftime("%H:%M:%S.%f")[:-3]
    arrow = "to client" if item["direction"] == "sent" else "from client"
    lines = [f"({count(item['missed'], 'message')} missed)"] if item["missed"] else []
    lines.append(f"{when} {item['session']} {arrow}")
    lines += [f"    {terminal.printable(line)}" for line in item["message"].rstrip("\r\n").split("\r\n")]
    return lines


def _tail(connection: Connection, arguments: argparse.Namespace) -> None:
    choice = {name: getattr(arguments, name) for name in ("kinds", "user", "session", "server")}
    tail.follow(
        connection,
        _socket(arguments),
        choice={**choice, "last": str(arguments.lines)},
        as_json=arguments.json,
        retries=arguments.retry,
    )


def _learn(connection: Connection, arguments: argparse.Namespace) -> None:
    if arguments.what == "start":
        _show("learn", connection.ask("learn-start", seconds=f"{arguments.seconds:.0f}"), arguments)
    elif arguments.what == "stop":
        _show("learn", connection.ask("learn-stop"), arguments)
    else:
        # The output is a recording file for ami-proxy learn --from and ami-proxy explain --replay.
        head, *parts = connection.stream("learn")
        for line in serialise(head, (row for part in parts for row in part["rows"])):
            print(line.decode(), end="")


def _top(connection: Connection, arguments: argparse.Namespace) -> None:
    if arguments.json:
        raise Refused("top has no JSON output; use status --json", [])
    top.watch(connection, _socket(arguments), arguments.interval)


def _kinds(text: str) -> str:
    for kind in filter(None, text.split(",")):
        if kind not in (*_KINDS, "all"):
            raise argparse.ArgumentTypeError(f"unknown kind {kind!r}; known: {', '.join(_KINDS)}, all")
    return text


def _lines(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of lines")
    return int(text)


def _interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0.1 to 3600")
    return seconds
