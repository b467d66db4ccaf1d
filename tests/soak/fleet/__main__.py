"""``python -m tests.soak.fleet MINUTES``: the soak test of a fleet; exit status 1 if anything went wrong."""

import argparse
import asyncio
import sys

from amiproxy.net.loop.eventloop import new_event_loop
from tests.asterisk.lab.cache import Unavailable
from tests.soak.fleet.soak import Plan, soak


def main() -> int:
    """Run it and print the report."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak.fleet", description="A fleet whose processes die and freeze, for long."
    )
    parser.add_argument("minutes", type=float)
    parser.add_argument("--seed", type=int, default=Plan.seed, help="of the order of faults (1)")
    parser.add_argument("--events", type=float, default=Plan.events, help="a second at each server (500)")
    parser.add_argument("--only", action="append", default=[], help="faults whose names contain this")
    arguments = parser.parse_args()
    plan = Plan(arguments.minutes, arguments.seed, arguments.events, only=tuple(arguments.only))
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        try:
            outcome = runner.run(soak(plan))
        except Unavailable as reason:
            sys.exit(f"soak-fleet: {reason}")
    for what, figure in outcome.figures.items():
        sys.stdout.write(f"soak-fleet: {what:>28}: {figure}\n")
    for one in outcome.wrong[:20]:
        sys.stdout.write(f"soak-fleet: WRONG {one}\n")
    sys.stdout.write(f"soak-fleet: {len(outcome.wrong)} wrong\n")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
