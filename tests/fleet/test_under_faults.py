"""One thing after another goes wrong under events and actions; nothing is lost, done twice or misreported.

``make soak-fleet`` does it for longer, with every process and node, and at a higher rate.
"""

import asyncio
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fleet.conftest import Site
from tests.fleet.lab.accounts import Plan
from tests.fleet.lab.faults import Faults
from tests.fleet.lab.load import Load
from tests.fleet.lab.members import Fleet
from tests.support.service import LIMITS

pytestmark = pytest.mark.long

#: Events a second, of both classes together.
_RATE = 200.0


def _with_a_clock(fleet: Fleet, folder: Path) -> None:
    """Let all processes have a wall clock that can jump."""
    (folder / "jump").write_text("0")
    for member in fleet.members:
        member.program = ("-m", "tests.faults.failing", "clock_jumps")
        member.environment = {"CLOCK_JUMP": str(folder / "jump")}


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site]) -> Site:
    plan = Plan({"berlin": ["berlin-a", "berlin-b"]}, {"edge1": ["berlin"], "edge2": ["berlin"]})
    # What becomes of an action is known sooner, so that the tests take less time.
    return make_site(plan, _with_a_clock, limits={**LIMITS, "action_timeout": 5.0})


_FAULTS = [
    "n1 is killed",
    "n2 is killed",
    "n3 is killed",
    "n1 is frozen",
    "the agent followed at berlin is killed",
    "the agent followed at berlin is frozen",
    "edge1 is killed",
    "edge2 is frozen",
    "berlin resets its connections",
    "berlin restarts",
    "the clocks jump",
    "users are reloaded at agents first",
    "users are reloaded at edges first",
    "the accounts are reloaded",
]
#: How many of them are tried, chosen by FAULTS_SEED; ``make soak-fleet`` tries all of them again and again.
_TRIED = int(os.environ.get("FAULTS", "7"))


def _sampled() -> list[str]:
    return random.Random(os.environ.get("FAULTS_SEED", "1")).sample(_FAULTS, min(_TRIED, len(_FAULTS)))


@pytest.mark.parametrize("fault", _sampled())
async def test_it_costs_no_event_that_clients_do_not_know_of_and_no_action(site: Site, fault: str) -> None:
    faults = Faults(site.fleet, site.sources, site.folder / "jump")
    source = site.sources["berlin"]
    await site.fleet.ready()
    async with Load(site.fleet, site.sources) as load:
        source.rate = _RATE
        try:
            await asyncio.sleep(0.3)
            await faults.all[fault]()
            await asyncio.sleep(0.3)
        finally:
            source.rate = 0.0
        await load.settle()
        assert load.faults == [], load.texts
        assert load.deeds.counts["done"] > 0, load.texts
        assert all(ledger.events for ledger in load.ledgers)
