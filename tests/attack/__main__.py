"""Make every attempt, or some of them: ``python -m tests.attack [--only TEXT] [--seed N --size N]``.

An Asterisk that ends is started again; the attempts right before are reported, and the run continues.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.asterisk.lab import chroot
from tests.attack.campaign import Attempt, Campaign, attempts, sample
from tests.attack.target import Target, watched

_BEGAN = time.monotonic()
_SUITES = {version: suite for suite, version in chroot.SUITES.items()}


def tell(text: str) -> None:
    sys.stdout.write(f"attack: {time.monotonic() - _BEGAN:5.0f} s  {text}\n")
    sys.stdout.flush()


async def attack(target: Target, directory: Path, chosen: list[Attempt]) -> int:
    """Make these attempts; 1 if one of them had an effect beyond its user's rights."""
    await target.start()
    proxy = target.proxy(directory)
    proxy.start()
    campaign = Campaign(target, proxy, tell)
    try:
        async with watched(target, proxy) as times:
            await campaign.run(chosen)
    finally:
        proxy.kill()
        await target.stop()
    slow = 1000 * sorted(times)[int(0.99 * len(times))] if times else 0
    tell(f"{campaign.made} attempts, {campaign.allowed} of them allowed; p99 of a neighbour {slow:.0f} ms")
    for line in campaign.unrepeated:
        tell(f"once, and not again: {line}")
    for finding in campaign.findings:
        tell(f"FOUND {finding}")
    tell(f"{len(campaign.findings)} found; Asterisk ended or hung {len(campaign.crashes)} times")
    return 1 if campaign.findings or campaign.crashes else 0


def main() -> int:
    """Choose, and attack."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description="Every danger everywhere.")
    parser.add_argument("--only", default="", metavar="TEXT", help="those whose description has this in it")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--size", type=int, default=0, help="so many of them; without it all")
    parser.add_argument("--asterisk", choices=sorted(_SUITES), default="22", help="which version")
    arguments = parser.parse_args()
    everything = sample(arguments.seed, arguments.size) if arguments.size else list(attempts())
    chosen = [attempt for attempt in everything if arguments.only in str(attempt)]
    tell(f"{len(chosen)} attempts")
    target = Target(_SUITES[arguments.asterisk])
    try:
        with tempfile.TemporaryDirectory() as directory:
            return asyncio.run(attack(target, Path(directory), chosen))
    finally:
        target.remove()


if __name__ == "__main__":
    sys.exit(main())
