"""The control socket: who is permitted, what is answered, and that no answer contains a secret."""

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import socket
import struct
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from amiproxy.ami import privilege
from amiproxy.config.differences import Differences
from amiproxy.core.model.users import User
from amiproxy.net.admin.control import COMMANDS, ControlServer, Permission
from amiproxy.net.admin.control.commands import Arguments, Command
from amiproxy.net.admin.control.server import permission_of
from amiproxy.net.admin.localsocket import Credentials, UnixListener
from amiproxy.net.admin.reloads import ReloadReport
from amiproxy.net.admin.service import Service
from tests.support.certificates import DAY, forge, forge_crl, install
from tests.support.core_doubles import ListTransport, ListUpstream
from tests.support.live_service import LiveService
from tests.support.waiting import DEADLINE, until

HASH = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$hash"
Permitted = Callable[[Credentials], Permission | None]
USERS = (
    User("wall", read=privilege.CALL, secret="plain:hunter2"),
    User("boss", read=privilege.ALL, write=privilege.ALL, md5_secret=b"hunter2hunter2", secret=HASH),
    User("gone", disabled=True, secret=HASH, setvar=((b"PIN", b"hunter2"),)),
)


class Asker:
    """One connection to the control socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def say(self, line: bytes) -> None:
        self.writer.write(line)
        await self.writer.drain()

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(DEADLINE):
            line = await self._reader.readline()
        assert line.endswith(b"\n"), f"the connection ended: {line!r}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def ask(self, command: str, **arguments: str) -> dict[str, Any]:
        await self.say(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
        return await self.hear()

    async def result(self, command: str, **arguments: str) -> Any:
        answer = await self.ask(command, **arguments)
        assert answer["ok"], answer
        return answer["result"]

    async def ended(self) -> None:
        # Closing without having read the answer resets a Unix connection.
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(DEADLINE):
                assert await self._reader.read() == b""


class Control:
    """A service with its control socket, and the clients that connect to it."""

    def __init__(self, service: LiveService, path: Path) -> None:
        self.service = service
        self.path = path
        self.askers: list[Asker] = []
        self.server: ControlServer

    @property
    def asker(self) -> Asker:
        return self.askers[0]

    async def connect(self) -> Asker:
        self.askers.append(Asker(*await asyncio.open_unix_connection(str(self.path), limit=1 << 22)))
        return self.askers[-1]

    def login(self, name: str, secret: str) -> ListTransport:
        transport = ListTransport()
        session = self.service.hub.attach(transport)
        session.receive(f"Action: Login\r\nUsername: {name}\r\nSecret: {secret}\r\n\r\n".encode())
        assert session.principal.user is not None
        return transport


@asynccontextmanager
async def serving(
    service: LiveService, path: Path, permitted: Permitted = permission_of, **options: Any
) -> AsyncIterator[Control]:
    """A service whose control socket has one connected client."""
    made = Control(service, path / "c.sock")
    listener = UnixListener(made.path)
    made.server = ControlServer(service, permitted, **options)
    await made.server.start(listener.socket)
    async with asyncio.TaskGroup() as group:
        work = [group.create_task(service.reloads.run()), group.create_task(service.rotation.run())]
        try:
            await made.connect()
            yield made
        finally:
            for asker in made.askers:
                asker.writer.close()
                with contextlib.suppress(OSError):
                    await asker.writer.wait_closed()
            await made.server.close()
            for task in work:
                task.cancel()
            listener.close()


@pytest.fixture
async def service(tmp_path: Path) -> LiveService:
    return LiveService(tmp_path, *USERS)


@pytest.fixture
async def control(service: LiveService, tmp_path: Path) -> AsyncIterator[Control]:
    async with serving(service, tmp_path) as made:
        yield made


# -- permissions -----------------------------------------------------------


@pytest.mark.parametrize(
    ("uid", "permission"), [(0, Permission.OPERATE), (os.getuid(), Permission.OPERATE), (65534, None)]
)
def test_only_root_and_our_user_are_permitted(uid: int, permission: Permission | None) -> None:
    assert permission_of(Credentials(1, uid, uid)) is permission


async def test_a_user_without_permission_is_refused_and_nothing_is_done(
    service: LiveService, tmp_path: Path
) -> None:
    async with serving(service, tmp_path, lambda _: None) as control:
        told = (await control.asker.ask("drain"))["error"]
        assert told.startswith(f"uid {os.getuid()} is not permitted")
        await control.asker.ended()
        assert service.stopped == 0


async def test_a_user_that_may_only_read_cannot_operate(service: LiveService, tmp_path: Path) -> None:
    async with serving(service, tmp_path, lambda _: Permission.READ) as control:
        refused = set()
        for name, command in COMMANDS.items():
            answer = await control.asker.ask(name, **dict.fromkeys(command.arguments, "x"))
            if answer.get("error") == f"{name} needs the permission to operate":
                refused.add(name)
    assert refused == {name for name, command in COMMANDS.items() if command.permission is Permission.OPERATE}


def test_each_command_states_its_purpose_and_permission() -> None:
    assert {name for name, command in COMMANDS.items() if command.permission is Permission.OPERATE} == {
        "kick", "certs-reload", "reload", "drain", "log-level", "trace",
        "learn", "learn-start", "learn-stop",
    }  # fmt: skip
    assert all(command.text.endswith(".") for command in COMMANDS.values())
    assert all((command.run is None) is not (command.stream is None) for command in COMMANDS.values())


async def test_learning_is_started_shown_and_stopped(control: Control) -> None:
    assert not (await control.asker.ask("learn-stop"))["ok"]
    assert not (await control.asker.ask("learn-start", seconds="x"))["ok"]
    begun = await control.asker.result("learn-start", seconds="0")
    assert (begun["recording"], begun["until"], begun["lost"]) == (True, None, 0)
    control.login("boss", "hunter2hunter2")
    hub = control.service.hub
    hub.sessions[0].receive(b"Action: Getvar\r\nVariable: A\r\n\r\n")
    ended = await control.asker.result("learn-stop")
    assert (ended["recording"], ended["actions"]) == (False, 1)
    reader = await control.connect()
    head = await reader.result("learn")
    assert head == ended
    rows = (await reader.hear())["result"]["rows"]
    assert [row["action"] for row in rows if "action" in row] == ["Getvar"]
    await reader.ended()


async def test_a_recording_that_was_never_started_cannot_be_shown(control: Control) -> None:
    assert not (await control.asker.ask("learn"))["ok"]


# -- invalid requests ------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"\n", "not a request"),
        (b"hello\n", "not a request"),
        (b'{"command": "status", "colour": "blue"}\n', "not a request"),
        (b'{"command": 7}\n', "not a request"),
        (b'{"command": "status", "arguments": {"x": 1}}\n', "not a request"),
        (b'{"command": "rm\\u001b[2J"}\n', r"unknown command rm\x1b[2J; known: status"),
        (b'{"command": "kick"}\n', "kick takes these arguments: target"),
        (b'{"command": "status", "arguments": {"x": "y"}}\n', "status takes these arguments: none"),
    ],
)
async def test_an_invalid_request_gets_an_error_and_the_next_one_is_answered(
    control: Control, line: bytes, says: str
) -> None:
    await control.asker.say(line)
    answer = await control.asker.hear()
    assert not answer["ok"]
    assert says in answer["error"]
    assert (await control.asker.ask("status"))["ok"]


async def test_a_request_beyond_the_maximum_length_is_refused(control: Control) -> None:
    await control.asker.say(b"x" * 5000)
    assert (await control.asker.hear())["error"] == "a request has at most 4096 bytes"
    await control.asker.ended()


async def test_a_silent_client_is_disconnected(service: LiveService, tmp_path: Path) -> None:
    async with serving(service, tmp_path, idle=0.01) as control:
        await control.asker.ended()


async def test_sixteen_stalled_clients_do_not_keep_another_from_a_command(
    service: LiveService, tmp_path: Path
) -> None:
    async with serving(service, tmp_path) as control:
        control.login("boss", "hunter2hunter2")
        (session,) = service.hub.sessions
        hanging = [control.asker, *[await control.connect() for _ in range(15)]]
        await hanging[3].say(b'{"command": "sta')
        await until(lambda: control.server.visits == 16)
        kicked = await (await control.connect()).result("kick", target=session.id)
        assert kicked == {"kicked": [session.id]}
        assert service.hub.sessions == []
        assert (await hanging[0].hear())["error"] == "too many connections; try again"
        await hanging[0].ended()
        assert (await (await control.connect()).ask("status"))["ok"]
        assert control.server.visits == 16


def waiting(started: list[int], go_on: asyncio.Event) -> Command:
    async def run(_service: Service, _: Arguments) -> object:
        """Wait until the test lets it go on."""
        started.append(1)
        await go_on.wait()
        return "done"

    return Command("wait", Permission.READ, run)


async def test_kick_and_drain_run_while_the_maximum_of_others_wait_for_answers(
    service: LiveService, tmp_path: Path
) -> None:
    started: list[int] = []
    go_on = asyncio.Event()
    commands = {**COMMANDS, "wait": waiting(started, go_on)}
    async with serving(service, tmp_path, commands=commands) as control:
        askers = [control.asker, *[await control.connect() for _ in range(7)]]
        for asker in askers:
            await asker.say(b'{"command": "wait"}\n')
        await until(lambda: len(started) == 8)
        idle = [await control.connect() for _ in range(9)]
        last = idle[-1]
        assert (await last.ask("status"))["error"] == "too many requests in progress; try again"
        assert (await last.ask("kick", target="user:boss"))["ok"]
        assert (await last.ask("drain"))["ok"]
        go_on.set()
        assert [(await asker.hear())["result"] for asker in askers] == ["done"] * 8
        assert (await last.ask("status"))["ok"]


async def test_streams_have_places_of_their_own(service: LiveService, tmp_path: Path) -> None:
    async with serving(service, tmp_path) as control:
        tracers = [control.asker, *[await control.connect() for _ in range(7)]]
        for tracer in tracers:
            await tracer.result("trace", user="boss")
        ninth = await control.connect()
        assert "8 streams (trace, learn)" in (await ninth.ask("trace", user="boss"))["error"]
        for _ in range(20):
            assert (await (await control.connect()).ask("status"))["ok"]
        assert control.server.visits == 24
        control.login("boss", "hunter2hunter2")
        assert b"Authentication" in (await tracers[0].hear())["result"]["message"].encode()
        tracers[0].writer.close()
        await until(lambda: control.server.visits == 23)
        assert (await (await control.connect()).ask("trace", user="boss"))["ok"]


async def test_a_client_that_does_not_read_is_displaced_when_none_is_idle(
    service: LiveService, tmp_path: Path
) -> None:
    async def much(_service: Service, _: Arguments) -> object:
        """Answer with 4 MiB."""
        return "x" * (4 << 20)

    commands = {**COMMANDS, "much": Command("much", Permission.READ, much)}
    async with serving(service, tmp_path, commands=commands) as control:
        deaf = [socket.socket(socket.AF_UNIX) for _ in range(16)]
        for one in deaf:
            one.connect(str(control.path))
            one.sendall(b'{"command": "much"}\n')
        await until(lambda: len(control.server._door) == 16)
        for _ in range(4):
            assert (await (await control.connect()).ask("status"))["ok"]
        for one in deaf:
            one.close()


async def test_an_internal_error_is_answered_and_the_connection_stays(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(control.service.hub), "sessions", property(lambda _: 1 / 0))
    assert (await control.asker.ask("sessions"))["error"].startswith("internal error")
    assert (await control.asker.ask("upstream"))["ok"]


# -- state -----------------------------------------------------------------


async def test_status_shows_state_listeners_and_counts(control: Control) -> None:
    control.login("boss", "hunter2hunter2")
    found = await control.asker.result("status")
    assert found["state"] == "serving"
    assert found["pid"] == os.getpid()
    assert found["listeners"] == ["127.0.0.1:5039", "[::]:5040"]
    assert (found["authenticated"], found["unauthenticated"], found["users"]) == (1, 0, 3)
    assert found["link"] == {"state": "connecting", "reason": ""}
    assert found["certificates"]["state"] == "fine"
    assert found["reload"] is None
    assert found["uptime"] >= 100
    assert found["counters"]["logins"] == 1
    control.service.draining = True
    assert (await control.asker.result("status"))["state"] == "draining"


async def test_sessions_lists_all_and_session_shows_one(control: Control) -> None:
    transport = control.login("boss", "hunter2hunter2")
    control.service.hub.attach(ListTransport("2001:db8::7"))
    boss, stranger = await control.asker.result("sessions")
    assert (boss["user"], boss["state"], boss["peer"]) == ("boss", "ready", transport.peer.address)
    assert boss["bytes_out"] == sum(map(len, transport.sent))
    assert (stranger["user"], stranger["state"], stranger["peer"]) == (None, "greeted", "2001:db8::7")
    one = await control.asker.result("session", id=boss["id"])
    assert {**one, **boss} == one
    assert (one["read"], one["write"], one["events"], one["tls"]) == ("all", "all", "all", "TLSv1.3/TEST")
    assert one["sharing_view"] == 1
    other = await control.asker.result("session", id=stranger["id"])
    assert (other["read"], other["sharing_view"]) == ("", 0)
    answer = await control.asker.ask("session", id="none")
    assert answer["error"] == "unknown session none; ami-proxy ctl sessions lists them"


async def test_users_lists_rights_and_sessions(control: Control) -> None:
    control.login("BOSS", "hunter2hunter2")
    rows = {row["name"]: row for row in await control.asker.result("users")}
    assert list(rows) == ["boss", "gone", "wall"]
    assert rows["boss"]["login"] == ["plain", "md5"]
    assert rows["boss"]["sessions"] == 1
    assert rows["wall"] == {
        "name": "wall", "disabled": False, "sessions": 0, "read": "call", "write": "none", "login": ["plain"],
    }  # fmt: skip
    assert rows["gone"]["disabled"]


async def test_upstream_shows_the_link(control: Control) -> None:
    found = await control.asker.result("upstream")
    assert (found["username"], found["state"], found["ups"]) == ("amiproxy", "connecting", 0)
    assert found["last_loss"] is None


async def test_upstream_shows_the_effects_of_the_last_loss(control: Control) -> None:
    hub = control.service.hub
    hub.server.link_up(ListUpstream(), b"Asterisk Call Manager/11.0.0\r\n")
    hub.server.link_down("gone")
    loss = (await control.asker.result("upstream"))["last_loss"]
    assert loss["reason"] == "gone"
    assert loss["sessions"] == {"closed": 0, "told": 0, "kept": 0, "no events": 0}


async def test_limits_are_shown_with_their_use_and_hits(control: Control) -> None:
    control.service.hub.limit_state.newcomers.enter("a stranger", "192.0.2.1", 0.0)
    control.service.hub.stats.limit_reached("login_timeout")
    rows = {row["name"]: row for row in await control.asker.result("limits")}
    assert rows["login_timeout"] == {"name": "login_timeout", "value": 10.0, "used": None, "hits": 1}
    assert rows["unauthenticated"]["used"] == 1
    assert rows["exempt"]["value"] == ["127.0.0.0/8", "::1/128"]


async def test_limits_show_the_values_that_are_compared_with_them(control: Control) -> None:
    hub = control.service.hub
    hub.server.link_up(ListUpstream(), b"Asterisk Call Manager/11.0.0\r\n")
    hub.server.serve()
    control.login("boss", "hunter2hunter2")
    (asker,) = hub.sessions
    asker.receive(b"Action: CoreStatus\r\n\r\n" * 8)
    control.login("boss", "hunter2hunter2").room = 0
    session = next(one for one in hub.sessions if one is not asker)
    session.receive(b"Action: Ping\r\n\r\n")
    session.close("kicked")
    assert hub.closing
    rows = {row["name"]: row for row in await control.asker.result("limits")}
    # The proxy's own ListCommands, one action sent to Asterisk, and seven queued behind it.
    assert rows["in_flight"]["used"] == 9
    assert rows["outbox_total"]["used"] == session.outbox.size > 0
    status = await control.asker.result("status")
    assert (status["in_flight"], status["outbox_bytes"]) == (9, session.outbox.size)


async def test_certs_shows_served_and_waiting_certificates(control: Control) -> None:
    (found,) = await control.asker.result("certs")
    assert found["listener"] == "127.0.0.1:5039"
    assert found["served"][0]["names"] == ["dns:localhost", "ip:127.0.0.1", "ip:::1"]
    assert found["waiting"] == []
    assert found["clients"] == []
    control.service.config.listeners[0].certificates[0].chain.write_text("new")
    (found,) = await control.asker.result("certs")
    assert len(found["waiting"]) == 1


async def test_certs_shows_every_date_that_ends_validity(control: Control, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    middle = forge("Middle", ca=True, not_after=now + 10 * DAY)
    leaf, authority = forge(issuer=middle), forge("Clients CA", ca=True, not_after=now + 99 * DAY)
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    (tmp_path / "ca.crl").write_bytes(forge_crl(authority, next_update=now + 0.5 * DAY))
    listener = msgspec.structs.replace(
        control.service.config.listeners[0],
        client_auth="optional",
        client_ca=tmp_path / "ca.crt",
        client_crl=tmp_path / "ca.crl",
    )
    install(listener.certificates[0].chain.parent, leaf.pem + middle.pem, leaf.key_pem)
    store = control.service.stores[0]
    store.commit(store.prepare("test", listener, control.service.config.tls))
    (found,) = await control.asker.result("certs")
    (served,) = found["served"]
    assert served["ends_by"] == "CN=Middle"
    assert served["not_after"] == middle.certificate.not_valid_after_utc.timestamp()
    assert (served["days_left"], served["state"]) == (pytest.approx(10, abs=0.1), "warning")
    assert [(one["kind"], one["name"], one["state"]) for one in found["clients"]] == [
        ("client-ca", "CN=Clients CA", "fine"),
        ("revocation-list", "CN=Clients CA", "critical"),
    ]
    assert found["clients"][1]["said"].startswith("revocation list of CN=Clients CA runs out in 11 hours")
    assert (await control.asker.result("status"))["certificates"]["state"] == "critical"


async def test_refused_files_are_shown_in_the_status(control: Control) -> None:
    assert (await control.asker.result("status"))["refused"] == []
    control.service.config.listeners[0].certificates[0].chain.write_text("no certificate")
    control.service.stores[0].reload("watch")
    (said,) = (await control.asker.result("status"))["refused"]
    assert said.startswith("127.0.0.1:5039: certificates NOT reloaded, generation 1 ")
    assert " (watch): " in said
    assert "server.crt" in said


async def test_commands_lists_every_command(control: Control) -> None:
    rows = await control.asker.result("commands")
    assert {row["name"] for row in rows} == set(COMMANDS)


# -- commands that change something ----------------------------------------


async def test_kick_closes_one_session_or_all_of_a_user(control: Control) -> None:
    transports = [control.login("boss", "hunter2hunter2") for _ in range(3)]
    first, *_ = await control.asker.result("sessions")
    assert (await control.asker.result("kick", target=first["id"]))["kicked"] == [first["id"]]
    assert [bool(transport.closed) for transport in transports] == [True, False, False]
    assert len((await control.asker.result("kick", target="user:BOSS"))["kicked"]) == 2
    assert control.service.hub.sessions == []
    assert (await control.asker.result("kick", target="user:wall"))["kicked"] == []
    for target, says in (("user:nobody", "unknown user 'nobody'"), ("x", "unknown session x")):
        assert says in (await control.asker.ask("kick", target=target))["error"]


async def test_log_level_changes_the_level(control: Control) -> None:
    assert await control.asker.result("log-level", level="DEBUG") == {"before": "info", "level": "debug"}
    assert control.service.log_level == "debug"
    assert "'loud'" in (await control.asker.ask("log-level", level="loud"))["error"]


async def test_drain_is_answered_before_it_begins(control: Control) -> None:
    assert await control.asker.result("drain") == {"sessions": 0, "in_flight": 0}
    await until(lambda: control.service.stopped == 1)


async def test_reload_reports_changes_or_every_problem(control: Control) -> None:
    control.service.report = ReloadReport(
        True, "", 1.0, (), Differences(("log.level",), ("new",), (), (("wall", ("read",)),)), ("unchanged",)
    )
    found = await control.asker.result("reload")
    assert found["trigger"] == "control"
    assert found["changed"] == ["log.level"]
    assert found["users_added"] == ["new"]
    assert found["users_changed"] == {"wall": ["read"]}
    control.service.report = ReloadReport(False, "", 2.0, ("proxy.yaml:1: a", "users.yaml:2: b"))
    answer = await control.asker.ask("reload")
    assert not answer["ok"]
    assert answer["problems"] == ["proxy.yaml:1: a", "users.yaml:2: b"]
    assert (await control.asker.result("status"))["reload"]["succeeded"] is False
    assert answer["error"].startswith("not reloaded; ")
    control.service.report = ReloadReport(
        False, "", 2.0, ("server.key: a",), Differences(), ("one", "two"), only_certificates=True
    )
    answer = await control.asker.ask("reload")
    assert answer["error"].startswith("certificates were refused, ")
    assert answer["problems"] == ["server.key: a"]
    assert (await control.asker.result("status"))["reload"]["only_certificates"] is True


async def test_certs_reload_reports_results_or_every_problem(control: Control) -> None:
    (told,) = await control.asker.result("certs-reload")
    assert "unchanged" in told
    control.service.config.listeners[0].certificates[0].chain.write_text("no certificate")
    answer = await control.asker.ask("certs-reload")
    assert not answer["ok"]
    assert "server.crt" in answer["problems"][0]
    assert control.service.stores[0].generation == 1
    control.service.draining = True
    assert (await control.asker.ask("certs-reload"))["error"] == "the service is stopping"


async def test_a_command_that_changes_something_is_logged_with_its_caller(
    control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "amiproxy")
    logging.getLogger("amiproxy").propagate = True
    await control.asker.ask("status")
    await control.asker.ask("kick", target="user:wall")
    # One record may arrive twice, through the logger's own handler and through the root's.
    seen = dict.fromkeys(caplog.records)
    (record,) = [record for record in seen if record.getMessage() == "control"]
    fields = record.__dict__["fields"]
    assert fields == {"command": "kick", "about": "user:wall", "uid": os.getuid(), "pid": os.getpid()}


# -- trace -----------------------------------------------------------------


async def test_trace_shows_one_user_live(control: Control) -> None:
    session = control.service.hub
    transport = control.login("boss", "hunter2hunter2")
    assert (await control.asker.result("trace", user="boss"))["user"] == "boss"
    (boss,) = session.sessions_of(USERS[1])
    boss.receive(b"Action: Events\r\nEventMask: off\r\n\r\n")
    for _ in range(2):
        await control.asker.hear()
    control.login("wall", "hunter2")
    boss.receive(b"Action: Challenge\r\nAuthType: MD5\r\nSecret: hunter2\r\n\r\n")
    received = (await control.asker.hear())["result"]
    assert (received["direction"], received["session"], received["missed"]) == ("received", boss.id, 0)
    assert received["message"] == "Action: Challenge\r\nAuthType: MD5\r\nSecret: ***\r\n\r\n"
    sent = (await control.asker.hear())["result"]
    while "Challenge" not in sent["message"]:
        sent = (await control.asker.hear())["result"]
    assert sent["direction"] == "sent"
    assert "Challenge: ***" in sent["message"]
    challenge = boss.challenge.decode()
    assert challenge in b"".join(transport.sent).decode()
    assert challenge not in sent["message"]


async def test_trace_ends_when_its_reader_leaves_and_then_costs_nothing(control: Control) -> None:
    control.login("boss", "hunter2hunter2")
    (boss,) = control.service.hub.sessions
    wires = boss.wires
    tracer = await control.connect()
    await tracer.result("trace", user="boss")
    assert boss.wires != wires
    tracer.writer.close()
    await until(lambda: boss.wires == wires)
    assert (await control.asker.ask("status"))["ok"]


async def test_trace_ends_when_its_reader_sends_anything(control: Control) -> None:
    tracer = await control.connect()
    await tracer.result("trace", user="boss")
    await tracer.say(b"\n")
    await tracer.ended()


async def test_a_slow_reader_misses_messages_and_is_told_how_many(control: Control) -> None:
    control.login("boss", "hunter2hunter2")
    (boss,) = control.service.hub.sessions
    tracer = await control.connect()
    await tracer.result("trace", user="boss")
    for _ in range(1500):
        boss.receive(b"Action: Ping\r\n\r\n")
    missed = shown = 0
    while missed == 0:
        item = (await tracer.hear())["result"]
        missed, shown = item["missed"], shown + 1
        if shown >= 900:
            boss.receive(b"Action: Ping\r\n\r\n")
    assert missed > 0
    tracer.writer.close()


async def test_trace_of_an_unknown_user_is_refused(
    control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await control.asker.ask("trace", user="nobody")
    assert "unknown user 'nobody'" in answer["error"]
    assert (await control.asker.ask("status"))["ok"]
    assert not [record for record in caplog.records if record.getMessage() == "fault"]


async def test_a_trace_reader_that_leaves_without_reading_logs_no_error(
    control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "amiproxy")
    control.login("boss", "hunter2hunter2")
    (boss,) = control.service.hub.sessions
    wires = boss.wires
    tracer = await control.connect()
    await tracer.result("trace", user="boss")
    # Unread data in the kernel resets the connection when it is closed.
    tracer.writer.transport.pause_reading()
    boss.receive(b"Action: Ping\r\n\r\n")
    sock: socket.socket = tracer.writer.get_extra_info("socket")
    await until(lambda: struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.FIONREAD, bytes(4)))[0] > 0)
    tracer.writer.transport.abort()
    await until(lambda: boss.wires == wires)
    await until(lambda: {"control-lost", "fault"} & {record.getMessage() for record in caplog.records})
    assert "fault" not in {record.getMessage() for record in caplog.records}


# -- secrets ---------------------------------------------------------------


async def test_no_secret_is_in_any_answer(control: Control) -> None:
    control.login("boss", "hunter2hunter2")
    control.login("wall", "hunter2")
    stranger = control.service.hub.attach(ListTransport())
    stranger.receive(b"Action: Challenge\r\nAuthType: MD5\r\n\r\n")
    said = []
    for name, command in COMMANDS.items():
        for value in ("boss", "user:boss", stranger.id, "debug") if command.stream is None else ():
            said += [await control.asker.ask(name, **dict.fromkeys(command.arguments, value))]
    text = json.dumps(said)
    for secret in ("hunter2", "plain:", HASH, "the upstream secret", stranger.challenge.decode()):
        assert secret not in text


async def test_closing_the_server_ends_its_streams(control: Control) -> None:
    tracer = await control.connect()
    await tracer.result("trace", user="boss")
    await control.server.close()
    await tracer.ended()


async def test_a_reset_by_the_client_logs_no_error(control: Control) -> None:
    tracer = await control.connect()
    await tracer.result("trace", user="boss")
    sock: socket.socket = tracer.writer.get_extra_info("socket")
    assert sock.family == socket.AF_UNIX
    tracer.writer.transport.abort()
    assert (await control.asker.ask("status"))["ok"]
