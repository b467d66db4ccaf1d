"""``ami-proxy learn``: records what users actually use, and prints the least rights that still allow it."""

import argparse
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from amiproxy.ami import privilege
from amiproxy.ami.actions import ActionTable
from amiproxy.cli import file_error
from amiproxy.cli.configured import actions_of, add_config_option
from amiproxy.cli.ctl.connection import Connection, NotReachable, Refused
from amiproxy.cli.ctl.where import socket_of
from amiproxy.cli.durations import duration
from amiproxy.config import ConfigErrors, UserEntry, UsersFile, load_config, load_users, users_files
from amiproxy.config.reading.document import dump
from amiproxy.config.users.rules import problems
from amiproxy.config.users.usertable import user_of
from amiproxy.core.learning.proposal import Proposal, propose
from amiproxy.core.learning.recording import BadRecording, Recording, from_rows, parse, serialise
from amiproxy.core.model.rules import Rules
from amiproxy.net.admin.explaining.printable import text_of
from amiproxy.tools import terminal

_EXAMPLE = """\
examples:
  ami-proxy learn --for 7d --save week.learn
  ami-proxy learn --from week.learn --user wallboard
  ami-proxy explain --users new-users.yaml --replay week.learn

A recording holds shapes: the actions, headers, contexts, applications, variables and events of each user.
In values other than names that rules are made of, 0 replaces every digit and x every letter."""

