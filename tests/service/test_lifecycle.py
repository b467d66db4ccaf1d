import contextlib
import re
import socket

import msgspec
import pytest
import yaml

from amiproxy.net.upstream.link import LinkState
from amiproxy.service import lifecycle
from amiproxy.tools.simulator import Simulator, User
from tests.service.running import SECRET, change, connect, running
from tests.support.proxy_process import ProxyProcess
from tests.support.waiting import until


async def test_the_status_gives_the_reason_for_a_missing_link(files: ProxyProcess) -> None:
    async with running(files) as app:
        await until(lambda: app.link.state is LinkState.DOWN)
        assert app.lifecycle.status().startswith("0 sessions, link down (")


async def test_every_part_is_ticked_once_a_second(
    files: ProxyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "_TICK_SECONDS", 0.01)
    async with running(files) as app:
        ticked: list[str] = []
        for name in ("hub", "pool", "upstreams"):
            monkeypatch.setattr(getattr(app, name), "tick", lambda now, name=name: ticked.append(name))
        await until(lambda: len(ticked) >= 6)
        assert ticked[:6] == ["hub", "pool", "upstreams"] * 2 or ticked[0] != "hub"


async def test_shutdown_is_announced_to_sessions(files: ProxyProcess) -> None:
    async with Simulator([User("proxy", SECRET)]) as simulator:
        upstream = yaml.safe_load(files.config.read_text())["upstream"]
        # An interval that no test waits for: it is sent at once.
        fan_out = {"flush_interval": 1, "flush_interval_max": 1}
        change(files, upstream={**upstream, "port": simulator.port}, fan_out=fan_out)
        async with running(files) as app:
            await until(lambda: app.link.state is LinkState.UP)
            async with await connect(files) as client:
                simulator.faults.stall()
                client.send("CoreStatus", ActionID="under way")
                await until(lambda: app.hub.servers.first.exchange.in_flight)
                app.stop()
                shutdown = await client.wait_event("ProxyShutdown")
                assert shutdown.get("Privilege") == "system,all"
                assert app.hub.servers.first.exchange.in_flight, "before the actions in flight are answered"
                assert app.lifecycle.status().startswith("draining: 1 session of 1 user, ")
                simulator.faults.resume()
                assert (await client.response("under way")).get("Response") == "Success"
                assert await client.ended() == "end of stream"


async def test_the_service_manager_is_asked_for_enough_time_to_stop(
    files: ProxyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "_TICK_SECONDS", 0.01)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(files.directory / "notify"))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(files.directory / "notify"))
        async with Simulator([User("proxy", SECRET)]) as simulator:
            upstream = yaml.safe_load(files.config.read_text())["upstream"]
            change(files, upstream={**upstream, "port": simulator.port}, limits={"stop_timeout": 120})
            async with running(files) as app:
                await until(lambda: app.link.state is LinkState.UP)
                async with await connect(files) as client:
                    simulator.faults.stall()
                    client.send("CoreStatus")
                    await until(lambda: app.hub.servers.first.exchange.in_flight)
                    app.stop()
                    extended: list[float] = []
                    began: list[bool] = []

                    def hear() -> int:
                        with contextlib.suppress(BlockingIOError):
                            while True:
                                message = manager.recv(65536).decode()
                                found = re.search(r"^EXTEND_TIMEOUT_USEC=(\d+)$", message, re.MULTILINE)
                                if found:
                                    extended.append(int(found[1]) / 1e6)
                                    began.append("STOPPING=1" in message)
                        return len(extended)

                    await until(lambda: hear() >= 3 and any(began))
                    simulator.faults.resume()
        # Sent once the stop begins; a tick may have asked for the time before.
        assert began.count(True) == 1
        assert 121 < min(extended) <= max(extended) < 130


async def test_ready_waits_for_asterisk_if_configured(
    files: ProxyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "_TICK_SECONDS", 0.01)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(files.directory / "notify"))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(files.directory / "notify"))
        upstream = yaml.safe_load(files.config.read_text())["upstream"]
        change(files, ready="upstream", limits={"reconnect_min": 0.05, "reconnect_max": 0.1})
        heard: list[bytes] = []

        def hear() -> list[bytes]:
            with contextlib.suppress(BlockingIOError):
                while True:
                    heard.append(manager.recv(65536))
            return heard

        async with running(files) as app:
            await until(lambda: any(b"link down" in message for message in hear()))
            assert not any(b"READY=1" in message for message in heard)
            async with Simulator([User("proxy", SECRET)]) as simulator:
                app.link.adopt(
                    msgspec.structs.replace(app.config.upstream, port=simulator.port), SECRET.encode()
                )
                await until(lambda: any(b"READY=1" in message for message in hear()))
                assert upstream["port"] != simulator.port
