"""A sample of the attempts of tests.attack, another each time; ``make attack`` makes all of them.

``SEED=N`` repeats one; the name of the test says which it was.  Nothing that an attacker says in
any header of any action may have an effect that is not that user's by right.
"""

import asyncio
import os
import random

import pytest

from tests.attack.campaign import Campaign, sample
from tests.attack.target import Target, watched
from tests.support.proxy_process import ProxyProcess

SECONDS = 40
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [SEED])
async def test_no_attempt_has_an_effect_beyond_its_user_s_rights(
    target: Target, attacked: tuple[Target, ProxyProcess], seed: int
) -> None:
    _, proxy = attacked
    campaign = Campaign(target, proxy)
    async with watched(target, proxy):
        await campaign.run(sample(seed, 20_000), asyncio.get_running_loop().time() + SECONDS)
    summary = f"SEED={seed}: {campaign.made} attempts, {campaign.allowed} allowed"
    assert campaign.made > 1000, summary
    assert campaign.allowed > campaign.made // 20, f"{summary}: hardly anything reached Asterisk"
    assert [str(finding) for finding in campaign.findings] == [], summary
