"""Everything that reads what others wrote, as functions of bytes that must not fail.

Each target holds its input against what is promised of it, not only against a
crash.  They run under atheris (``make fuzz``) and, over their corpus, in the suite.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, Final, cast

from proxy.ami.errors import FilterSyntaxError, MessageTooLong, ProtocolError
from proxy.ami.eventfilter import FilterSet, compile_advanced, compile_legacy
from proxy.ami.framing import ActionFramer, UpstreamFramer
from proxy.ami.message import Message, parse_action
from proxy.ami.privilege import ALL
from proxy.ami.relay import BROADCAST, rebuild_event
from proxy.config.binding import Binder
from proxy.config.checks import CHECKS
from proxy.config.document import Document
from proxy.config.loading import parse_users
from proxy.config.problems import ConfigErrors
from proxy.config.schema import Config
from proxy.core.users import User, UserTable
from proxy.net.control.commands import COMMANDS, Command, Permission
from proxy.net.control.server import ControlServer
from proxy.net.localsocket import Credentials
from tests.differential.asterisk_reader import AsteriskReader
from tests.support.core_doubles import Bench

_RELAY_ID: Final = b"0123456789abcdef0123456789abcdef"
_NOWHERE: Final = Path("/nonexistent")


def client_bytes(data: bytes) -> None:
    """Whatever a client sends: what goes on to Asterisk is read there as what was judged."""
    framer = ActionFramer()
    reader = AsteriskReader()
    half = len(data) // 2
    try:
        for raw in framer.feed(data[:half]) + framer.feed(data[half:]):
            action = parse_action(raw)
            (read,) = reader.feed(action.serialise(_RELAY_ID))
            assert not read.refused
            assert reader.idle
            assert read.action == action.name
            assert read.get(b"ActionID") == _RELAY_ID
            assert read.variables == action.get_all(b"variable")
    except ProtocolError:
        return


def client_session(data: bytes) -> None:
    """A session that has logged in: no byte of it ends the others, and each answer is well-formed."""
    bench = Bench(User("boss", ALL, ALL, secret="plain:x"), User("clerk", secret="plain:x"))
    bench.link_up()
    session, said = bench.login("boss")
    _, neighbour = bench.login("clerk")
    session.receive(data)
    for message in bench.upstream.take():
        bench.answer(message, b"")
    bench.clock.advance(1.0)
    bench.hub.tick(bench.clock.now())
    _well_formed(said.take())
    assert not neighbour.closed
    assert neighbour.take() == b""


def upstream_bytes(data: bytes) -> None:
    """Whatever Asterisk, its callers or a liar send: clients get whole messages, and no answer not theirs."""
    bench = Bench(User("boss", ALL, ALL, secret="plain:x"), User("clerk", secret="plain:x"))
    bench.link_up()
    _, boss = bench.login("boss")
    session, clerk = bench.login("clerk")
    session.receive(b"Action: QueueStatus\r\nActionID: mine\r\n\r\n")
    (asked,) = bench.upstream.take()
    framer = UpstreamFramer()
    try:
        messages = [m for piece in (data[::2], data) for m in framer.feed(piece)]
    except MessageTooLong:
        return
    bench.hub.from_upstream(messages)
    bench.clock.advance(1.0)
    bench.hub.tick(bench.clock.now())
    heard = boss.take()
    _well_formed(heard)
    assert not heard.startswith(b"Response:")
    assert b"\r\n\r\nResponse:" not in heard
    assert clerk.take() == b""
    # It is in step still: the real answer arrives, and once.
    bench.answer(asked, b"Message: real\r\n")
    assert clerk.take() == b"Response: Success\r\nActionID: mine\r\nMessage: real\r\n\r\n"


def event_rebuilding(data: bytes) -> None:
    """A broadcast event made well-formed is one, and making it so again changes nothing."""
    for raw in (data, b"Event: E\r\nPrivilege: call,all\r\n" + data + b"\r\n\r\n"):
        rebuilt = rebuild_event(raw)
        if rebuilt is not None:
            assert rebuilt.count(b"\r\n\r\n") == 1
            assert rebuilt.endswith(b"\r\n\r\n")
            again = rebuild_event(rebuilt)
            assert again == rebuilt
            assert (
                BROADCAST.fullmatch(rebuilt) or b"\nResponse:" in rebuilt or len(rebuilt.split(b"\r\n")) < 5
            )


_EVENTS: Final = (
    b"Event: Newchannel\r\nPrivilege: call,all\r\nChannel: PJSIP/alice-00000001\r\nExten: 100\r\n\r\n",
    b"Event: UserEvent\r\nPrivilege: user,all\r\nNote: za\xc5\xbc\xc3\xb3\xff\r\nNote: two\r\n\r\n",
)


def eventfilters(data: bytes) -> None:
    """A filter compiles or is refused with a reason; what compiles judges any event."""
    pattern, _, rest = data.partition(b"\n")
    compiled = []
    reasons: list[str] = []
    for compile_ in (compile_legacy, lambda text: compile_advanced(rest, text)):
        try:
            compiled.append(compile_(pattern))
        except FilterSyntaxError as refused:
            reasons.append(refused.reason)
    assert all(reasons)
    if compiled:
        filters = FilterSet(tuple(compiled))
        for event in (*_EVENTS, b"Event: X\r\n" + rest + b"\r\n\r\n"):
            assert filters.admits(event) in {True, False}
        assert filters == FilterSet(tuple(compiled))


def configuration(data: bytes) -> None:
    """Any text in proxy.yaml: a configuration, or problems that each name a place."""
    document = Document.parse(_NOWHERE / "proxy.yaml", data)
    bound = Binder(document, {}, CHECKS).bind(Config) if document.readable else None
    _told(document.in_order(), bound is not None and not document.problems)


def users(data: bytes) -> None:
    """Any text in users.yaml: a table of users, or problems that each name a place."""
    try:
        UserTable.from_config(parse_users(_NOWHERE / "users.yaml", data))
    except ConfigErrors as errors:
        _told(list(errors.problems), good=False)


def control(data: bytes) -> None:
    """Any line on the control socket is answered by one line."""
    server = ControlServer(cast("Any", None), commands=_COMMANDS)
    said: list[bytes] = []

    async def drain() -> None:
        return

    writer = SimpleNamespace(write=said.append, drain=drain, close=lambda: None)
    line = data.partition(b"\n")[0] + b"\n"
    peer = Credentials(1, 0, 0)

    async def answer() -> None:
        await server._answer(line, peer, Permission.READ, cast("Any", None), cast("Any", writer))

    asyncio.run(answer())
    assert len(said) == 1
    reply = json.loads(said[0])
    assert said[0].endswith(b"\n")
    assert said[0].count(b"\n") == 1
    assert reply["ok"] is True or reply["error"]
    assert "fault" not in reply.get("error", ""), reply


async def _nothing(_service: object, _arguments: Mapping[str, str]) -> object:
    """What a command gives that looks at no service."""
    return {}


_COMMANDS: Final = {
    name: Command(name, command.permission, _nothing, command.arguments) for name, command in COMMANDS.items()
}


_LINE: Final = re.compile(rb"[^\r\n\0]*")


def _well_formed(heard: bytes) -> None:
    """What a client got is whole messages, each of lines that CRLF ends."""
    if not heard:
        return
    assert heard.endswith(b"\r\n\r\n")
    for message in heard.removesuffix(b"\r\n\r\n").split(b"\r\n\r\n"):
        first = Message(message).headers
        assert first, message
        assert first[0][0] in {b"Event", b"Response"}, message
        for line in message.split(b"\r\n"):
            assert _LINE.fullmatch(line), message


def _told(problems: list[Any], good: bool) -> None:
    assert good or problems
    for problem in problems:
        assert problem.text
        assert problem.line >= 0


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = MappingProxyType(
    {
        target.__name__: target
        for target in (
            client_bytes,
            client_session,
            upstream_bytes,
            event_rebuilding,
            eventfilters,
            configuration,
            users,
            control,
        )
    }
)
