"""``ami-proxy check --against-running`` beside a process that serves clients."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from amiproxy.tools.simulator import Simulator
from tests.support.ports import free_port
from tests.support.proxy_process import hashed
from tests.support.requirements import need_root
from tests.support.service import LIMITS, SECRET, USERS, Service
from tests.support.waiting import until

MD5_SECRET = "recoverable-and-long-enough"
PIN = "secret-pin-9876"
MORE_USERS: dict[str, dict[str, Any]] = {
    **USERS,
    "legacy": {"md5_secret": MD5_SECRET, "read": [], "setvar": {"PIN": PIN}},
}


@pytest.fixture
async def service(simulator: Simulator, make_service: Callable[..., Service]) -> Service:
    built = make_service(simulator.port, control={"socket": "control.sock"})
    built.write_users(MORE_USERS)
    await built.start_up()
    await built.linked()
    return built


async def check(service: Service, *arguments: str, version: str = "") -> "subprocess.CompletedProcess[str]":
    program = "import sys, amiproxy\n"
    if version:
        program += f"amiproxy.__version__ = {version!r}\n"
    program += "from amiproxy.cli import main\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "check", "--config", str(service.config), "--against-running"]
    return await asyncio.to_thread(
        subprocess.run, [*command, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


async def result(service: Service, status: int, *arguments: str, version: str = "") -> dict[str, Any]:
    done = await check(service, "--json", *arguments, version=version)
    assert done.returncode == status, done
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def change_everything(service: Service) -> None:
    """One change of each kind that a reload applies."""
    users = {
        **MORE_USERS,
        "boss": {**USERS["boss"], "secret": hashed("another")},
        "caller": {**USERS["caller"], "read": ["call", "cdr"], "scope": {"channels": ["PJSIP/1"]}},
        "new": {"secret": hashed("new"), "read": "all"},
        "legacy": {**MORE_USERS["legacy"], "setvar": {"PIN": "another-pin"}},
    }
    users["seeing"] = users.pop("blind")
    service.write_users(users)
    service.change(limits={**LIMITS, "connections": 1500}, log={"level": "debug"})


async def test_nothing_differs_after_the_start(service: Service) -> None:
    found = await result(service, 0)
    assert found["result"] == "same"
    text = await check(service)
    assert text.returncode == 0
    assert max(map(len, text.stdout.splitlines())) <= max(80, len(str(service.config)) + 60)


async def test_what_it_says_is_what_the_reload_does(service: Service) -> None:
    boss = [await service.client("boss") for _ in range(2)]
    caller = await service.client("caller")
    change_everything(service)
    found = await result(service, 0)
    assert found["result"] == "reload"
    assert {one["key"]: (one["old"], one["new"]) for one in found["settings"]} == {
        "limits.connections": (1024, 1500),
        "log.level": ("info", "debug"),
    }
    users = {user["name"]: user for user in found["users"]}
    assert {name: user["kind"] for name, user in users.items()} == {
        "boss": "changed",
        "caller": "changed",
        "new": "added",
        "legacy": "changed",
        "seeing": "renamed",
    }
    assert users["boss"]["closes"] == {"credentials changed": 2}
    assert users["boss"]["keys"] == [{"key": "secret", "old": None, "new": None, "hidden": True}]
    assert users["caller"]["directions"] == {"read": "wider", "scope": "narrower"}
    assert users["caller"]["may_get_fewer_events"]
    assert users["legacy"]["keys"] == [{"key": "setvar.PIN", "old": None, "new": None, "hidden": True}]
    assert " reloaded " not in service.stderr
    # Now for real.
    service.signal(1)
    await service.said(" reloaded ")
    for client in boss:
        await client.ended()
    assert (await caller.action("Ping")).get("Response") == "Success"
    assert (await result(service, 0))["result"] == "same"


async def test_no_secret_and_no_fingerprint_is_shown_sent_or_logged(service: Service) -> None:
    for changed in (False, True):
        if changed:
            change_everything(service)
            (service.directory / "upstream.secret").write_text("another secret of the link\n")
        async with recorded(service) as (path, passed):
            outputs = [await check(service, "--socket", path, *more) for more in ((), ("--json",))]
        assert [done.returncode for done in outputs] == [0, 0]
        assert b'"configuration"' in passed
        shown = "".join(done.stdout + done.stderr for done in outputs)
        hashes = [user["secret"] for user in MORE_USERS.values() if "secret" in user]
        secrets = [SECRET, MD5_SECRET, PIN, "another secret", "another-pin", *hashes]
        for secret in (*secrets, *(secret.rpartition("$")[2] for secret in hashes)):
            assert secret.encode() not in passed
            assert secret not in shown
            assert secret not in service.stderr
        assert "fingerprint" not in shown + service.stderr
        for line in passed.splitlines():
            key = json.loads(line).get("arguments", {}).get("key")
            assert key is None or key not in service.stderr


@asynccontextmanager
async def recorded(service: Service) -> AsyncIterator[tuple[str, bytearray]]:
    """A socket that leads to the control socket, and all bytes that pass through it in both directions."""
    passed = bytearray()
    path = service.directory / "recorded.sock"

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            passed.extend(data)
            writer.write(data)
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_unix_connection(str(service.directory / "control.sock"))
        await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))

    server = await asyncio.start_unix_server(connected, str(path))
    try:
        yield str(path), passed
    finally:
        server.close()


async def test_a_change_that_takes_a_restart_has_its_own_status(service: Service) -> None:
    port = free_port()
    listeners = yaml.safe_load(service.config.read_text())["listeners"]
    service.change(
        metrics={"address": "127.0.0.1:0"},
        listeners=[{**listeners[0], "address": f"127.0.0.1:{port}"}],
        limits={**LIMITS, "hash_threads": 4},
    )
    await service.client("boss")
    found = await result(service, 4)
    assert found["result"] == "restart"
    assert found["sessions"] == 1
    taking = {one["key"]: (one["old"], one["new"]) for one in found["settings"] if one["takes_restart"]}
    assert taking["limits.hash_threads"] == (2, 4)
    assert taking["listeners[0].address"] == (f"127.0.0.1:{service.port}", f"127.0.0.1:{port}")
    assert taking["metrics"][0] is None
    assert "restart" in (await check(service)).stdout
    # The reload refuses exactly those.
    service.signal(1)
    await until(
        lambda: service.stderr.count(" reload-failed ") == len(taking), lambda: service.stderr[-3000:]
    )


async def test_files_that_cannot_be_used_are_refused_without_asking_the_service(service: Service) -> None:
    service.change(colour="blue")
    found = await result(service, 1)
    assert found["result"] == "refused"
    assert "colour" in found["refused"][0]
    assert "configuration" not in service.stderr


async def test_a_narrower_certificate_is_refused_if_the_configuration_says_so(
    simulator: Simulator, make_service: Callable[..., Service]
) -> None:
    service = make_service(simulator.port, control={"socket": "control.sock"}, tls={"lost_names": "refuse"})
    await service.start_up()
    before = await result(service, 0)
    leaf = trustme.CA().issue_cert("localhost")
    leaf.cert_chain_pems[0].write_to_path(str(service.directory / "server.crt"))
    leaf.private_key_pem.write_to_path(str(service.directory / "server.key"))
    found = await result(service, 1)
    assert any("ip:127.0.0.1" in line for line in found["refused"])
    (certificate,) = found["certificates"]
    assert certificate["old"]["names"] == ["dns:localhost", "ip:127.0.0.1"]
    assert certificate["new"]["names"] == ["dns:localhost"]
    assert certificate["old"]["sha256"] != certificate["new"]["sha256"]
    assert before["certificates"] == []


async def test_a_file_that_only_root_can_read_is_refused_as_by_the_service(
    simulator: Simulator, make_service: Callable[..., Service]
) -> None:
    need_root("only root can run it with other rights than the check")
    service = make_service(simulator.port, control={"socket": "control.sock"})
    service.wrapper = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    await service.start_up()
    os.chown(service.directory / "users.yaml", 65534, 65534)
    found = await result(service, 1)
    assert [("users.yaml" in line, "ermission" in line) for line in found["refused"]] == [(True, True)], found


async def test_another_version_takes_a_restart_even_if_nothing_else_differs(service: Service) -> None:
    found = await result(service, 4, version="99.0")
    assert found["versions"]["checking"] == "99.0"
    assert {one["name"]: one["new"] for one in found["program"]} == {"version": "99.0"}
    assert found["settings"] == []
    text = await check(service, version="99.0")
    assert text.returncode == 4
    assert "99.0" in text.stdout


async def test_without_a_service_the_status_is_that_of_ctl(service: Service, tmp_path: Path) -> None:
    done = await check(service, "--socket", str(tmp_path / "none.sock"))
    assert done.returncode == 3
    assert "none.sock" in done.stderr
    service.stop()
    assert (await check(service, "--json")).returncode == 3
