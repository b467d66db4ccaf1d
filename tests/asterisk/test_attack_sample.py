"""A sample of the attempts of tests.attack, a different one each time; ``make attack`` makes all of them.

``SEED=N`` repeats one; the name of the test says which it was.  Nothing that an attacker sends in
any header of any action may have an effect beyond that user's rights.
"""

import asyncio
import os
import random
import signal
import zlib

import pytest

from tests.attack.campaign import Attempt, Campaign, sample
from tests.attack.target import Target, watched
from tests.support.proxy_process import ProxyProcess

pytestmark = pytest.mark.long

#: It runs for this long, and until this many attempts are made.
SECONDS, ENOUGH = 40, 1000
#: All processes of a run that is divided among several must name the test alike.
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID")
SEED = int(
    os.environ.get("SEED") or (zlib.crc32(RUN.encode()) if RUN else random.SystemRandom().randrange(1 << 32))
)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [SEED])
async def test_no_attempt_has_an_effect_beyond_its_users_rights(
    target: Target, attacked: tuple[Target, ProxyProcess], seed: int
) -> None:
    _, proxy = attacked
    campaign = Campaign(target, proxy)
    attempts = iter(sample(seed, 20_000))
    async with watched(target, proxy):
        while campaign.made <= ENOUGH:
            await campaign.run(attempts, asyncio.get_running_loop().time() + SECONDS)
    summary = f"SEED={seed}: {campaign.made} attempts, {campaign.allowed} allowed"
    assert campaign.allowed > campaign.made // 20, f"{summary}: hardly anything reached Asterisk"
    assert [str(finding) for finding in campaign.findings] == [], summary


@pytest.mark.timeout(180)
async def test_a_campaign_continues_after_a_crash_and_reports_what_preceded_it(
    target: Target, attacked: tuple[Target, ProxyProcess]
) -> None:
    _, proxy = attacked
    chosen = [attempt for attempt in sample(SEED, 5000) if attempt.who.name == "class-call"][:16]

    class Killed(Campaign):
        """Asterisk ends after the fifth attempt, for whatever cause."""

        def _written(self, attempt: Attempt, action_id: str, calls: dict[str, str]) -> bytes:
            if self.made == 5:
                os.kill(self.target.pid, signal.SIGKILL)
            return super()._written(attempt, action_id, calls)

    campaign = Killed(target, proxy)
    async with watched(target, proxy):
        await campaign.run(chosen)
    assert campaign.crashes
    assert campaign.crashes[0]
    assert {line for lines in campaign.crashes for line in lines} <= {str(attempt) for attempt in chosen}
    assert target.is_there
    assert campaign.made >= len(chosen)
    assert campaign.findings == []
