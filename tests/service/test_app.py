import asyncio
import json
import socket
from collections.abc import Callable

import pytest
import yaml

from amiproxy.net.upstream.link import LinkState
from amiproxy.service import app as module
from amiproxy.tools.simulator import Simulator, User
from tests.service.running import SECRET, change, connect, running, start_fails
from tests.support.ports import free_port
from tests.support.proxy_process import ProxyProcess, hashed
from tests.support.waiting import until


async def test_an_unused_passed_socket_is_closed_and_logged(
    files: ProxyProcess, monkeypatch: pytest.MonkeyPatch, log_text: Callable[[], str]
) -> None:
    spare = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setattr(module, "inherited_sockets", lambda: {"metrics": [spare]})
    async with running(files):
        assert spare.fileno() == -1
        assert "socket-unused name=metrics" in log_text()


async def test_it_serves_and_reports_its_state(files: ProxyProcess, log_text: Callable[[], str]) -> None:
    async with Simulator([User("proxy", SECRET)]) as simulator:
        upstream = yaml.safe_load(files.config.read_text())["upstream"]
        change(files, upstream={**upstream, "port": simulator.port})
        async with running(files) as app:
            await until(lambda: app.link.state is LinkState.UP)
            until_when = app.stores[0].current.pairs[0].facts.not_after
            assert app.lifecycle.status() == f"0 sessions, link up, certificate until {until_when:%Y-%m-%d}"
            async with await connect(files) as client:
                assert app.lifecycle.status().startswith("1 session of 1 user, link up, certificate until ")
                assert (await client.action("CoreStatus")).get("Response") == "Success"
                app.stop()
                assert await client.ended() == "end of stream"
    assert f"listeners=127.0.0.1:{files.port}" in log_text()
    assert log_text().rstrip().endswith(" stopped")
    assert SECRET not in log_text()


async def test_an_exception_in_a_callback_is_one_line_of_the_log(
    files: ProxyProcess, log_text: Callable[[], str]
) -> None:
    async with running(files) as app:
        loop = asyncio.get_running_loop()

        def fault() -> None:
            raise RuntimeError("broken\nlogin user=root")

        loop.call_soon(fault)
        loop.call_exception_handler({"message": "without an exception"})
        await until(lambda: log_text().count(" error fault ") == 2)
        (line,) = [line for line in log_text().splitlines() if "broken" in line]
        assert r"RuntimeError: broken\x0alogin user=root" in line
        assert app.lifecycle.status()


@pytest.mark.parametrize(
    ("limits", "remembered"),
    [({}, 1), ({"hash_cache_timeout": 0}, 0)],
    ids=["default", "hash_cache_timeout"],
)
async def test_the_cache_of_matched_secrets_follows_its_limits(
    files: ProxyProcess, limits: dict[str, int], remembered: int
) -> None:
    users = {name: {"secret": hashed(name), "read": "all"} for name in ("anna", "bo")}
    (files.directory / "users.yaml").write_text(yaml.safe_dump({"users": users}))
    change(files, limits=limits)
    async with running(files) as app:
        for name in ("anna", "bo", "anna"):
            async with await files.connect() as client:
                assert (await client.login(name, name)).get("Response") == "Success"
        assert app._verifier.remembered == remembered


async def test_control_and_metrics_open_and_close_with_the_service(files: ProxyProcess) -> None:
    port = free_port()
    change(files, control={"socket": "c.sock"}, metrics={"address": f"127.0.0.1:{port}"})
    path = files.directory / "c.sock"
    async with running(files):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b'{"command": "status"}\n')
        assert json.loads(await reader.readline())["result"]["state"] == "serving"
        writer.close()
        await writer.wait_closed()
        with socket.create_connection(("127.0.0.1", port)):
            pass
    assert not path.exists()


async def test_a_control_socket_that_cannot_be_created_prevents_the_start(files: ProxyProcess) -> None:
    change(files, control={"socket": "upstream.secret"})
    assert (await start_fails(files)).startswith("control.socket: ")
    with socket.create_server(("127.0.0.1", files.port)):
        pass
