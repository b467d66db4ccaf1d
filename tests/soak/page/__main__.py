"""``python -m tests.soak.page MINUTES``: the soak test of the page; exit status 1 if a bound is missed."""

import argparse
import asyncio
import sys

from tests.soak.page.crowd import Size
from tests.soak.page.soak import Plan, soak


def main() -> int:
    """Run it and print the report."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak.page", description="The page before a large call centre, for long."
    )
    parser.add_argument("minutes", type=float)
    parser.add_argument("--calls", type=float, default=Size().per_minute, help="that begin a minute (3000)")
    arguments = parser.parse_args()
    outcome = asyncio.run(soak(Plan(arguments.minutes, Size(per_minute=arguments.calls))))
    for what, figure in outcome.figures.items():
        sys.stdout.write(f"soak-page: {what:>11}: {figure}\n")
    for one in outcome.missed[:20]:
        sys.stdout.write(f"soak-page: MISSED {one}\n")
    sys.stdout.write(f"soak-page: {len(outcome.missed)} bounds missed\n")
    return 1 if outcome.missed else 0


if __name__ == "__main__":
    sys.exit(main())
