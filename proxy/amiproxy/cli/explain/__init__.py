"""``ami-proxy explain``: shows what the proxy would do with an action or event, check by check, and why.

It works from the configuration alone: it needs no running proxy and connects to
nothing.  It knows the actions of the shipped table and those that proxy.yaml describes.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from amiproxy.ami import privilege
from amiproxy.ami.actions import LOCAL, SHIPPED, ActionTable
from amiproxy.ami.arguments.kinds import MEANING
from amiproxy.ami.errors import ProtocolError
from amiproxy.ami.message import Action, parse_action
from amiproxy.ami.relay import BROADCAST, BROADCAST_HEAD, rebuild_event
from amiproxy.cli.explain.replaying import replay
from amiproxy.cli.printable import text_of
from amiproxy.config import ConfigErrors, UsersFile, load_config, load_users, users_files
from amiproxy.config.actions import other_actions
from amiproxy.config.usertable import table_of
from amiproxy.core.audit.targets import target_of
from amiproxy.core.calls.scope import CallTracker
from amiproxy.core.learning.recording import BadRecording, parse
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.policy import Step, judge
from amiproxy.core.policy.classes import classes_of
from amiproxy.core.policy.stricter import STRICTER
from amiproxy.core.servers import originate

_EXAMPLE = """\
examples:
  printf 'Action: Getvar\\nVariable: SHELL(id)\\n' | ami-proxy explain --config proxy.yaml --user wallboard
  ami-proxy explain --users users.yaml newchannel.event

A message that begins with Event: is an event, any other is an action. Lines may end in LF or CRLF;
a blank line separates messages. Exit status 0 if every action is allowed (every event seen by at
least one user), 1 if one is not, 2 if the files or the message cannot be read."""

#: What each check tests, in words.
_CHECKS = {
    "known": "whether Asterisk has such an action",
    "headers": "only described headers are sent, each under its canonical name",
    "classes": "whether one of the action's classes is in write",
    "actions": "the user's actions.allow and actions.deny",
    "scope": "lists of all users' calls, for a user with a scope",
    "rules": "the user's rules on headers",
    "arguments": "whether each argument fits its kind",
    "together": "arguments in combination: a variable and its value, an application and its data",
    "variables": "functions in variable names",
    "targets": "the user's contexts and channels",
    "forced variables": "variables that the user's rules force",
}
#: Why a user's own rule, or a basic one, denies an action; ``STRICTER`` has the reasons of the other rules.
_REASONS = {
    "unknown": "Neither Asterisk 22 nor 16 has such an action; a connected proxy uses Asterisk's own list.",
    "actions": "The user's actions.deny names it, or its actions.allow does not.",
    "channels": "It names a channel that is not in the user's channels, or cannot be restricted to them.",
    "commands": "The CLI command begins with none of the user's commands.",
    "contexts": "It leads to a context that is not in the user's contexts, or leaves the choice to Asterisk.",
    "undescribed": "Its headers are not described: add it to actions: in proxy.yaml.",
    "one-of": "The header has none of the values that the action's description in proxy.yaml lists.",
    "system": "It is equivalent to a shell on the Asterisk host, so it needs class system.",
    "scope": "The response lists all users' calls, which a scope hides; actions.allow can permit it by name.",
    "rules.set": "A variable would override the header that the user's rules force.",
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
    where = parser.add_argument_group("users, and actions of third-party modules")
    where.add_argument("--config", type=Path, metavar="FILE", help="the proxy.yaml that names the users")
    where.add_argument("--users", type=Path, metavar="FILE", help="users.yaml")
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
        "file", nargs="?", type=Path, metavar="FILE", help="file with the message (default: standard input)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Explain every message of the input, or check a recording; return the exit status."""
    if arguments.config is None and arguments.users is None:
        print("ami-proxy explain: give --config FILE or --users FILE", file=sys.stderr)
        return 2
    try:
        table = table_of(users_of(arguments))
        actions = actions_of(arguments)
        if arguments.replay is not None:
            return replay(parse(arguments.replay.read_bytes()), table, actions, arguments.user)
        messages = _messages(arguments.file)
    except (ConfigErrors, OSError, BadRecording) as error:
        print(error, file=sys.stderr)
        return 2
    user = None if arguments.user is None else table.find(arguments.user.encode())
    if arguments.user is not None and user is None:
        print(f"unknown user {arguments.user}; known users: {_names(table)}", file=sys.stderr)
        return 2
    if not messages:
        print("the input has no message to explain", file=sys.stderr)
        return 2
    status = 0
    for number, raw in enumerate(messages):
        if number:
            print()
        if raw.startswith(b"Event:"):
            good, lines = explain_event([user] if user else list(table), raw)
        elif user is None:
            print("an action needs --user NAME, the user that sends it", file=sys.stderr)
            return 2
        else:
            good, lines = explain_action(user, raw, actions)
        print("\n".join(lines))
        status = max(status, 0 if good else 1)
    return status


