"""Everything that reads others' bytes, as functions of bytes that must not fail.

Each target compares the result with the promises about it, and does not only wait for a
crash.  They run under atheris (``make fuzz``) and, over their corpus, in the suite.
"""

import asyncio
import hashlib
import io
import ipaddress
import json
import re
import warnings
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, Final, cast

from prometheus_client import CollectorRegistry

from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.errors import FilterSyntaxError, ProtocolError
from amiproxy.ami.eventfilter import FilterSet, compile_advanced, compile_legacy
from amiproxy.ami.framing import ActionFramer, UpstreamFramer
from amiproxy.ami.message import Message, parse_action
from amiproxy.ami.privilege import ALL
from amiproxy.ami.relay import BROADCAST, rebuild_event
from amiproxy.config import UsersFile, parse_users
from amiproxy.config.checks import CHECKS
from amiproxy.config.reading.binding import Binder
from amiproxy.config.reading.document import Document
from amiproxy.config.reading.problems import ConfigErrors
from amiproxy.config.schema import Config
from amiproxy.config.users.servers import ServerNames
from amiproxy.config.users.userfiles import UsersReader
from amiproxy.config.users.usertable import table_of
from amiproxy.core.admission.sidedoor import SideDoor
from amiproxy.core.clients.web.digest import Digest, parse_authorization
from amiproxy.core.history.positions import joined, positions_in
from amiproxy.core.model.users import User
from amiproxy.core.servers.servers import Configured
from amiproxy.net.admin import metricsserver
from amiproxy.net.admin.control.commands import COMMANDS, Command, Permission
from amiproxy.net.admin.control.server import ControlServer
from amiproxy.net.admin.exposition import Exposition
from amiproxy.net.admin.localsocket import Credentials
from amiproxy.net.admin.metricsserver import MetricsServer
from amiproxy.net.admin.sideserver import Visit
from amiproxy.net.doors import proxyheader
from amiproxy.net.doors.proxyheader import Header, Unread
from amiproxy.net.host.sealing import AesSealer
from amiproxy.steps import finish
from amiproxy.tools.shell.answers.answer import Answer
from amiproxy.tools.shell.answers.remedies import Asker, remedies
from amiproxy.tools.shell.completion.seen import Seen
from amiproxy.tools.shell.language.actions import read_line
from amiproxy.tools.shell.live.output import Output
from amiproxy.tools.shell.showing import events, json_lines
from amiproxy.tools.shell.showing.answers import Look
from amiproxy.tools.shell.showing.answers import answer as shell_answer
from amiproxy.x509.identity import CertificateLogin, claim, identities
from amiproxy.x509.validating.trust import TrustStore
from tests.differential.asterisk_reader import AsteriskReader
from tests.fuzz.ajam import ajam_answers, ajam_parameters
from tests.fuzz.fleet import agents_messages, edges_requests
from tests.fuzz.sockets import json_codec, socket_frames
from tests.fuzz.web import forwarding, http_requests
from tests.support import fixed_certificates
from tests.support.core_doubles import Bench

_RELAY_ID: Final = b"0123456789abcdef0123456789abcdef"
_NOWHERE: Final = Path("/nonexistent")
_SERVERS = ServerNames(("pbx1", "pbx2"), "pbx1", named=True)
_SEALER: Final = AesSealer([bytes(16)])


def client_bytes(data: bytes) -> None:
    """Whatever a client sends: Asterisk reads the bytes passed on to it as the action that was judged."""
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
    """Any bytes from Asterisk, callers or attackers: clients get whole messages and only their answers."""
    bench = Bench(User("boss", ALL, ALL, secret="plain:x"), User("clerk", secret="plain:x"))
    bench.link_up()
    _, boss = bench.login("boss")
    session, clerk = bench.login("clerk")
    session.receive(b"Action: QueueStatus\r\nActionID: mine\r\n\r\n")
    (asked,) = bench.upstream.take()
    framer = UpstreamFramer()
    messages = [m for piece in (data[::2], data) for m in framer.feed(piece)]
    bench.hub.servers.first.from_upstream(messages)
    bench.clock.advance(1.0)
    bench.hub.tick(bench.clock.now())
    heard = boss.take()
    _well_formed(heard)
    assert not heard.startswith(b"Response:")
    assert b"\r\n\r\nResponse:" not in heard
    assert clerk.take() == b""
    # It is still in step: the real answer arrives, and once.
    bench.answer(asked, b"Message: real\r\n")
    assert clerk.take() == b"Response: Success\r\nActionID: mine\r\nMessage: real\r\n\r\n"


