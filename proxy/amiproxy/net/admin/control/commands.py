"""The commands of the control socket: one table, each command with its permission.

The first line of a command's docstring is its description for operators.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from enum import IntEnum
from functools import partial
from typing import NamedTuple

from amiproxy import log
from amiproxy.core.clients.session import Session
from amiproxy.net.admin import logkinds
from amiproxy.net.admin.control import certificateviews, effective, historyviews, views
from amiproxy.net.admin.control.trace import Trace
from amiproxy.net.admin.journal import KEPT, Choice, Tail
from amiproxy.net.admin.service import Service
from amiproxy.net.loop import gently
from amiproxy.x509.validating.findings import errors_of

LEVELS = ("debug", "info", "warning", "error")

#: Seconds: one year.
_LONGEST_LEARNING = 31_536_000.0
_ROWS_AT_ONCE = 200
#: Seconds: a terminal may be paused for a while, and a tail meanwhile keeps no more than a bounded queue.
_PAUSED = 600.0

Arguments = Mapping[str, str]


class Permission(IntEnum):
    """Permission that a command needs, and that a peer has."""

    READ = 1
    OPERATE = 2


class Refused(Exception):
    """The command was refused; the text says why, ``problems`` lists everything that must be corrected."""

    def __init__(self, text: str, problems: tuple[str, ...] = (), result: object = None) -> None:
        super().__init__(text)
        self.problems = problems
        self.result = result


class Command(NamedTuple):
    """A command: ``run`` returns its result, or ``stream`` yields results until the peer disconnects."""

    name: str
    permission: Permission
    run: Callable[[Service, Arguments], Awaitable[object]] | None = None
    arguments: tuple[str, ...] = ()
    stream: Callable[[Service, Arguments], AsyncIterator[object]] | None = None
    #: Executed at once, even while the maximum number of other requests is in progress.
    urgent: bool = False
    #: Seconds that the reader of a stream may take for the results so far.
    patience: float = 10.0
    #: The log names the command without its arguments.
    private: bool = False

    @property
    def text(self) -> str:
        """The description, in one sentence."""
        function = self.run or self.stream
        return (function.__doc__ or "").partition("\n")[0] if function else ""


async def _status(service: Service, _: Arguments) -> object:
    """Show a summary of the service's state."""
    return views.status(service)


async def _sessions(service: Service, _: Arguments) -> object:
    """List all sessions."""
    return await gently.in_loop(views.sessions(service))


async def _session(service: Service, arguments: Arguments) -> object:
    """Show everything about one session."""
    return views.session(service, _find(service, arguments["id"]))


async def _kick(service: Service, arguments: Arguments) -> object:
    """End the session with this id, or all sessions of a user with user:NAME."""
    target = arguments["target"]
    if target.startswith("user:"):
        user = service.hub.ctx.users.find(target[5:].encode())
        if user is None:
            raise Refused(f"unknown user {target[5:]!r}; ami-proxy ctl users lists them")
        found = service.hub.sessions_of(user)
    else:
        found = [_find_to_kick(service, target)]
    for session in found:
        session.close("kicked")
    return {"kicked": [session.id for session in found]}


async def _users(service: Service, _: Arguments) -> object:
    """List the users: privilege classes, login methods, number of sessions."""
    return await gently.in_loop(views.users(service))


async def _upstream(service: Service, _: Arguments) -> object:
    """Show the state of the link to Asterisk."""
    return views.upstream(service)


async def _state(service: Service, _: Arguments) -> object:
    """Show what is kept of the past and the present of each server, for snapshots and resuming."""
    return historyviews.history(service)


async def _fleet(service: Service, _: Arguments) -> object:
    """Show the connections to the engines of the fleet, and its servers, agents and edges."""
    return views.fleet(service)


async def _certs(service: Service, _: Arguments) -> object:
    """List the served certificates, and files on disk that are not served."""
    return await gently.in_thread(partial(certificateviews.certificates, service))


