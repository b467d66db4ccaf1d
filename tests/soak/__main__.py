"""``python -m tests.soak MINUTES``: the soak test, and its report; exit status 1 if anything was lost."""

import argparse
import asyncio
import sys

from amiproxy.net.loop.eventloop import new_event_loop
from tests.soak.soak import Plan, soak


def main() -> int:
    """Run it and print the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Everything at once, for long.")
    parser.add_argument("minutes", type=float)
    parser.add_argument("--watchers", type=int, default=Plan.watchers, help=f"({Plan.watchers})")
    parser.add_argument("--events", type=float, default=Plan.events_a_second, help="a second (500)")
    arguments = parser.parse_args()
    plan = Plan(arguments.minutes, watchers=arguments.watchers, events_a_second=arguments.events)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        outcome = runner.run(soak(plan))
    for what, figure in outcome.figures.items():
        sys.stdout.write(f"soak: {what:>13}: {figure}\n")
    for loss in outcome.lost[:20]:
        sys.stdout.write(f"soak: LOST {loss}\n")
    sys.stdout.write(f"soak: {len(outcome.lost)} lost\n")
    return 1 if outcome.lost else 0


if __name__ == "__main__":
    sys.exit(main())
