"""``ami-proxy explain``: what would happen to an action or an event, rule by rule, and why.

Works from the configuration alone: no proxy runs, nothing is connected, and
the actions known are those of the shipped table.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from proxy.ami import privilege
from proxy.ami.actions import LOCAL, SHIPPED, ActionTable
from proxy.ami.arguments.kinds import MEANING
from proxy.ami.errors import ProtocolError
from proxy.ami.message import Action, parse_action
from proxy.ami.relay import BROADCAST, BROADCAST_HEAD, rebuild_event
from proxy.cli.printable import text_of
from proxy.cli.replaying import replay
from proxy.config import ConfigErrors, UsersFile, load_config, load_users, users_files
from proxy.config.actions import other_actions
from proxy.core import originate
from proxy.core.learning.recording import BadRecording, parse
from proxy.core.policy import Step, judge, target_of
from proxy.core.policy.classes import classes_of
from proxy.core.policy.stricter import STRICTER
from proxy.core.scope import CallTracker
from proxy.core.users import User, UserTable

_EXAMPLE = """\
examples:
  printf 'Action: Getvar\\nVariable: SHELL(id)\\n' | ami-proxy explain --config proxy.yaml --user wallboard
  ami-proxy explain --users users.yaml newchannel.event

A message that begins with Event: is an event, any other an action; line ends may be LF or CRLF,
a blank line parts several messages. Exit status 0 when every action is allowed (every event seen
by somebody), 1 when one is not, 2 when the files or the message cannot be read."""

#: What each check looks at, for people.
_CHECKS = {
    "known": "whether Asterisk has such an action",
    "headers": "only headers that somebody described are sent, each under its proper name",
    "classes": "whether one of the action's classes is in write",
    "actions": "the user's actions.allow and actions.deny",
    "scope": "lists of everybody's calls, for a user with a scope",
    "rules": "the user's rules on headers",
    "arguments": "whether each argument fits its kind",
    "together": "what arguments do together: a variable and its value, an application and its data",
    "variables": "functions in the names of variables",
    "targets": "the user's contexts and channels",
    "forced variables": "variables that the user's rules force",
}
#: Why a rule of the user's own, or a plain one, refuses; the others are in the policy's own table.
_REASONS = {
    "unknown": "Neither Asterisk 22 nor 16 has such an action; once connected, Asterisk's own list counts.",
    "actions": "The user's actions.deny names it, or its actions.allow does not.",
    "channels": "It names a channel that is not in the user's channels, or cannot be held to them.",
    "commands": "The user's commands do not begin like this.",
    "contexts": "It leads to a context that is not in the user's contexts, or leaves the choice to Asterisk.",
    "undescribed": "Nobody has described its headers: add it to actions: in proxy.yaml.",
    "one-of": "The action's description in proxy.yaml lists the values that the header may have.",
    "system": "It is worth a shell on Asterisk's machine: class system.",
    "scope": "The answer lists everybody's calls, which a scope hides; actions.allow may name the action.",
    "rules.set": "A variable would undo the header that the user's rules force.",
}
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
    where = parser.add_argument_group("the users, and the actions of other modules")
    where.add_argument("--config", type=Path, metavar="FILE", help="the proxy.yaml that names the users")
    where.add_argument("--users", type=Path, metavar="FILE", help="users.yaml")
    parser.add_argument(
        "--replay",
        type=Path,
        metavar="FILE",
        help="judge a recording of ami-proxy learn; says what is denied",
    )
    parser.add_argument("--user", metavar="NAME", help="whose action it is; for an event: only this user")
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="the message; standard input if absent"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Explain every message of the input, or judge a recording."""
    if arguments.config is None and arguments.users is None:
        print("ami-proxy explain: say whose rights: --config FILE or --users FILE", file=sys.stderr)
        return 2
    try:
        table = UserTable.from_config(users_of(arguments))
        actions = actions_of(arguments)
        if arguments.replay is not None:
            return replay(parse(arguments.replay.read_bytes()), table, actions, arguments.user)
        messages = _messages(arguments.file)
    except (ConfigErrors, OSError, BadRecording) as error:
        print(error, file=sys.stderr)
        return 2
    user = None if arguments.user is None else table.find(arguments.user.encode())
    if arguments.user is not None and user is None:
        print(f"no user is called {arguments.user}; there are: {_names(table)}", file=sys.stderr)
        return 2
    if not messages:
        print("there is no message to explain", file=sys.stderr)
        return 2
    status = 0
    for number, raw in enumerate(messages):
        if number:
            print()
        if raw.startswith(b"Event:"):
            good, lines = explain_event([user] if user else list(table), raw)
        elif user is None:
            print("an action needs --user NAME: whose is it?", file=sys.stderr)
            return 2
        else:
            good, lines = explain_action(user, raw, actions)
        print("\n".join(lines))
        status = max(status, 0 if good else 1)
    return status


