"""The verbs of ``ami-proxy users`` that change users, against the process that serves them."""

import asyncio
import subprocess
import sys
from collections.abc import Callable

import pytest
import yaml

from amiproxy.tools.simulator import Simulator
from tests.e2e.conftest import PASSWORDS, Service
from tests.support.ami_client import AmiClient
from tests.support.ports import free_port


@pytest.fixture
async def service(simulator: Simulator, make_service: Callable[..., Service]) -> Service:
    built = make_service(simulator.port, control={"socket": "control.sock"})
    await built.start_up()
    await built.linked()
    return built


async def users(
    service: Service, *arguments: str, stdin: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "amiproxy", "users", *arguments, "--config", str(service.config)]
    return await asyncio.to_thread(
        subprocess.run, command, input=stdin, capture_output=True, timeout=60, check=False
    )


async def changed(service: Service, *arguments: str, stdin: bytes = b"") -> str:
    """What the command printed; it must succeed."""
    done = await users(service, *arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


async def may_log_in(service: Service, user: str, secret: str) -> bool:
    client = await service.connect()
    answer = await client.login(user, secret)
    await client.close()
    return answer.get("Response") == "Success"


async def closed(service: Service, client: AmiClient, reason: str) -> None:
    """The session has ended, and the log says why."""
    await client.ended()
    await service.said(f'reason="{reason}"')


async def test_a_disabled_users_sessions_close_at_once_until_it_is_enabled(service: Service) -> None:
    async with await service.client("caller") as caller:
        said = await changed(service, "disable", "CALLER")
        assert "1 session of CALLER closed" in said
        await closed(service, caller, "user disabled")
    assert not await may_log_in(service, "caller", PASSWORDS["caller"])
    assert "reloaded" in await changed(service, "enable", "caller")
    assert await may_log_in(service, "caller", PASSWORDS["caller"])


async def test_a_removed_users_sessions_close_and_others_stay(service: Service) -> None:
    async with await service.client("caller") as caller, await service.client("boss") as boss:
        await changed(service, "remove", "caller")
        await closed(service, caller, "user removed")
        assert (await boss.action("Ping")).get("Response") == "Success"


async def test_a_new_secret_replaces_the_old_one_in_the_service(service: Service) -> None:
    async with await service.client("caller") as caller:
        await changed(service, "passwd", "caller", stdin=b"an0ther\n")
        await closed(service, caller, "credentials changed")
    assert await may_log_in(service, "caller", "an0ther")
    assert not await may_log_in(service, "caller", PASSWORDS["caller"])


async def test_a_renamed_user_logs_in_with_the_same_secret(service: Service) -> None:
    async with await service.client("caller") as caller:
        await changed(service, "rename", "caller", "dialer")
        await closed(service, caller, "user removed")
    assert await may_log_in(service, "dialer", PASSWORDS["caller"])
    assert not await may_log_in(service, "caller", PASSWORDS["caller"])


async def test_an_added_user_can_log_in_at_once(service: Service) -> None:
    await changed(service, "add", "new", "--read", "call", stdin=b"s3cret\n")
    assert await may_log_in(service, "new", "s3cret")


async def test_rights_change_in_open_sessions(service: Service) -> None:
    async def is_denied(client: AmiClient) -> bool:
        answer = await client.action("QueuePause", Interface="PJSIP/1", Paused="true")
        return answer.get("Message") == "Permission denied"

    async with await service.client("blind") as blind:
        assert await is_denied(blind)
        said = await changed(service, "allow", "blind", "--write", "agent")
        assert "1 session of blind continued" in said
        assert not await is_denied(blind)
        await changed(service, "deny", "blind", "--actions", "QueuePause")
        assert await is_denied(blind)


async def test_without_a_reload_nothing_changes_in_the_service(service: Service) -> None:
    async with await service.client("caller") as caller:
        await changed(service, "disable", "caller", "--no-reload")
        assert (await caller.action("Ping")).get("Response") == "Success"
    assert await may_log_in(service, "caller", PASSWORDS["caller"])


async def test_a_change_that_the_service_refuses_is_written_and_explained(service: Service) -> None:
    configuration = yaml.safe_load(service.config.read_text())
    configuration["listeners"][0]["address"] = f"127.0.0.1:{free_port()}"
    service.config.write_text(yaml.safe_dump(configuration))
    async with await service.client("caller") as caller:
        done = await users(service, "disable", "caller")
        assert done.returncode == 1
        assert b"listeners[0].address" in done.stderr
        assert b"ami-proxy ctl reload" in done.stderr
        assert (await caller.action("Ping")).get("Response") == "Success"
    assert yaml.safe_load((service.directory / "users.yaml").read_text())["users"]["caller"]["disabled"]


async def test_a_change_while_no_service_runs_succeeds(service: Service) -> None:
    await asyncio.to_thread(service.stop)
    said = await changed(service, "disable", "caller")
    assert "no service runs" in said
    await service.start_up()
    assert not await may_log_in(service, "caller", PASSWORDS["caller"])
