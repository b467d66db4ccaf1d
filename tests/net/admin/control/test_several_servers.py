"""What the control socket says of several servers."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from amiproxy.core.model.limits import ServerLimits
from amiproxy.core.servers.servers import Configured
from amiproxy.net.upstream.link import LinkState
from tests.net.admin.control.asking import USERS, Control, serving
from tests.support.live_service import LiveService

SERVERS = Configured(("pbx1", "pbx2"), named=True, default="pbx2")
ALL = {"kinds": "", "user": "", "session": "", "server": "", "last": "0"}


@pytest.fixture
async def service(tmp_path: Path) -> LiveService:
    wall, boss, gone = (replace(user, servers=SERVERS.names) for user in USERS)
    wall = replace(wall, servers=("pbx1",))
    boss = replace(boss, narrowed={"pbx2": replace(boss, write=0)})
    return LiveService(tmp_path, wall, boss, gone, servers=SERVERS)


@pytest.fixture
async def control(service: LiveService, tmp_path: Path) -> AsyncIterator[Control]:
    async with serving(service, tmp_path) as made:
        yield made


async def test_status_has_the_links_of_each(control: Control) -> None:
    control.service.links["pbx1"].state = LinkState.UP
    found = await control.asker.result("status")
    assert "link" not in found
    assert [(one["server"], one["link"]["state"]) for one in found["servers"]] == [
        ("pbx1", "up"),
        ("pbx2", "connecting"),
    ]


async def test_upstream_has_each_with_its_own_counts(control: Control) -> None:
    one, two = control.service.hub.servers
    two.counts.action_timeouts = 7
    one.counts.unsolicited_responses = 2
    servers = (await control.asker.result("upstream"))["servers"]
    assert [(view["server"], view["default"], view["port"]) for view in servers] == [
        ("pbx1", False, 5038),
        ("pbx2", True, 5039),
    ]
    assert [(view["timeouts"], view["orphans"]) for view in servers] == [(0, 2), (7, 0)]


async def test_a_server_without_a_link_yet_is_left_out(control: Control) -> None:
    """During a reload, between two of its steps."""
    control.service.hub.add_servers(["pbx3"])
    assert len((await control.asker.result("upstream"))["servers"]) == 2
    assert len((await control.asker.result("status"))["servers"]) == 2


async def test_sessions_have_the_servers_that_they_see(control: Control) -> None:
    control.login("wall", "hunter2")
    control.login("boss/pbx2", "hunter2hunter2")
    wall, boss = await control.asker.result("sessions")
    assert (wall["servers"], boss["servers"]) == (["pbx1"], ["pbx2"])
    assert (await control.asker.result("session", id=boss["id"]))["servers"] == ["pbx2"]


async def test_users_have_their_servers_and_where_they_have_fewer_rights(control: Control) -> None:
    rows = {row["name"]: row for row in await control.asker.result("users")}
    assert (rows["wall"]["servers"], rows["wall"]["narrowed"]) == (["pbx1"], [])
    assert (rows["boss"]["servers"], rows["boss"]["narrowed"]) == (["pbx1", "pbx2"], ["pbx2"])


async def test_tail_of_one_leaves_out_the_others(control: Control, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "amiproxy")
    reader = await control.connect()
    await reader.result("tail", **{**ALL, "server": "PBX2"})
    control.login("wall", "hunter2")
    control.login("boss/pbx2", "hunter2hunter2")
    line = (await reader.hear())["result"]
    assert (line["event"], line["server"], line["user"]) == ("login", "pbx2", "boss")
    answer = await control.asker.ask("tail", **{**ALL, "server": "pbx3"})
    assert "pbx1, pbx2" in answer["error"]


async def test_limits_that_a_server_has_of_its_own_come_last(control: Control) -> None:
    service = control.service
    settings = service.config.servers["pbx2"]
    own = msgspec.structs.replace(settings, limits=ServerLimits(action_timeout=3.0))
    service.config = msgspec.structs.replace(service.config, servers={**service.config.servers, "pbx2": own})
    *_, last = await control.asker.result("limits")
    assert (last["server"], last["name"], last["value"]) == ("pbx2", "action_timeout", 3.0)