def users_of(arguments: argparse.Namespace) -> UsersFile:
    """The user table that --users names or the proxy.yaml of --config; ConfigErrors holds what is wrong."""
    if arguments.users is not None:
        return load_users(arguments.users)
    return load_users(*users_files(load_config(arguments.config)))


def actions_of(arguments: argparse.Namespace) -> ActionTable:
    """Asterisk's actions and those that the proxy.yaml of --config describes."""
    if arguments.config is None:
        return SHIPPED
    config = load_config(arguments.config)
    return SHIPPED.with_others(other_actions(config.actions, config.actions_undescribed))


def left_out(action: Action, actions: ActionTable) -> tuple[bytes, ...]:
    """Headers of the action that Asterisk would not be sent, as spelled."""
    described = actions.described(action.key)
    return () if described is None else described.left_out(action)


def explain_action(user: User, raw: bytes, actions: ActionTable = SHIPPED) -> tuple[bool, list[str]]:
    """Whether this user's action is allowed, and the story of it, line by line."""
    lines = [f"user     {user.name}{' (disabled)' if user.disabled else ''}, write {_classes(user.write)}"]
    try:
        action = parse_action(raw)
    except ProtocolError as error:
        end = "; the connection ends" if error.fatal else ""
        return False, [*lines, f"refused before any rule: {error}{end}"]
    if not action.name:
        return False, [*lines, "refused before any rule: Missing action in request"]
    lines.append(f"action   {text_of(action.name)}  {target_of(action)}".rstrip())
    unsent = left_out(action, actions)
    if unsent:
        lines.append(f"not sent {', '.join(text_of(name) for name in unsent)}: nobody has described them")
    dropped = sum(1 for line in raw.split(b"\n") if line.strip(b"\r")) - len(action.headers)
    if dropped:
        lines.append(f"dropped  {dropped} line(s): no headers to Asterisk, or repeated ones")
    lines.append("")
    before = action
    for step in judge(user, action, actions):
        lines.append(f"  {step.check:<17}{_outcome(step, before, user, actions)}")
        before = step.action
        if step.deny is not None:
            return False, [*lines, "", *_refusal(step, user, actions)]
    return True, [*lines, "", *_fate(user, before)]


def _outcome(step: Step, before: Action, user: User, actions: ActionTable) -> str:
    if step.deny is not None:
        return f"REFUSED by {step.deny.rule}: {_CHECKS[step.check]}"
    if step.action != before:
        return f"rewritten: {_CHECKS[step.check]}"
    if step.check == "classes":
        listed = actions.find(before.key)
        assert listed is not None
        needed = classes_of(listed)
        enough = privilege.class_names(needed & user.write) if user.write != privilege.ALL else "all"
        return f"passed: {enough} is enough" if needed else "passed: open to all"
    if step.check == "arguments":
        kinds = ", ".join(kinds_of(before, actions))
        return f"passed: {kinds}" if kinds else "passed: there are none"
    return f"passed: {_CHECKS[step.check]}"


def kinds_of(action: Action, actions: ActionTable) -> Iterator[str]:
    """Each argument with its kind, as ``Exten extension``."""
    described = actions.described(action.key)
    for name, _ in action.headers:
        argument = None if described is None else described.find(name.lower())
        if argument is not None:
            yield f"{text_of(name)} {argument.kind.value}"


