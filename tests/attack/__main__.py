"""Make every attempt, or a part of them: ``python -m tests.attack [--only TEXT] [--seed N --size N]``."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.attack.campaign import Attempt, Campaign, attempts, sample
from tests.attack.target import Target, watched


async def attack(target: Target, directory: Path, chosen: list[Attempt]) -> int:
    await target.start()
    proxy = target.proxy(directory)
    proxy.start()
    began = time.monotonic()
    campaign = Campaign(
        target, proxy, lambda text: print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)
    )
    try:
        async with watched(target, proxy) as times:
            await campaign.run(chosen)
        print(
            f"{campaign.made} attempts in {time.monotonic() - began:.0f} s, {campaign.allowed} allowed,"
            f" {campaign.unanswered} without an answer; neighbour's Getvar p99"
            f" {1000 * sorted(times)[int(0.99 * len(times))]:.0f} ms"
        )
    finally:
        proxy.kill()
        await target.stop()
    for line in campaign.unrepeated:
        print(f"once, and not again: {line}")
    for finding in campaign.findings:
        print(finding)
    print(f"{len(campaign.findings)} findings")
    return 1 if campaign.findings else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.attack", description=__doc__)
    parser.add_argument("--only", default="", help="attempts whose text has this in it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=0, help="a sample of so many")
    options = parser.parse_args()
    everything = sample(options.seed, options.size) if options.size else list(attempts())
    chosen = [attempt for attempt in everything if options.only in str(attempt)]
    print(f"{len(chosen)} attempts of {sum(1 for _ in attempts())}")
    target = Target()
    try:
        with tempfile.TemporaryDirectory() as directory:
            return asyncio.run(attack(target, Path(directory), chosen))
    finally:
        target.remove()


sys.exit(main())