#: Stands for the relay id of the question, which nobody else knows, and which answers have.
RELAY_ID: Final = b"RELAY"
_SERVER: Final = re.compile(rb"\s*server\s*:", re.IGNORECASE)
_TWO: Final = Configured(("pbx1", "pbx2"), named=True)


def merged_list(data: bytes) -> None:
    """Any bytes of one of two servers that are asked for a list: each item is under its own server's name."""
    bench = Bench(User("boss", ALL, ALL, secret="plain:x", servers=_TWO.names), servers=_TWO)
    bench.all_up()
    session, boss = bench.login("boss")
    session.receive(b"Action: CoreShowChannels\r\nActionID: 7\r\n\r\n")
    (one,), (two,) = bench.upstreams["pbx1"].take(), bench.upstreams["pbx2"].take()
    framer = UpstreamFramer()
    bench.server("pbx1").from_upstream(framer.feed(data.replace(RELAY_ID, one.get(b"actionid"))))
    relayed = b"ActionID: " + two.get(b"actionid") + b"\r\n"
    bench.feed(
        b"Response: Success\r\n" + relayed + b"EventList: start\r\n\r\n",
        b"Event: CoreShowChannel\r\n" + relayed + b"Channel: PJSIP/two-1\r\n\r\n",
        b"Event: CoreShowChannelsComplete\r\n" + relayed + b"EventList: Complete\r\nListItems: 1\r\n\r\n",
        at="pbx2",
    )
    bench.server("pbx1").link_down("gone")
    heard = boss.take()
    assert heard.endswith(b"\r\n\r\n")
    assert bench.hub.stats.faults == 0
    ends = 0
    for raw in heard.split(b"\r\n\r\n")[:-1]:
        assert all(_LINE.fullmatch(line) for line in raw.split(b"\r\n")), raw
        named = [line for line in raw.split(b"\r\n") if _SERVER.match(line)]
        if raw.endswith(b"\nServer: pbx2"):
            assert raw == b"Event: CoreShowChannel\r\nActionID: 7\r\nChannel: PJSIP/two-1\r\nServer: pbx2"
        elif named:
            assert named == [b"Server: pbx1"]
            assert raw.endswith(named[0])
        else:
            ends += b"\r\nServers: " in raw
    assert ends == 1


def answer_of_one(data: bytes) -> None:
    """Any bytes of one of two servers that runs a command: clients read them as that server's.

    Also clients that take a bare CR or LF for the end of a line.
    """
    bench = Bench(User("boss", ALL, ALL, secret="plain:x", servers=_TWO.names), servers=_TWO)
    bench.all_up()
    session, boss = bench.login("boss")
    session.receive(b"Action: Command\r\nServer: pbx1\r\nCommand: core show uptime\r\nActionID: 7\r\n\r\n")
    (asked,) = bench.upstreams["pbx1"].take()
    framer = UpstreamFramer()
    bench.server("pbx1").from_upstream(framer.feed(data.replace(RELAY_ID, asked.get(b"actionid"))))
    bench.clock.advance(1.0)
    bench.hub.tick(bench.clock.now())
    bench.server("pbx1").link_down("gone")
    heard = boss.take()
    assert bench.hub.stats.faults == 0
    for line_end in (b"\r\n", b"\n", b"\r"):
        text = heard.replace(b"\r\n", line_end)
        for raw in text.split(2 * line_end)[:-1]:
            named = [line for line in raw.split(line_end) if _SERVER.match(line)]
            assert named == [b"Server: pbx1"], raw


_THREE: Final = Configured(("pbx1", "pbx2", "pbx3"), named=True)


def client_of_several(data: bytes) -> None:
    """Any bytes of a client of two of three servers: each action goes to the one that it names, or nowhere.

    The third gets none of them, and the client gets nothing of the third.
    """
    mine, all_ = _TWO.names, _THREE.names
    bench = Bench(
        User("boss", ALL, ALL, secret="plain:x", servers=mine, default_server="pbx1"),
        User("other", ALL, ALL, secret="plain:x", servers=all_),
        servers=_THREE,
    )
    bench.all_up()
    session, boss = bench.login("boss")
    heard: list[bytes] = []
    try:
        for raw in ActionFramer().feed(data):
            session.receive(raw)
            bench.feed(b"Event: Newchannel\r\nPrivilege: call,all\r\nChannel: hidden\r\n\r\n", at="pbx3")
            sent = {name: bench.upstreams[name].take() for name in all_}
            reached = {name for name in all_ if any(m.get(b"action").lower() != b"ping" for m in sent[name])}
            named = parse_action(raw).get(b"server").lower()
            assert reached <= ({named.decode("latin-1")} if named and named != b"*" else set(mine)), raw
            for name in mine:
                for asked in sent[name]:
                    assert asked.get(b"server") == b""
                    bench.answer(asked, b"", at=name)
            bench.hub.flush()
            heard.append(boss.take())
            if boss.closed:
                break
    except ProtocolError:
        return
    text = b"".join(heard)
    assert b"hidden" not in text
    assert not re.search(rb"^Server: pbx3\r$", text, re.MULTILINE)