def _refusal(step: Step, user: User, actions: ActionTable) -> Iterator[str]:
    assert step.deny is not None
    rule, key = step.deny.rule, step.action.key
    listed = actions.find(key)
    yield "denied; the client is told:"
    yield "  Response: Error"
    yield f"  Message: {text_of(step.deny.text)}"
    if step.check == "arguments":
        yield from _kind_refused(step, actions)
    if step.deny.hint:
        yield f"  ProxyReason: {rule}: {step.deny.hint}"
    if rule.startswith("rules["):
        yield f"why: a header does not fit {rule} of the user's own."
    elif rule == "classes" and listed is not None and classes_of(listed) == listed.classes:
        yield f"why: it needs one of {_classes(listed.classes)}; write has {_classes(user.write)}."
    else:
        yield f"why: {_REASONS.get(rule) or STRICTER[rule]}"


def _kind_refused(step: Step, actions: ActionTable) -> Iterator[str]:
    """What the refused argument should have been."""
    assert step.deny is not None
    described = actions.described(step.action.key)
    argument = (
        None if described is None else described.find(step.deny.hint.partition(":")[0].lower().encode())
    )
    if argument is not None:
        yield f"  {text_of(argument.header)} is a {argument.kind.value}: {MEANING[argument.kind]}"


def _fate(user: User, action: Action) -> Iterator[str]:
    if action.key in LOCAL:
        yield "allowed; answered by the proxy itself, nothing is sent to Asterisk"
        return
    sent = action
    if action.key == b"originate":
        sent = originate.with_variables(sent, user.setvar)
        if originate.is_synchronous(sent) and not originate.fails_at_once(sent):
            sent = originate.as_asynchronous(sent)
    yield "allowed; sent to Asterisk:"
    for line in sent.without(b"actionid").lines():
        yield f"  {text_of(line)}"
    yield "  ActionID: (the proxy's own; the client gets its own back)"


def explain_event(users: list[User], raw: bytes) -> tuple[bool, list[str]]:
    """Whether anybody of these sees the event, and who does and does not, line by line."""
    fit = raw if BROADCAST.fullmatch(raw) else rebuild_event(raw)
    match = BROADCAST_HEAD.match(fit) if fit is not None else None
    if fit is None or match is None:
        return False, ["nobody sees it: its second line is not Privilege: with all at the end"]
    required = privilege.required_classes(match[3])
    lines = [f"event    {text_of(match[2])}, classes {text_of(match[3])}", ""]
    width = max((len(user.name) for user in users), default=0)
    sees = False
    for user in users:
        why = _why_not(user, required, fit)
        sees = sees or not why
        lines.append(f"  {user.name:<{width}}  {why or 'sees it'}")
    return sees, lines


def _why_not(user: User, required: int, raw: bytes) -> str:
    if user.disabled:
        return "does not: the user is disabled"
    if not privilege.may_read(user.read, required):
        missing = privilege.class_names(required & ~user.read)
        return f"does not: read lacks {'all' if missing == 'none' else missing}"
    if not user.filters.admits(raw):
        return "does not: its eventfilter"
    scope = user.rules.scope if user.rules is not None else None
    if scope is not None:
        tracker = CallTracker()
        view = tracker.follow(scope)
        if not list(view.admit(tracker.feed(raw), raw)):
            return "does not: by this event alone the call is not of its scope (other events may make it so)"
    return ""


def _messages(file: Path | None) -> list[bytes]:
    text = sys.stdin.buffer.read() if file is None else file.read_bytes()
    found = []
    for part in _BLANK.split(text):
        stripped = part.strip(b"\r\n")
        if stripped:
            lines = stripped.replace(b"\r\n", b"\n").split(b"\n")
            found.append(b"\r\n".join(lines) + b"\r\n\r\n")
    return found


def _classes(mask: int) -> str:
    return privilege.class_names(mask)


def _names(table: UserTable) -> str:
    return ", ".join(user.name for user in table) or "none"
