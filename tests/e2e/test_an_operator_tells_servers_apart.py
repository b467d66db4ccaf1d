"""Every command and page for operators, while one of two servers works and the other comes and goes."""

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from amiproxy.tools.simulator import Settings, Simulator, User
from tests.support.ports import free_port
from tests.support.proxy_process import hashed
from tests.support.service import LIMITS, PASSWORDS, SECRET, USERS, Service
from tests.support.shelling import run, secret_file
from tests.support.waiting import until

pytestmark = pytest.mark.long

BOTH: dict[str, dict[str, Any]] = {
    "boss": {
        **USERS["boss"],
        "servers": ["*"],
        "default_server": "pbx1",
        "on": {"pbx2": {"write": ["call"]}},
    },
    "caller": {"secret": hashed(PASSWORDS["caller"]), "read": ["call"], "servers": ["pbx2"]},
}


class Site:
    """Two simulated Asterisks, and the proxy before them."""

    def __init__(self, one: Simulator, two: Simulator, service: Service, metrics: str) -> None:
        self.one, self.two, self.service = one, two, service
        self._metrics = metrics

    async def command(self, *words: str, given: str | None = None) -> "subprocess.CompletedProcess[str]":
        """Run ``ami-proxy`` with these words."""
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "amiproxy", *words],
            cwd=self.service.directory,
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    async def ctl(self, *words: str) -> Any:
        """The result of a command of the control socket."""
        done = await self.command("ctl", "--socket", "control.sock", "--json", *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    async def page(self, path: str) -> list[str]:
        """The lines of a page of the metrics port."""

        def fetch() -> bytes:
            with urllib.request.urlopen(f"http://{self._metrics}{path}", timeout=10) as answer:
                body: bytes = answer.read()
                return body

        return (await asyncio.to_thread(fetch)).decode().splitlines()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    users = [User("proxy", SECRET)]
    metrics = f"127.0.0.1:{free_port()}"
    async with (
        Simulator(users, Settings(login_delay=0.0, system_name="one")) as one,
        Simulator(users, Settings(login_delay=0.0, seed=2)) as two,
    ):
        shared = {"host": "127.0.0.1", "username": "proxy", "secret_file": "upstream.secret"}
        service = Service(
            tmp_path,
            ("", 0, "", SECRET),
            BOTH,
            limits=LIMITS,
            servers={"pbx1": {**shared, "port": one.port}, "pbx2": {**shared, "port": two.port}},
            control={"socket": "control.sock"},
            metrics={"address": metrics},
            ready="upstream",
        )
        try:
            await service.start_up()
            await service.linked(2)
            yield Site(one, two, service, metrics)
        finally:
            service.kill()
            assert "Traceback" not in service.stderr, service.stderr


async def test_a_server_that_is_lost_and_comes_back_is_named_everywhere(site: Site) -> None:
    assert {one["server"]: one["state"] for one in (await site.ctl("upstream"))["servers"]} == {
        "pbx1": "up",
        "pbx2": "up",
    }
    assert (await site.page("/readyz"))[0] == "ready"
    port = site.two.port
    await site.two.stop()
    await site.service.said("upstream-down server=pbx2")

    found = {one["server"]: one["link"] for one in (await site.ctl("status"))["servers"]}
    assert found["pbx1"] == {"state": "up", "reason": ""}
    assert found["pbx2"]["state"] != "up"
    assert found["pbx2"]["reason"]
    lines = await site.page("/readyz")
    assert lines[0] == "degraded", "ready: upstream needs one server, not all"
    assert "[+] upstream pbx1: up" in lines
    assert any(line.startswith("[!] upstream pbx2: ") for line in lines)
    metrics = await site.page("/metrics")
    assert {'amiproxy_link_up{server="pbx1"} 1.0', 'amiproxy_link_up{server="pbx2"} 0.0'} <= set(metrics)
    assert 'amiproxy_link_losses_total{server="pbx2"} 1.0' in metrics
    assert 'amiproxy_link_losses_total{server="pbx1"} 0.0' in metrics
    assert (await site.ctl("upstream", "pbx2"))["last_loss"] is not None
    table = await site.command("ctl", "--socket", "control.sock", "upstream", "pbx1")
    assert "last lost" not in table.stdout

    await site.two.start(port=port)
    await site.service.linked(3)
    await until(lambda: site.service.stderr.count("upstream-up server=pbx2") == 2)


async def test_sessions_and_users_show_their_servers(site: Site) -> None:
    async with (
        await site.service.client("boss"),
        await site.service.client("caller"),
        await site.service.connect() as bound,
    ):
        await bound.login("boss/pbx2", PASSWORDS["boss"])
        rows = await site.ctl("sessions")
        assert [(row["user"], row["servers"]) for row in rows] == [
            ("boss", ["pbx1", "pbx2"]),
            ("caller", ["pbx2"]),
            ("boss", ["pbx2"]),
        ]
        users = {row["name"]: (row["servers"], row["narrowed"]) for row in await site.ctl("users")}
        assert users == {"boss": (["pbx1", "pbx2"], ["pbx2"]), "caller": (["pbx2"], [])}
        kicked = await site.command("ctl", "--socket", "control.sock", "kick", "boss")
        assert kicked.returncode == 1
        assert "kick user:boss" in kicked.stderr


async def test_the_doctor_and_explain_know_the_servers(site: Site) -> None:
    told = await site.command("doctor", "--config", "proxy.yaml")
    for server in ("pbx1", "pbx2"):
        assert f"ok    {server:<13} logged in as proxy" in told.stdout
    assert "systemname is empty at pbx2" not in told.stdout, "one that is empty is unlike the others"
    getvar = "Action: Getvar\nVariable: A\nServer: {}\n"
    for server, status in (("pbx1", 0), ("PBX2", 0), ("pbx3", 1)):
        done = await site.command(
            *("explain", "--config", "proxy.yaml", "--user", "boss"), given=getvar.format(server)
        )
        assert done.returncode == status, done.stdout


async def test_the_shell_names_and_chooses_servers(site: Site) -> None:
    service = site.service
    arguments = ["--to", f"localhost:{service.port}", "--ca", str(service.cafile), "--user", "boss"]
    options = secret_file(service.directory, PASSWORDS["boss"])
    script = "\\server\nQueueStatus\n\\server pbx2\nCoreStatus\n\\server all\nCoreStatus\n"
    options.append("--keep-going")
    status, out, _ = await run(service.directory, *arguments, *options, "--json", stdin=script)
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["Server"] for line in lines if line.get("Event") == "ProxyServer"] == ["pbx1", "pbx2"]
    assert {line["Server"] for line in lines if line.get("Event") == "QueueParams"} == {"pbx1", "pbx2"}
    denied, allowed = [line for line in lines if "Response" in line and "EventList" not in line]
    assert (denied["Response"], denied["Server"]) == ("Error", "pbx2")
    assert (allowed["Response"], allowed["Server"]) == ("Success", "pbx1")
    assert status == 1


async def test_the_shell_says_which_servers_can_be_chosen(site: Site) -> None:
    service = site.service
    arguments = ["--to", f"localhost:{service.port}", "--ca", str(service.cafile)]
    options = [*secret_file(service.directory, PASSWORDS["boss"]), "--keep-going"]
    # Nothing has named a server before, and pbx1 alone has afterwards.
    script = "\\server PBX2\nCoreStatus\n\\server all\nCoreStatus\n\\server pbx2\nCoreStatus\n\\server pbx3\n"
    status, out, told = await run(
        service.directory, *arguments, "--user", "boss", *options, "--json", stdin=script
    )
    assert [json.loads(line)["Server"] for line in out.splitlines()] == ["pbx2", "pbx1", "pbx2"]
    assert "pbx1, pbx2" in told
    assert status == 1
    for line in ("\\server", "\\server pbx1"):
        status, out, told = await run(
            service.directory, *arguments, "--user", "boss/pbx1", *options, "-c", line
        )
        assert (status, out) == (1, "")
        assert "one server" in told