def positions(data: bytes) -> None:
    """What a client says where it is: positions that were sealed with our key, or nothing at all."""
    found = positions_in(data, _SEALER)
    if found is not None:
        assert joined(_SEALER.seal(*one) for one in found) == data


def digest_header(data: bytes) -> None:
    """An Authorization header of a client that does not know the secret is never right, nor makes a nonce."""
    digest = Digest()
    for value in (data, b"Digest " + data):
        found = parse_authorization(value)
        checked = digest.check(value, b"GET", b"/arawman", b"amiproxy", ("MD5",), lambda _: b"sekret", 1.0)
        assert checked.verdict in {"malformed", "wrong"}
        assert (found is None) <= (checked.verdict == "malformed")
        if found is not None:
            assert all((found.username, found.realm, found.nonce, found.uri, found.response, found.cnonce))
            assert 0 <= int(found.nc, 16) < 1 << 32


def event_rebuilding(data: bytes) -> None:
    """A repaired broadcast event is well-formed, and repairing it again changes nothing."""
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
    """A filter compiles or is refused with a reason; a compiled one judges any event."""
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
    """Any text in users.yaml: a table of users, or problems that each name a place.

    With several servers no user has more rights at one of them than elsewhere.
    """
    try:
        table_of(parse_users(_NOWHERE / "users.yaml", data))
    except ConfigErrors as errors:
        _told(list(errors.problems), good=False)
        return
    reader = UsersReader(servers=_SERVERS)
    finish(reader.read_text(_NOWHERE / "users.yaml", data))
    if reader.problems:
        _told(reader.problems, good=False)
        return
    for user in table_of(UsersFile(users=reader.users), _SERVERS):
        assert user.servers
        for name in _SERVERS.names:
            there = user.at(name)
            assert not (there.read & ~user.read)
            assert not (there.write & ~user.write)
            assert name in user.servers or not (there.read or there.write)


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
        visit = Visit(cast("Any", None), cast("Any", writer), door := SideDoor(1, 1, 1))
        door.enter(visit)
        await server._answer(line, peer, Permission.READ, visit)

    asyncio.run(answer())
    assert len(said) == 1
    reply = json.loads(said[0])
    assert said[0].endswith(b"\n")
    assert said[0].count(b"\n") == 1
    assert reply["ok"] is True or reply["error"]
    assert "fault" not in reply.get("error", ""), reply


def proxy_header(data: bytes) -> None:
    """A load balancer's header: the same result in whatever pieces it comes, and never unbounded."""
    known = proxyheader.parse(data)
    if known is Unread.INCOMPLETE:
        assert len(data) < proxyheader.LONGEST
    elif known is not Unread.MALFORMED:
        assert known.size <= min(len(data), proxyheader.LONGEST)
    if isinstance(known, Header):
        for address, port in ((known.address, known.port), (known.local_address, known.local_port)):
            assert str(ipaddress.ip_address(address)) == address
            assert 0 <= port <= 0xFFFF
    for length in range(min(len(data), proxyheader.LONGEST)):
        early = proxyheader.parse(data[:length])
        if early is not Unread.INCOMPLETE:
            assert early == known
            return
    if known is not Unread.INCOMPLETE:
        assert proxyheader.parse(data + b"\r\n") == known


def scrape_request(data: bytes) -> None:
    """Any bytes to the metrics endpoint: one answer of the announced length, or none to half a request."""
    server = MetricsServer(cast("Any", None))
    # The service's own state is not under test here.
    server._exposition = Exposition(CollectorRegistry())
    server._readiness = lambda: metricsserver.Answer(HTTPStatus.OK, b"ready\n")
    said: list[bytes] = []

    async def drain() -> None:
        return

    writer = SimpleNamespace(write=said.append, drain=drain, can_write_eof=lambda: False)

    async def serve() -> None:
        reader = asyncio.StreamReader(limit=_LONGEST_REQUEST)
        reader.feed_data(data)
        reader.feed_eof()
        visit = Visit(reader, cast("Any", writer), door := SideDoor(1, 1))
        door.enter(visit)
        await server._answer_request(visit)

    asyncio.run(serve())
    if not said:
        assert b"\r\n\r\n" not in data
        return
    head, _, body = b"".join(said).partition(b"\r\n\r\n")
    status, *headers = head.split(b"\r\n")
    assert _STATUS.fullmatch(status), status
    assert _NO_LINE_END.fullmatch(head.replace(b"\r\n", b""))
    names = [line.partition(b": ")[0] for line in headers if line[:6] != b"Allow:"]
    assert names == [b"Content-Type", b"Content-Length", b"Cache-Control", b"Connection"]
    assert b"Content-Length: %d" % len(body) in headers
    assert b" 200 " not in status or data.startswith(b"GET /")


