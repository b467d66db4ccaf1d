"""What keeps clients out is not ready; what only needs attention is degraded."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from proxy.net import health
from proxy.net.health import Grade, readiness
from proxy.net.link import LinkState
from proxy.net.reloads import ReloadReport
from tests.support.live_service import LiveService


@pytest.fixture
async def service(tmp_path: Path) -> LiveService:
    made = LiveService(tmp_path)
    made.link.state = LinkState.UP
    return made


def lines(service: LiveService) -> list[str]:
    return [str(check) for check in readiness(service)[1]]


async def test_all_is_well(service: LiveService) -> None:
    grade, checks = readiness(service)
    assert grade is Grade.GOOD
    assert [check.name for check in checks] == [
        "listeners",
        "certificate of 127.0.0.1:5039",
        "configuration",
        "upstream",
    ]
    assert lines(service)[0] == "[+] listeners: 2 open"


async def test_stopping_is_not_ready(service: LiveService) -> None:
    service.draining = True
    assert readiness(service)[0] is Grade.BAD
    assert "[-] listeners: stopping" in lines(service)


async def test_a_refused_reload_is_degraded(service: LiveService) -> None:
    service.reloads.last = ReloadReport(False, "SIGHUP", 0.0, ("wrong",))
    assert readiness(service)[0] is Grade.DEGRADED


@pytest.mark.parametrize(("ready", "grade"), [("listening", Grade.DEGRADED), ("upstream", Grade.BAD)])
async def test_without_asterisk_it_depends(service: LiveService, ready: str, grade: Grade) -> None:
    service.config = msgspec.structs.replace(service.config, ready=ready)
    assert readiness(service)[0] is Grade.GOOD
    service.link.state = LinkState.DOWN
    assert readiness(service)[0] is grade


@pytest.mark.parametrize(
    ("left", "grade", "mark"),
    [
        (timedelta(days=8), Grade.GOOD, "[+]"),
        (timedelta(days=6), Grade.DEGRADED, "[!]"),
        (timedelta(seconds=-1), Grade.BAD, "[-]"),
    ],
)
async def test_a_certificate_near_its_end(
    service: LiveService, monkeypatch: pytest.MonkeyPatch, left: timedelta, grade: Grade, mark: str
) -> None:
    end = service.stores[0].current.pairs[0].facts.not_after

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return (end - left).astimezone(UTC)

    monkeypatch.setattr(health, "datetime", Clock)
    assert readiness(service)[0] is grade
    assert lines(service)[1].startswith(f"{mark} certificate of 127.0.0.1:5039: dns:localhost expire")
