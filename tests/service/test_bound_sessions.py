"""Sessions that are bound to one of two servers, through listeners and reloads of the whole service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import yaml

from amiproxy.net.upstream.link import LinkState
from amiproxy.service.app import App
from amiproxy.tools.simulator import Settings, Simulator, User
from tests.service.running import SECRET, change, running
from tests.support.ami_client import AmiClient
from tests.support.ports import free_port
from tests.support.proxy_process import ProxyProcess, hashed
from tests.support.waiting import until

EVERYWHERE = {
    "secret": hashed("s"),
    "read": "all",
    "write": "all",
    "servers": ["*"],
    "default_server": "pbx1",
}
ONE = {"secret": hashed("s"), "read": "all", "write": "all", "servers": ["pbx2"]}


class Site:
    """The proxy in front of two servers, with a listener for both and one for pbx2."""

    def __init__(self, files: ProxyProcess, app: App, servers: dict[str, Any]) -> None:
        self._files = files
        self.app = app
        self.servers = servers

    async def session(self, name: str, listener: int = 0) -> AmiClient:
        """A client that has tried to log in."""
        host, port = self.app.addresses[listener]
        client = await AmiClient.connect(host, port, tls=self._files.context, server_hostname="localhost")
        self.answer = await client.login(name, "s", Events="off")
        return client

    async def reload(self, users: dict[str, Any], **settings: Any) -> None:
        (self._files.directory / "users.yaml").write_text(yaml.safe_dump({"users": users}))
        change(self._files, **settings)
        report = await self.app.reload("test")
        assert report.succeeded, report.problems


async def place_of(client: AmiClient) -> str | None:
    """The system name of the server that answers the client."""
    return (await client.action("CoreSettings")).get("SystemName")


@pytest.fixture
async def site(files: ProxyProcess) -> AsyncIterator[Site]:
    async with both() as servers:
        pair = [{"chain": "server.crt", "key": "server.key"}]
        configuration = yaml.safe_load(files.config.read_text())
        del configuration["upstream"]
        files.config.write_text(yaml.safe_dump(configuration))
        change(
            files,
            servers=servers,
            listeners=[
                {"address": f"127.0.0.1:{files.port}", "certificates": pair},
                {"address": f"127.0.0.1:{free_port()}", "certificates": pair, "server": "pbx2"},
            ],
        )
        (files.directory / "users.yaml").write_text(
            yaml.safe_dump({"users": {"boss": EVERYWHERE, "one": ONE}})
        )
        async with running(files) as app:
            await until(lambda: all(link.state is LinkState.UP for link in app.links.values()))
            yield Site(files, app, servers)


@asynccontextmanager
async def both() -> AsyncIterator[dict[str, Any]]:
    """The settings of two servers that run."""
    user = User("proxy", SECRET)
    async with (
        Simulator([user], Settings(system_name="pbx1")) as first,
        Simulator([user], Settings(system_name="pbx2")) as second,
    ):
        shared = {"host": "127.0.0.1", "username": "proxy", "secret_file": "upstream.secret"}
        yield {"pbx1": {**shared, "port": first.port}, "pbx2": {**shared, "port": second.port}}


@pytest.mark.parametrize(
    ("name", "listener", "expected"),
    [
        ("boss/pbx1", 0, "pbx1"),
        ("boss/PBX2", 0, "pbx2"),
        ("boss", 1, "pbx2"),
        ("boss/pbx2", 1, "pbx2"),
        ("one", 0, "pbx2"),
        ("one", 1, "pbx2"),
    ],
)
async def test_a_session_is_served_by_the_server_that_it_is_bound_to(
    site: Site, name: str, listener: int, expected: str
) -> None:
    async with await site.session(name, listener) as client:
        assert site.answer.get("Response") == "Success"
        settings = await client.action("CoreSettings")
        assert settings.get("SystemName") == expected
        assert settings.get("Server") is None


@pytest.mark.parametrize(("name", "listener"), [("boss/pbx1", 1), ("boss/pbx9", 0), ("one/pbx1", 0)])
async def test_a_server_that_is_not_permitted_is_answered_as_a_wrong_secret(
    site: Site, name: str, listener: int
) -> None:
    async with await site.session(name, listener):
        assert site.answer.get("Message") == "Authentication failed"


async def test_a_listener_may_be_bound_to_another_server_by_a_reload(site: Site) -> None:
    listeners = yaml.safe_load(site._files.config.read_text())["listeners"]
    listeners[1]["server"] = "pbx1"
    async with await site.session("boss", 1) as before:
        await site.reload({"boss": EVERYWHERE}, listeners=listeners)
        async with await site.session("boss", 1) as after:
            assert [await place_of(before), await place_of(after)] == ["pbx2", "pbx1"]
        del listeners[1]["server"]
        await site.reload({"boss": EVERYWHERE}, listeners=listeners)
        async with await site.session("boss/pbx1", 1) as anywhere:
            assert await place_of(anywhere) == "pbx1"


async def test_a_reload_ends_the_sessions_of_a_removed_server_and_no_others(site: Site) -> None:
    listeners = yaml.safe_load(site._files.config.read_text())["listeners"]
    listeners[1]["server"] = "pbx1"
    async with await site.session("boss/pbx1") as stays, await site.session("boss/pbx2") as ends:
        await site.reload({"boss": EVERYWHERE}, servers={"pbx1": site.servers["pbx1"]}, listeners=listeners)
        await ends.ended()
        assert await place_of(stays) == "pbx1"
        assert list(site.app.links) == ["pbx1"]
        assert site.app.hub.stats.closes == {"server removed": 1}


async def test_a_server_that_a_reload_adds_serves_new_sessions(site: Site) -> None:
    async with await site.session("boss/pbx1") as before:
        settings = {**site.servers, "pbx3": {**site.servers["pbx2"]}}
        await site.reload({"boss": EVERYWHERE, "one": {**ONE, "servers": ["pbx3"]}}, servers=settings)
        await until(lambda: site.app.links["pbx3"].state is LinkState.UP)
        async with await site.session("one") as client:
            assert await place_of(client) == "pbx2", "it is the same Asterisk under another name"
        assert await place_of(before) == "pbx1"


async def test_a_user_loses_its_sessions_at_a_server_that_it_may_not_use_any_more(site: Site) -> None:
    async with await site.session("boss/pbx1") as stays, await site.session("boss/pbx2") as ends:
        await site.reload({"boss": {**EVERYWHERE, "servers": ["pbx1"]}, "one": ONE})
        await ends.ended()
        assert await place_of(stays) == "pbx1"
        assert site.app.hub.stats.closes == {"server not permitted": 1}


async def test_fewer_rights_at_one_server_apply_to_sessions_there_at_once(site: Site) -> None:
    async with await site.session("boss/pbx1") as wide, await site.session("boss/pbx2") as narrow:
        await site.reload({"boss": {**EVERYWHERE, "on": {"pbx2": {"write": []}}}, "one": ONE})
        assert (await wide.action("CoreSettings")).get("Response") == "Success"
        assert (await narrow.action("CoreSettings")).get("Message") == "Permission denied"


async def test_a_configuration_with_one_server_may_become_one_with_several(files: ProxyProcess) -> None:
    async with both() as servers:
        change(files, upstream=servers["pbx1"])
        (files.directory / "users.yaml").write_text(
            yaml.safe_dump({"users": {"boss": {k: EVERYWHERE[k] for k in ("secret", "read", "write")}}})
        )
        async with running(files) as app:
            await until(lambda: app.link.state is LinkState.UP)
            site = Site(files, app, servers)
            async with await site.session("boss") as before:
                assert await place_of(before) == "pbx1"
                configuration = yaml.safe_load(files.config.read_text())
                del configuration["upstream"]
                files.config.write_text(yaml.safe_dump(configuration))
                await site.reload({"boss": EVERYWHERE}, servers=servers)
                await before.ended()
            await until(lambda: all(link.state is LinkState.UP for link in app.links.values()))
            async with await site.session("boss/pbx2") as after:
                assert await place_of(after) == "pbx2"


async def test_rights_of_a_server_that_changes_place_do_not_apply_at_its_old_one(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, linked = site.app.hub, []
    adopting = hub.adopting

    def watched(*args: Any) -> Any:
        linked.extend(server.exchange.linked for server in hub.servers)
        return adopting(*args)

    monkeypatch.setattr(hub, "adopting", watched)
    swapped = {"pbx1": site.servers["pbx2"], "pbx2": site.servers["pbx1"]}
    async with await site.session("boss/pbx1") as client:
        assert await place_of(client) == "pbx1"
        await site.reload({"boss": {**EVERYWHERE, "upstream_lost": "stay"}}, servers=swapped)
        assert linked == [False, False]
    await until(lambda: all(link.state is LinkState.UP for link in site.app.links.values()))
    async with await site.session("boss/pbx1") as client:
        assert await place_of(client) == "pbx2"
