"""A partition: the cable between an edge and the engines is pulled, and its clients stay where they are."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fleet.conftest import Site
from tests.fleet.lab.accounts import Plan
from tests.fleet.lab.load import Load
from tests.fleet.lab.members import Fleet
from tests.support.cable import Cable, cables
from tests.support.service import LIMITS

pytestmark = pytest.mark.long

#: Longer than it takes to notice a connection on which nothing arrives.
_SECONDS = 8.0
_RATE = 200.0


@pytest.fixture(scope="module")
def both() -> Iterator[list[Cable]]:
    """From the edge to the engines, and from its clients to the edge."""
    with cables(2) as made:
        yield made


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site], both: list[Cable]) -> Site:
    engines, clients = both

    def prepared(fleet: Fleet, _folder: Path) -> None:
        edge = fleet.edges["edge2"]
        edge.wrapper = clients.inside
        edge.listen_on(clients.there)

    plan = Plan({"berlin": ["berlin-a"]}, {"edge1": ["berlin"], "edge2": ["berlin"]})
    return make_site(plan, prepared, engines.here, limits={**LIMITS, "action_timeout": 5.0})


async def test_its_clients_are_told_and_miss_nothing_else(site: Site, both: list[Cable]) -> None:
    source = site.sources["berlin"]
    await site.fleet.ready()
    async with Load(site.fleet, site.sources) as load:
        source.rate = _RATE
        try:
            await asyncio.sleep(0.3)
            both[0].pull()
            try:
                await asyncio.sleep(_SECONDS)
            finally:
                both[0].plug_in()
            await asyncio.sleep(0.3)
        finally:
            source.rate = 0.0
        await load.settle()
        assert load.faults == [], load.texts
        _, cut_off = load.ledgers
        assert cut_off.changes >= 1
        assert cut_off.missed
        assert load.deeds.counts["done"] > 0
        assert load.breaks == 0