def client_certificate(data: bytes) -> None:
    """Any certificate of a client, and any beside a good one: an identity or a reason, never an exception."""
    trust = TrustStore((fixed_certificates.AUTHORITY,))
    good, deep = (fixed_certificates.der(c) for c in (fixed_certificates.CLIENT, fixed_certificates.DEEP))
    # Odd but readable certificates cause warnings.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            identity = identities(data)
        except ValueError:
            identity = None
        objection = trust.objection([data], fixed_certificates.NOW)
        assert objection is None or objection.startswith("client certificate")
        # If a CA of ours signed it, it is unchanged, and so one of those that were signed.
        assert objection is not None or data in _SIGNED
        beside = trust.objection([deep, data], fixed_certificates.NOW)
        assert beside is not None or data == fixed_certificates.der(fixed_certificates.MIDDLE)
        assert trust.objection([good], fixed_certificates.NOW) is None
    if identity is not None:
        assert identity.sha256 == hashlib.sha256(data).hexdigest()
        assert {binding.kind for binding in identity.bindings} <= {"dns", "email", "uri", "cn", "spki"}
        assert sum(binding.kind == "spki" for binding in identity.bindings) == 1
        login = CertificateLogin(tuple(identity.bindings), "certificate")
        bound = dict.fromkeys(identity.bindings, "wall")
        assert claim("wall", login, bound, identity).refusal is None
        assert claim("other", CertificateLogin(), bound, identity).refusal is not None


async def _nothing(_service: object, _arguments: Mapping[str, str]) -> object:
    """The result of a command that does not use a service."""
    return {}


_COMMANDS: Final = {
    name: Command(name, command.permission, _nothing, command.arguments) for name, command in COMMANDS.items()
}


def shell_answers(data: bytes) -> None:
    """Whatever a server sends: the shell shows nothing that a terminal might interpret."""
    mark = b"shell-1-"
    for line in ("CoreShowChannels", "Command x", "IAXnetstats", "IAXpeers", "FAXStats", "OfAnotherModule"):
        answer = Answer(read_line(line).action, mark + b"1")
        seen = Seen()
        for raw in UpstreamFramer(mark=mark).feed(data.replace(b"ActionID: 0", b"ActionID: " + mark + b"1")):
            message = Message(raw)
            seen.look(message)
            shown = [] if answer.take(message) else [events.event(message, "12:00:00", 80).plain]
            assert all(map(str.isprintable, (*shown, json_lines.message(message))))
        answer.end()
        output = Output(io.StringIO(), {})
        for look in (Look(), Look(records=True), Look(columns=("Channel",))):
            for width in (1, 30, 80):
                text = "".join(map(output.rendered, shell_answer(answer, look, width)))
                assert all(map(str.isprintable, text.split("\n"))), text
        for one in (*json_lines.answer(answer), *remedies(answer, Asker("u", SHIPPED))):
            assert "\x1b" not in one


_LINE: Final = re.compile(rb"[^\r\n\0]*")
_NO_LINE_END: Final = re.compile(rb"[^\r\n]*")
_STATUS: Final = re.compile(rb"HTTP/1\.1 \d{3} [A-Za-z ]+")
_LONGEST_REQUEST: Final = 8192
_SIGNED: Final = tuple(
    fixed_certificates.der(one)
    for one in (fixed_certificates.AUTHORITY, fixed_certificates.MIDDLE, fixed_certificates.CLIENT)
)


def _well_formed(heard: bytes) -> None:
    """The client got whole messages, each with lines that end in CRLF."""
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
            merged_list,
            answer_of_one,
            client_of_several,
            positions,
            event_rebuilding,
            eventfilters,
            configuration,
            users,
            control,
            proxy_header,
            http_requests,
            forwarding,
            scrape_request,
            digest_header,
            client_certificate,
            shell_answers,
            ajam_parameters,
            ajam_answers,
            json_codec,
            socket_frames,
            agents_messages,
            edges_requests,
        )
    }
)
