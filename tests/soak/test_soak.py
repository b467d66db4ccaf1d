"""A small soak, to show that the long one runs, and finds losses."""

from dataclasses import replace

import pytest

from tests.soak.soak import Plan, soak
from tests.support.storm_reader import StormReader

pytestmark = pytest.mark.serial

SMALL = Plan(
    minutes=0.2,
    watchers=20,
    askers=3,
    comers=3,
    slow=1,
    hostile=2,
    far=2,
    sockets=3,
    pollers=2,
    callers=1,
    hostile_web=1,
    events_a_second=200.0,
    reload_every=2.0,
    rotate_every=2.5,
    restart_every=3.0,
)


@pytest.mark.timeout(120)
async def test_a_small_soak_loses_nothing() -> None:
    outcome = await soak(SMALL)
    assert outcome.lost == []
    assert (
        "2 of these under load" in outcome.figures["operations"]
        or "1 of these" in outcome.figures["operations"]
    )


@pytest.mark.timeout(120)
async def test_an_event_that_one_client_misses_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = StormReader.data_received
    missed: list[bytes] = []

    def deaf(self: StormReader, data: bytes) -> None:
        # One read of one reader, in the middle of its stream; how many there are depends on the machine.
        if not missed and self.last >= 50 and b"\r\nValue: " in data:
            missed.append(data)
        else:
            right(self, data)

    monkeypatch.setattr(StormReader, "data_received", deaf)
    outcome = await soak(replace(SMALL, minutes=0.1, comers=0, restart_every=3600.0))
    assert missed
    assert any("different streams" in loss or "gaps in 0 resets" in loss for loss in outcome.lost)