#: Seconds between two polls of a running recording.
_LOOK = 60.0
#: Event names that are safe in a comment: a caller who can forge an event chooses its name, which could
#: hold a line break and so end the comment.
_PLAIN_EVENT = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ONE_LINE = 4096
_ALSO_KEPT = ("secret", "md5_secret", "acl", "setvar", "certificate", "login", "eventfilter")


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "learn",
        help="record what users actually use, and propose the least rights for it",
        description="Record what users actually use, and print entries of users.yaml that allow just that.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config_option(parser, "the proxy.yaml of the service")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--for", dest="seconds", type=duration, metavar="TIME", help="how long to record: 30m, 7d"
    )
    what.add_argument("--from", dest="recording", type=Path, metavar="FILE", help="propose from a recording")
    parser.add_argument("--save", type=Path, metavar="FILE", help="with --for: keep the recording here")
    parser.add_argument("--user", metavar="NAME", help="only this user")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Record if asked to, then print the proposal; return the exit status: 0, or 2 if it fails."""
    try:
        if arguments.recording is not None:
            recording = parse(arguments.recording.read_bytes())
        else:
            recording = _record(arguments)
        users = load_users(*users_files(load_config(arguments.config)))
        return _propose(recording, users, actions_of(arguments), arguments.user)
    except ConfigErrors as errors:
        terminal.error(errors)
    except (BadRecording, NotReachable, Refused) as error:
        terminal.error(f"ami-proxy learn: {error}")
    except OSError as error:
        terminal.error(f"ami-proxy learn: {file_error(error)}")
    return 2


def _record(arguments: argparse.Namespace) -> Recording:
    """Start a recording and poll it, so that little is lost if the service restarts; return it at the end."""
    connection = Connection(socket_of(arguments.config))
    try:
        connection.ask("learn-start", seconds=f"{arguments.seconds:.0f}")
    finally:
        connection.close()
    print(
        f"recording for {arguments.seconds:.0f} s; Ctrl-C ends it early and proposes from what was recorded",
        file=sys.stderr,
    )
    ends = time.monotonic() + arguments.seconds
    earlier: Recording | None = None
    latest = _look(arguments.config)
    try:
        while (left := ends - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK))
            earlier, latest = _continued(arguments, earlier, latest, ends)
            _save(arguments.save, _whole(earlier, latest))
    except KeyboardInterrupt:
        latest = _look(arguments.config)
    recording = _whole(earlier, latest)
    _save(arguments.save, recording)
    return recording


def _continued(
    arguments: argparse.Namespace, earlier: Recording | None, latest: Recording, ends: float
) -> tuple[Recording | None, Recording]:
    """Poll the recording; if the service has restarted, start a new recording for the time that is left.

    Returns what was recorded before the last restart (None if there was none) and since.
    """
    try:
        looked = _look(arguments.config)
    except NotReachable as error:
        terminal.error(f"ami-proxy learn: {error}")
        return earlier, latest
    except Refused:
        left = max(1.0, ends - time.monotonic())
        connection = Connection(socket_of(arguments.config))
        try:
            connection.ask("learn-start", seconds=f"{left:.0f}")
        finally:
            connection.close()
        return _whole(earlier, latest), _look(arguments.config)
    return earlier, looked


def _whole(earlier: Recording | None, latest: Recording) -> Recording:
    return latest if earlier is None else earlier.joined_with(latest)


def _look(config: Path) -> Recording:
    connection = Connection(socket_of(config))
    try:
        head, *parts = connection.stream("learn")
    finally:
        connection.close()
    return from_rows(head, (row for part in parts for row in part["rows"]))


def _save(file: Path | None, recording: Recording) -> None:
    if file is None:
        return
    # A recording shows who calls whom, so only the operator may read it.
    new = file.with_name(f"{file.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.writelines(serialise(recording.head, rows_of(recording)))
    new.replace(file)


def rows_of(recording: Recording) -> Iterator[dict[str, Any]]:
    """The recording as rows of a recording file."""
    for shape, count in recording.shapes.items():
        headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in shape.headers]
        yield {
            "user": shape.user,
            "action": shape.action.decode("latin-1"),
            "headers": headers,
            "count": count,
        }
    for seen, count in recording.events.items():
        classes = privilege.class_names(seen.classes)
        yield {"user": seen.user, "event": seen.event.decode("latin-1"), "classes": classes, "count": count}


def _propose(recording: Recording, users: UsersFile, table: ActionTable, only: str | None) -> int:
    wanted = [name for name in users.users if only is None or name.lower() == only.lower()]
    if not wanted:
        terminal.error(f"unknown user {only}; known users: {', '.join(users.users)}")
        return 2
    print("users:")
    for name in wanted:
        entry = users.users[name]
        user = user_of(name, entry)
        shapes = [shape for shape in recording.shapes if shape.user == name]
        events = {seen: count for seen, count in recording.events.items() if seen.user == name}
        seen = 0
        for event in events:
            seen |= event.classes
        if not shapes and not events:
            print(f"  # {name}: nothing was recorded; disabled: true would take nothing away")
            continue
        proposal = propose(user.write, user.read, user.rules, shapes, seen, table, _can_be_written)
        print(
            "\n".join(
                lines_of(name, entry, proposal, sorted({event.event.decode("latin-1") for event in events}))
            )
        )
    return 0


def _can_be_written(rules: Rules) -> bool:
    """Whether users.yaml may contain these rules."""
    return not problems(rules)


def lines_of(name: str, entry: UserEntry, proposal: Proposal, events: list[str]) -> list[str]:
    """The proposed entry as lines of YAML; comments say what it takes away."""
    kept = [key for key in _ALSO_KEPT if getattr(entry, key)]
    # The dumper quotes a name that YAML would read as a number or a boolean.
    lines = [f"  {yaml.dump(name, Dumper=yaml.CSafeDumper, width=_ONE_LINE).splitlines()[0]}:"]
    lines += [f"    # takes away {what}" for what in proposal.given_up]
    lines += [f"    # already denied today: {text_of(shape.action)}" for shape in proposal.refused]
    if kept:
        lines.append(f"    # keep unchanged: {', '.join(kept)}")
    rights: dict[str, object] = {
        "read": privilege.class_names(proposal.read).split(",") if proposal.read else [],
        "write": privilege.class_names(proposal.write).split(",") if proposal.write else [],
        **_rules(proposal.rules),
    }
    lines += [f"    {line}" for line in dump(rights, width=100).splitlines()]
    plain = [event for event in events if _PLAIN_EVENT.fullmatch(event)]
    if plain:
        names = ", ".join(f"{{name: {event}}}" for event in plain)
        lines.append("    # it received these events; to send it no others:")
        lines.append(f"    # eventfilter: [{names}]")
    return lines


def _rules(rules: Rules) -> dict[str, object]:
    plain: dict[str, object] = msgspec.to_builtins(rules)
    return {key: _pruned(value) for key, value in plain.items() if value is not None and value != []}


def _pruned(value: object) -> object:
    if isinstance(value, dict):
        return {key: _pruned(item) for key, item in value.items() if item not in (None, False, [], ())}
    if isinstance(value, list | tuple):
        return [_pruned(item) for item in value]
    return value