def users_of(arguments: argparse.Namespace) -> UsersFile:
    """The users of --users, or of the files that the proxy.yaml of --config names.  Raises ConfigErrors."""
    if arguments.users is not None:
        return load_users(arguments.users)
    return load_users(*users_files(load_config(arguments.config)))


def actions_of(arguments: argparse.Namespace) -> ActionTable:
    """Asterisk's actions and those that the proxy.yaml of --config describes.  Raises ConfigErrors."""
    if arguments.config is None:
        return SHIPPED
    config = load_config(arguments.config)
    return SHIPPED.with_others(other_actions(config.actions, config.actions_undescribed))


def left_out(action: Action, actions: ActionTable) -> tuple[bytes, ...]:
    """Names, as spelled, of the action's headers that the proxy would not send to Asterisk."""
    described = actions.described(action.key)
    return () if described is None else described.left_out(action)


def explain_action(user: User, raw: bytes, actions: ActionTable = SHIPPED) -> tuple[bool, list[str]]:
    """Whether this user's action is allowed, and the explanation, line by line."""
    lines = [f"user     {user.name}{' (disabled)' if user.disabled else ''}, write {_classes(user.write)}"]
    try:
        action = parse_action(raw)
    except ProtocolError as error:
        end = "; the connection is closed" if error.fatal else ""
        return False, [*lines, f"refused before any rule: {error}{end}"]
    if not action.name:
        return False, [*lines, "refused before any rule: Missing action in request"]
    lines.append(f"action   {text_of(action.name)}  {target_of(action)}".rstrip())
    unsent = left_out(action, actions)
    if unsent:
        lines.append(f"not sent {', '.join(text_of(name) for name in unsent)}: not described")
    dropped = sum(1 for line in raw.split(b"\n") if line.strip(b"\r")) - len(action.headers)
    if dropped:
        lines.append(f"dropped  {dropped} line(s): not headers to Asterisk, or repeated ones")
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
        return f"passed: {kinds}" if kinds else "passed: no arguments"
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
    yield "denied; the client receives:"
    yield "  Response: Error"
    yield f"  Message: {text_of(step.deny.text)}"
    if step.check == "arguments":
        yield from _kind_refused(step, actions)
    if step.deny.hint:
        yield f"  ProxyReason: {rule}: {step.deny.hint}"
    if rule.startswith("rules["):
        yield f"why: a header does not satisfy the user's {rule}."
    elif rule == "classes" and listed is not None and classes_of(listed) == listed.classes:
        yield f"why: it needs one of {_classes(listed.classes)}; write has {_classes(user.write)}."
    else:
        yield f"why: {_REASONS.get(rule) or STRICTER[rule]}"


def _kind_refused(step: Step, actions: ActionTable) -> Iterator[str]:
    """The kind that the denied argument should have had."""
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
    """Whether any of these users sees the event, and a line for each user with the reason if it does not."""
    fit = raw if BROADCAST.fullmatch(raw) else rebuild_event(raw)
    match = BROADCAST_HEAD.match(fit) if fit is not None else None
    if fit is None or match is None:
        return False, ["no user sees it: its second line is not Privilege: with all at the end"]
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
        return "does not see it: the user is disabled"
    if not privilege.may_read(user.read, required):
        missing = privilege.class_names(required & ~user.read)
        return f"does not see it: read lacks {'all' if missing == 'none' else missing}"
    if not user.filters.admits(raw):
        return "does not see it: its eventfilter excludes it"
    scope = user.rules.scope if user.rules is not None else None
    if scope is not None:
        tracker = CallTracker()
        view = tracker.follow(scope)
        if not list(view.admit(tracker.feed(raw), raw)):
            return "does not see it: this event alone does not place the call in its scope (others may)"
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