async def _certs_reload(service: Service, _: Arguments) -> object:
    """Reload only the certificate files."""
    if service.draining:
        raise Refused("the service is stopping")
    results = await service.rotation.reload("control")
    problems = tuple(str(finding) for result in results for finding in errors_of(result.findings))
    told = [str(result) for result in results]
    if not all(result.succeeded for result in results):
        kept = "; the others were reloaded" if any(result.swapped for result in results) else ""
        raise Refused(f"certificates were refused, the old ones stay in use{kept}", problems, told)
    return told


async def _limits(service: Service, _: Arguments) -> object:
    """List all limits: value, current use, number of times reached."""
    return views.limits(service)


async def _drain(service: Service, _: Arguments) -> object:
    """Stop accepting clients, answer actions in flight, close all sessions and end the process."""
    there = {"sessions": len(service.hub.sessions), "in_flight": service.hub.servers.in_flight}
    # Stop after the reply, because that closes this socket, too.
    asyncio.get_running_loop().call_soon(service.stop)
    return there


async def _reload(service: Service, _: Arguments) -> object:
    """Reload configuration, users, secret and certificates: all of them, or none if any is invalid."""
    report = await service.reloads.reload("control")
    if report.only_certificates:
        told = "certificates were refused, the old ones stay in use; nothing else has changed"
        raise Refused(told, report.problems, views.reload(report))
    if not report.succeeded:
        raise Refused("not reloaded; the old configuration stays in force", report.problems)
    return views.reload(report)


async def _rehearse(service: Service, _: Arguments) -> object:
    """Say what a reload would do now with the files on disk, without changing anything."""
    if service.draining:
        raise Refused("the service is stopping")
    return views.rehearsal(await service.rehearse_reload())


async def _configuration(service: Service, arguments: Arguments) -> AsyncIterator[object]:
    """Show the configuration in force, then its users, with fingerprints under this key for secrets."""
    key = effective.key_of(arguments["key"])
    if key is None:
        raise Refused("key must be 32 random bytes, as 64 hexadecimal digits in lower case")
    batches = effective.users(service, key)
    yield effective.head(service, key)
    for batch in batches:
        yield {"users": await gently.in_loop(batch)}


async def _log_level(service: Service, arguments: Arguments) -> object:
    """Set the log level (debug, info, warning or error) until the next reload."""
    level = arguments["level"].lower()
    if level not in LEVELS:
        raise Refused(f"unknown log level {level!r}; use one of {', '.join(LEVELS)}")
    before = service.log_level
    service.set_log_level(level)
    return {"before": before, "level": level}


async def _learn_start(service: Service, arguments: Arguments) -> object:
    """Start a new recording of the rights that users use, for this many seconds (0: until it is stopped)."""
    try:
        seconds = float(arguments["seconds"])
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST_LEARNING:
        raise Refused(f"seconds must be a number from 0 to {_LONGEST_LEARNING:.0f}")
    service.hub.learner.begin(seconds)
    return views.learning(service)


async def _learn_stop(service: Service, _: Arguments) -> object:
    """Stop the recording; its data is kept until the next one ends."""
    if service.hub.learner.recorder is None:
        raise Refused("no recording is running")
    service.hub.learner.end()
    return views.learning(service)


async def _learn(service: Service, _: Arguments) -> AsyncIterator[object]:
    """Show the recording: its summary, then the recorded actions and events in batches of rows."""
    recorder = service.hub.learner.newest
    if recorder is None:
        raise Refused("nothing was recorded; start with ami-proxy ctl learn start")
    service.hub.subscriptions.count()
    yield views.learning(service)
    rows = list(recorder.rows())
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield {"rows": rows[start : start + _ROWS_AT_ONCE]}


async def _trace(service: Service, arguments: Arguments) -> AsyncIterator[object]:
    """Show the messages that one user sends and receives, live, with secrets masked."""
    name = arguments["user"]
    user = service.hub.ctx.users.find(name.encode())
    if user is None:
        raise Refused(f"unknown user {name!r}; ami-proxy ctl users lists them")
    with Trace(service.hub, user.name) as trace:
        yield {"user": user.name, "sessions": [session.id for session in service.hub.sessions_of(user)]}
        async for message in trace.messages():
            yield message


