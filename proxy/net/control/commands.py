"""What can be asked on the control socket: one table, each command with its permission."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from enum import IntEnum
from functools import partial
from typing import NamedTuple

from proxy import log
from proxy.core.session import Session
from proxy.net import gently
from proxy.net.control import views
from proxy.net.control.trace import Trace
from proxy.net.service import Service

LEVELS = ("debug", "info", "warning", "error")

#: A year.
_LONGEST_LEARNING = 31_536_000.0
_ROWS_AT_ONCE = 200

Arguments = Mapping[str, str]


class Permission(IntEnum):
    """What a command needs, and a peer has."""

    READ = 1
    OPERATE = 2


class Refused(Exception):
    """The command cannot be done; the text says why, ``problems`` has all there is to put right."""

    def __init__(self, text: str, problems: tuple[str, ...] = (), result: object = None) -> None:
        super().__init__(text)
        self.problems = problems
        self.result = result


class Command(NamedTuple):
    """Either ``run`` gives the result, or ``stream`` one after the other until nobody reads."""

    name: str
    permission: Permission
    run: Callable[[Service, Arguments], Awaitable[object]] | None = None
    arguments: tuple[str, ...] = ()
    stream: Callable[[Service, Arguments], AsyncIterator[object]] | None = None
    #: Done at once, however many other requests are being worked on.
    urgent: bool = False

    @property
    def text(self) -> str:
        """What it does, in one sentence."""
        function = self.run or self.stream
        return (function.__doc__ or "").partition("\n")[0] if function else ""


async def _status(service: Service, _: Arguments) -> object:
    """How the service does, at one glance."""
    return views.status(service)


async def _sessions(service: Service, _: Arguments) -> object:
    """All sessions, a row each."""
    return await gently.between(views.sessions(service))


async def _session(service: Service, arguments: Arguments) -> object:
    """Everything about one session."""
    return views.session(service, _find(service, arguments["id"]))


async def _kick(service: Service, arguments: Arguments) -> object:
    """End one session by its id, or all of a user by user:NAME."""
    target = arguments["target"]
    if target.startswith("user:"):
        user = service.hub.users.find(target[5:].encode())
        if user is None:
            raise Refused(f"there is no user {target[5:]!r}; ami-proxy ctl users lists them")
        found = service.hub.sessions_of(user)
    else:
        found = [_find(service, target)]
    for session in found:
        session.close("kicked")
    return {"kicked": [session.id for session in found]}


async def _users(service: Service, _: Arguments) -> object:
    """The user table: classes, ways to log in, sessions."""
    return await gently.between(views.users(service))


async def _upstream(service: Service, _: Arguments) -> object:
    """The link to Asterisk."""
    return views.upstream(service)


async def _certs(service: Service, _: Arguments) -> object:
    """The certificates that are served, and files that are not taken yet."""
    return await gently.aside(partial(views.certificates, service))


async def _certs_reload(service: Service, _: Arguments) -> object:
    """Look at the certificate files again, and at nothing else."""
    if service.draining:
        raise Refused("the service is stopping")
    results = await service.rotation.reload("control")
    problems = tuple(
        str(finding) for result in results for finding in result.findings if finding.level == "error"
    )
    told = [str(result) for result in results]
    if not all(result.succeeded for result in results):
        kept = "; the others were taken" if any(result.swapped for result in results) else ""
        raise Refused(f"certificates were refused, and stay old{kept}", problems, told)
    return told


async def _limits(service: Service, _: Arguments) -> object:
    """Every limit: its value, how much of it is used, how often it was hit."""
    return views.limits(service)


async def _drain(service: Service, _: Arguments) -> object:
    """Accept no more, answer what is under way, close every session and end the process."""
    there = {"sessions": len(service.hub.sessions), "in_flight": service.hub.in_flight}
    # After the reply: the end closes this socket, too.
    asyncio.get_running_loop().call_soon(service.stop)
    return there


async def _reload(service: Service, _: Arguments) -> object:
    """Read configuration, users, secret and certificates again: take all of it, or keep all the old."""
    report = await service.reloads.reload("control")
    if report.only_certificates:
        told = "certificates were refused, and stay old; nothing else has changed"
        raise Refused(told, report.problems, views.reload(report))
    if not report.succeeded:
        raise Refused("not reloaded; everything stays as it was", report.problems)
    return views.reload(report)


async def _log_level(service: Service, arguments: Arguments) -> object:
    """Log from this level on: debug, info, warning or error; until the next reload."""
    level = arguments["level"].lower()
    if level not in LEVELS:
        raise Refused(f"{level!r} is no level; say one of {', '.join(LEVELS)}")
    before = service.log_level
    service.set_log_level(level)
    return {"before": before, "level": level}


async def _learn_start(service: Service, arguments: Arguments) -> object:
    """Record which rights users really use, from nothing, for so many seconds (0: until it is stopped)."""
    try:
        seconds = float(arguments["seconds"])
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST_LEARNING:
        raise Refused(f"say seconds from 0 to {_LONGEST_LEARNING:.0f}")
    service.hub.learn(seconds)
    return views.learning(service)


async def _learn_stop(service: Service, _: Arguments) -> object:
    """End the recording; what was recorded is kept until the next one ends."""
    if service.hub.recorder is None:
        raise Refused("nothing is being recorded")
    service.hub.end_learning()
    return views.learning(service)


async def _learn(service: Service, _: Arguments) -> AsyncIterator[object]:
    """What was recorded: its head, then the shapes of actions and events, some hundreds at a time."""
    recorder = service.hub.recorder or service.hub.recorded
    if recorder is None:
        raise Refused("nothing was recorded; begin with ami-proxy ctl learn start")
    service.hub.audiences.count()
    yield views.learning(service)
    rows = list(recorder.rows())
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield {"rows": rows[start : start + _ROWS_AT_ONCE]}


async def _trace(service: Service, arguments: Arguments) -> AsyncIterator[object]:
    """Show what one user sends and is sent, live, with secrets masked."""
    name = arguments["user"]
    user = service.hub.users.find(name.encode())
    if user is None:
        raise Refused(f"there is no user {name!r}; ami-proxy ctl users lists them")
    with Trace(service.hub, user.name) as trace:
        yield {"user": user.name, "sessions": [session.id for session in service.hub.sessions_of(user)]}
        async for message in trace.messages():
            yield message


async def _commands(_service: Service, _: Arguments) -> object:
    """What can be asked here."""
    return [
        {
            "name": command.name,
            "permission": command.permission.name.lower(),
            "arguments": list(command.arguments),
            "text": command.text,
        }
        for command in COMMANDS.values()
    ]


#: By name.
COMMANDS: Mapping[str, Command] = {
    command.name: command
    for command in (
        Command("status", Permission.READ, _status),
        Command("sessions", Permission.READ, _sessions),
        Command("session", Permission.READ, _session, ("id",)),
        Command("users", Permission.READ, _users),
        Command("upstream", Permission.READ, _upstream),
        Command("certs", Permission.READ, _certs),
        Command("limits", Permission.READ, _limits),
        Command("commands", Permission.READ, _commands),
        Command("kick", Permission.OPERATE, _kick, ("target",), urgent=True),
        Command("certs-reload", Permission.OPERATE, _certs_reload),
        Command("reload", Permission.OPERATE, _reload),
        Command("drain", Permission.OPERATE, _drain, urgent=True),
        Command("log-level", Permission.OPERATE, _log_level, ("level",)),
        Command("learn-start", Permission.OPERATE, _learn_start, ("seconds",)),
        Command("learn-stop", Permission.OPERATE, _learn_stop),
        Command("learn", Permission.OPERATE, stream=_learn),
        # It shows calls and what people do: more than how the service does.
        Command("trace", Permission.OPERATE, arguments=("user",), stream=_trace),
    )
}


def check_arguments(command: Command, arguments: Arguments) -> None:
    """Raise Refused unless exactly the command's arguments are there."""
    missing = [name for name in command.arguments if name not in arguments]
    unknown = [name for name in arguments if name not in command.arguments]
    if missing or unknown:
        wanted = ", ".join(command.arguments) or "none"
        raise Refused(f"{command.name} takes these arguments: {wanted}")


def _find(service: Service, wanted: str) -> Session:
    for session in service.hub.sessions:
        if session.id == wanted:
            return session
    raise Refused(f"there is no session {log.text_of(wanted)}; ami-proxy ctl sessions lists them")
