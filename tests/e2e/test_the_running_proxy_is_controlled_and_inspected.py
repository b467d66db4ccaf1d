"""``ami-proxy ctl`` and the metrics endpoint, against the process."""

import asyncio
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from amiproxy.tools.simulator import Simulator
from tests.e2e.conftest import PASSWORDS, SECRET, USERS, Service
from tests.support.ports import free_port
from tests.support.proxy_process import hashed


@pytest.fixture
def metrics_port() -> int:
    return free_port()


@pytest.fixture
async def service(simulator: Simulator, make_service: Callable[..., Service], metrics_port: int) -> Service:
    built = make_service(
        simulator.port,
        control={"socket": "control.sock"},
        metrics={"address": f"127.0.0.1:{metrics_port}"},
    )
    await built.start_up()
    await built.linked()
    return built


async def ctl(service: Service, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "amiproxy", "ctl", "--config", str(service.config), *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=60, check=False
    )


async def asked(service: Service, *arguments: str) -> Any:
    done = await ctl(service, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def renew(service: Service) -> None:
    leaf = trustme.CA().issue_cert("localhost", "127.0.0.1")
    leaf.cert_chain_pems[0].write_to_path(str(service.directory / "server.crt"))
    leaf.private_key_pem.write_to_path(str(service.directory / "server.key"))


async def get(port: int, path: str) -> tuple[int, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]), body


async def test_the_control_socket_is_private_and_removed_at_the_end(service: Service) -> None:
    path = service.directory / "control.sock"
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    await asyncio.to_thread(service.stop)
    assert not path.exists()


async def test_a_socket_left_by_a_killed_proxy_is_replaced(service: Service) -> None:
    service.kill()
    assert (service.directory / "control.sock").exists()
    assert (await ctl(service, "status")).returncode == 3
    await service.start_up()
    assert (await asked(service, "status"))["state"] == "serving"


async def test_sessions_are_listed_and_kicked(service: Service) -> None:
    async with await service.client("boss") as boss, await service.client("caller") as caller:
        rows = await asked(service, "sessions")
        assert sorted(row["user"] for row in rows) == ["boss", "caller"]
        table = await ctl(service, "sessions")
        assert all(row["id"] in table.stdout for row in rows)
        one = await ctl(service, "session", next(row["id"] for row in rows if row["user"] == "boss"))
        assert "TLSv1.3" in one.stdout
        assert (await ctl(service, "kick", "user:caller")).stdout == "1 session ended\n"
        assert await caller.ended() == "end of stream"
        assert (await boss.action("Ping")).get("Response") == "Success"
    await service.said("reason=kicked")


async def test_a_reload_reports_what_changed(service: Service) -> None:
    service.write_users(
        {"boss": {**USERS["boss"], "read": ["call"]}, "new": {**USERS["blind"], "secret": hashed("n")}}
    )
    service.change(log={"level": "debug"})
    done = await ctl(service, "reload")
    assert done.returncode == 0, done.stderr
    assert [line.strip() for line in done.stdout.splitlines()] == [
        "reloaded",
        "changed log.level",
        "added user new",
        "removed user caller",
        "removed user blind",
        "changed user boss: read",
        "certificates unchanged, generation 1 (control)",
    ]
    await service.said("reloaded trigger=control users=2 changed=log.level users_added=new")


async def test_a_bad_reload_exits_with_every_problem(service: Service, metrics_port: int) -> None:
    service.change(colour="blue", log={"level": "loud"})
    done = await ctl(service, "reload")
    assert done.returncode == 1
    assert len(re.findall(r"proxy\.yaml:\d+: (?:colour|log\.level): ", done.stderr)) == 2
    assert "not reloaded" in done.stderr
    _, text = await get(metrics_port, "/metrics")
    assert "\namiproxy_config_ok 0.0\n" in text
    assert 'amiproxy_reloads_total{result="failed",trigger="control"} 1.0' in text
    status, body = await get(metrics_port, "/readyz")
    assert status == 200
    assert body.startswith("degraded\n")