async def _tail(service: Service, arguments: Arguments) -> AsyncIterator[object]:
    """Show lines of the log, live: denials, logins, limits, the links and more; some of them, if chosen."""
    try:
        wanted = logkinds.chosen(arguments["kinds"])
    except ValueError as error:
        known = ", ".join((*logkinds.KINDS, logkinds.ALL))
        raise Refused(f"unknown kind {log.text_of(error)}; known: {known}") from None
    last = arguments["last"]
    if not (last.isascii() and last.isdigit() and len(last) < 10):
        raise Refused("last must be a number of lines")
    choice = Choice(
        wanted, arguments["user"], arguments["session"], _named_server(service, arguments["server"])
    )
    with Tail(service.journal, choice, int(last)) as tail:
        yield {"kinds": sorted(wanted), "kept": KEPT}
        async for line in tail.lines():
            yield line


async def _commands(_service: Service, _: Arguments) -> object:
    """List the commands."""
    return [
        {
            "name": command.name,
            "permission": command.permission.name.lower(),
            "arguments": list(command.arguments),
            "text": command.text,
        }
        for command in COMMANDS.values()
    ]


#: All commands by name.
COMMANDS: Mapping[str, Command] = {
    command.name: command
    for command in (
        Command("status", Permission.READ, _status),
        Command("sessions", Permission.READ, _sessions),
        Command("session", Permission.READ, _session, ("id",)),
        Command("users", Permission.READ, _users),
        Command("upstream", Permission.READ, _upstream),
        Command("state", Permission.READ, _state),
        Command("fleet", Permission.READ, _fleet),
        Command("certs", Permission.READ, _certs),
        Command("limits", Permission.READ, _limits),
        Command("commands", Permission.READ, _commands),
        Command("kick", Permission.OPERATE, _kick, ("target",), urgent=True),
        Command("certs-reload", Permission.OPERATE, _certs_reload),
        Command("reload", Permission.OPERATE, _reload),
        Command("rehearse", Permission.READ, _rehearse),
        # With the reply and the key, guesses of a weak secret can be tested.
        Command("configuration", Permission.OPERATE, arguments=("key",), stream=_configuration, private=True),
        Command("drain", Permission.OPERATE, _drain, urgent=True),
        Command("log-level", Permission.OPERATE, _log_level, ("level",)),
        Command("learn-start", Permission.OPERATE, _learn_start, ("seconds",)),
        Command("learn-stop", Permission.OPERATE, _learn_stop),
        Command("learn", Permission.OPERATE, stream=_learn),
        # It shows what the log has, in which the command itself would only be noise.
        Command(
            "tail",
            Permission.READ,
            arguments=("kinds", "user", "session", "server", "last"),
            stream=_tail,
            patience=_PAUSED,
        ),
        # It shows calls and users' activity, which is more than the state of the service.
        Command("trace", Permission.OPERATE, arguments=("user",), stream=_trace),
    )
}


def check_arguments(command: Command, arguments: Arguments) -> None:
    """Raise Refused unless exactly the command's arguments are given."""
    missing = [name for name in command.arguments if name not in arguments]
    unknown = [name for name in arguments if name not in command.arguments]
    if missing or unknown:
        wanted = ", ".join(command.arguments) or "none"
        raise Refused(f"{command.name} takes these arguments: {wanted}")


def _named_server(service: Service, name: str) -> str:
    """The name as the log has it; "" for ""."""
    servers = service.hub.servers
    server = servers.find(name.encode()) if servers.named and name else None
    if name and server is None:
        known = ", ".join(server.name for server in servers) if servers.named else "the only one has no name"
        raise Refused(f"unknown server {log.text_of(name)!r}; known: {known}")
    return "" if server is None else server.name


def _find(service: Service, wanted: str) -> Session:
    for session in service.hub.sessions:
        if session.id == wanted:
            return session
    raise Refused(f"unknown session {log.text_of(wanted)}; ami-proxy ctl sessions lists them")


def _find_to_kick(service: Service, wanted: str) -> Session:
    try:
        return _find(service, wanted)
    except Refused:
        user = service.hub.ctx.users.find(wanted.encode())
        if user is None:
            raise
        text = f"{log.text_of(wanted)} is a user and not a session"
        raise Refused(f"{text}; ami-proxy ctl kick user:{user.name} ends all its sessions") from None
