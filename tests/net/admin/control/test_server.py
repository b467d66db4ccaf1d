import asyncio
import json
import os
import socket
from pathlib import Path

import pytest

from amiproxy.net.admin.control import COMMANDS, Permission
from amiproxy.net.admin.control.commands import Arguments, Command
from amiproxy.net.admin.control.server import permission_of
from amiproxy.net.admin.localsocket import Credentials
from amiproxy.net.admin.service import Service
from tests.net.admin.control.asking import HASH, Control, serving
from tests.support.core_doubles import ListTransport
from tests.support.live_service import LiveService
from tests.support.waiting import until


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
        assert "8 streams (tail, trace, learn)" in (await ninth.ask("trace", user="boss"))["error"]
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


async def test_no_secret_is_in_any_answer(control: Control) -> None:
    control.login("boss", "hunter2hunter2")
    control.login("wall", "hunter2")
    stranger = control.service.hub.attach(ListTransport())
    stranger.receive(b"Action: Challenge\r\nAuthType: MD5\r\n\r\n")
    said = []
    for name, command in COMMANDS.items():
        for value in ("boss", "user:boss", stranger.id, "debug") if command.stream is None else ():
            said += [await control.asker.ask(name, **dict.fromkeys(command.arguments, value))]
    configuration = await control.connect()
    said += [await configuration.ask("configuration", key="5a" * 32)]
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
