"""``ctl fleet``, and the fleet in ``ctl status``."""

from pathlib import Path
from typing import Any

import pytest

from tests.net.admin.control.asking import USERS, serving
from tests.support.fleets import AGENT, EDGE, FakeFleet
from tests.support.live_service import LiveService


async def test_a_proxy_on_its_own_has_no_role(tmp_path: Path) -> None:
    async with serving(LiveService(tmp_path, *USERS), tmp_path) as control:
        assert await control.asker.result("fleet") == {"role": None}
        assert "fleet" not in await control.asker.result("status")


@pytest.mark.parametrize("says", [EDGE, AGENT], ids=["edge", "agent"])
async def test_it_is_shown_as_the_fleet_tells_it(tmp_path: Path, says: dict[str, Any]) -> None:
    service = LiveService(tmp_path, *USERS)
    service.fleet = FakeFleet(says)
    async with serving(service, tmp_path) as control:
        assert await control.asker.result("fleet") == says
        summary = (await control.asker.result("status"))["fleet"]
    assert (summary["role"], summary["name"]) == (says["role"], says["name"])
    assert summary["engines"]["events"] == {"state": "connected", "reason": ""}
    assert summary["engines"]["actions"] == {"state": "connecting", "reason": "connection refused"}