async def test_changes_that_need_a_restart_are_named(service: Service) -> None:
    service.change(
        metrics={"address": "127.0.0.1:1"}, control={"socket": "other.sock"}, limits={"hash_threads": 5}
    )
    socket = ("--socket", str(service.directory / "control.sock"))
    command = [sys.executable, "-m", "amiproxy", "ctl", *socket, "reload"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    keys = re.findall(r"proxy\.yaml: (\S+): changes only with a restart", done.stderr)
    assert {"control.socket", "metrics.address", "limits.hash_threads"} <= set(keys)


async def test_a_new_certificate_is_served_without_a_command(service: Service) -> None:
    """By the watch, through the same path as every other change."""
    before = (await asked(service, "certs"))[0]["served"][0]["serial"]
    renew(service)
    await service.said("certificates outcome=swapped trigger=watch generation=2")
    after = (await asked(service, "certs"))[0]
    assert after["served"][0]["serial"] != before
    assert after["generation"] == 2
    assert after["waiting"] == []
    done = await ctl(service, "certs", "reload")
    assert "unchanged, generation 2 (control)" in done.stdout


async def test_trace_shows_a_user_and_no_secret(service: Service) -> None:
    command = [sys.executable, "-m", "amiproxy", "ctl", "--config", str(service.config), "trace", "boss"]
    # It flushes its output itself, so that an operator sees it at once.
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(20):
        assert (await process.stdout.readline()).startswith(b"tracing boss: 0 sessions")
        async with await service.client("boss") as boss:
            await boss.action("Setvar", Variable="PIN", Value="4711-hidden")
            await boss.action("DBPut", Family="f", Key="hidden-key", Val="hidden-val")
            seen = b""
            while b"hidden-val" not in seen and seen.count(b"Val: ***") < 1:
                seen += await process.stdout.readline()
            process.terminate()
            seen += await process.stdout.read()
    await process.wait()
    assert b"Action: Setvar" in seen
    assert b"Value: ***" in seen
    assert b"hidden" not in seen
    assert b"chief" not in seen


async def test_tail_shows_what_happens_and_ends_with_the_service(service: Service) -> None:
    ctl = (sys.executable, "-m", "amiproxy", "ctl", "--config", str(service.config))
    kinds = "login,denial,session,service"
    process = await asyncio.create_subprocess_exec(
        *ctl, "tail", "--json", "--kind", kinds, "-n", "0", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    lines: list[dict[str, Any]] = []

    async def read_to(event: str) -> dict[str, Any]:
        assert process.stdout is not None
        while not lines or lines[-1]["event"] != event:
            lines.append(json.loads(await process.stdout.readline()))
        return lines[-1]

    async with asyncio.timeout(60):
        # A login until the first is shown: the command takes a moment to connect.
        reading = asyncio.get_running_loop().create_task(read_to("login"))
        while not reading.done():
            async with await service.client("caller") as caller:
                answer = await caller.action("Setvar", Variable="PIN", Value="4711-hidden")
                assert answer.get("Response") == "Error"
                await asyncio.wait([reading], timeout=0.5)
        denied = await read_to("action-denied")
        assert (denied["kind"], denied["user"], denied["action"]) == ("denial", "caller", "Setvar")
        assert (await read_to("session-close"))["user"] == "caller"
        await asyncio.to_thread(service.stop)
        await read_to("stopping")
        rest, _ = await process.communicate()
        assert process.returncode == 3
    assert "hidden" not in str(lines) + rest.decode()


async def test_metrics_follow_events_and_actions(
    service: Service, simulator: Simulator, metrics_port: int
) -> None:
    async with await service.client("boss") as boss, await service.client("caller") as caller:
        await boss.action("CoreStatus")
        await caller.action("CoreShowChannels")
        simulator.broadcast(b"Event: Newchannel\r\nPrivilege: call,all\r\nChannel: x\r\n\r\n")
        await caller.wait_event("Newchannel")
        status, text = await get(metrics_port, "/metrics")
    assert status == 200
    for line in (
        'amiproxy_sessions{user="boss"} 1.0',
        'amiproxy_sessions{user="blind"} 0.0',
        'amiproxy_actions_total{action="CoreStatus",result="success",user="boss"} 1.0',
        'amiproxy_actions_total{action="CoreShowChannels",result="denied",user="caller"} 1.0',
        'amiproxy_action_seconds_count{action="CoreStatus",server="asterisk"} 1.0',
        'amiproxy_events_total{class="call",server="asterisk"} 1.0',
        'amiproxy_link_up{server="asterisk"} 1.0',
        'amiproxy_handshakes_total{version="TLSv1.3"}',
        'amiproxy_certificate_not_after_seconds{listener="127.0.0.1',
    ):
        assert f"\n{line}" in text, line
    assert (await get(metrics_port, "/readyz"))[1].startswith("ready\n")
    assert (await get(metrics_port, "/livez")) == (200, "alive\n")


async def test_no_output_for_operators_contains_a_secret(service: Service, metrics_port: int) -> None:
    async with await service.client("boss") as boss:
        await boss.action("Challenge", AuthType="MD5")
        (row,) = await asked(service, "sessions")
        shown = [(await get(metrics_port, path))[1] for path in ("/metrics", "/readyz", "/livez")]
        for verb in (
            "status",
            "sessions",
            f"session {row['id']}",
            "users",
            "upstream",
            "certs",
            "limits",
            "reload",
        ):
            for form in ((), ("--json",)):
                done = await ctl(service, *verb.split(), *form)
                shown += [done.stdout, done.stderr]
    text = "\n".join(shown)
    for secret in (SECRET, *PASSWORDS.values(), *(entry["secret"] for entry in USERS.values())):
        assert not re.search(rf"\b{re.escape(secret)}\b", text)


async def test_drain_answers_and_then_ends_the_process(service: Service) -> None:
    async with await service.client("boss") as boss:
        done = await ctl(service, "drain")
        assert done.stdout == "draining: 1 session, 0 actions in flight\n"
        await boss.wait_event("ProxyShutdown")
        assert await boss.ended() == "end of stream"
    assert await service.status() == 0
    assert not (service.directory / "control.sock").exists()


async def test_astmanproxys_own_actions_need_class_system(service: Service) -> None:
    async with await service.client("boss") as boss, await service.client("caller") as caller:
        for client, response in ((boss, "Success"), (caller, "Error")):
            client._transport.write(b"ProxyAction: ListSessions\r\n\r\n")  # type: ignore[union-attr]
            answer = await client.take(lambda message: message.get("ProxyResponse"), "the answer", 10)
            assert answer.get("ProxyResponse") == response
            assert (answer.get("ProxyClientSession") == "127.0.0.1") is (response == "Success")


async def test_an_endpoint_that_cannot_be_opened_ends_the_start(
    simulator: Simulator, make_service: Callable[..., Service], tmp_path: Path
) -> None:
    (tmp_path / "precious").write_text("x")
    service = make_service(simulator.port, control={"socket": str(tmp_path / "precious")})
    with pytest.raises(RuntimeError, match=r"exit status 1.*control\.socket: .*not a socket"):
        await service.start_up()
    assert (tmp_path / "precious").read_text() == "x"


async def test_the_umask_at_the_start_does_not_matter(
    simulator: Simulator, make_service: Callable[..., Service]
) -> None:
    before = os.umask(0)
    try:
        service = make_service(simulator.port, control={"socket": "control.sock"})
        await service.start_up()
    finally:
        os.umask(before)
    assert stat.S_IMODE((service.directory / "control.sock").lstat().st_mode) == 0o600
