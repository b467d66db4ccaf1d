"""Run tests once more beside a second server; see tests/support/twin.py.

python -m tests.twinned [--sample N] [--seed TEXT] [--way WAY] [PYTEST_ARGUMENT...]

Runs all end-to-end, fault and real-Asterisk tests, or ``--sample`` N files of them, chosen by the seed.  Each
session is then bound to one of two servers: to the tested one, while the other makes events.
"""

import argparse
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tests.support.twin import WAYS

TOP: Final = Path(__file__).parents[1]
_FOLDERS: Final = ("e2e", "faults", "asterisk")
_TEXT: Final = "compares a text for operators, which names the servers"
#: Tests that do not apply, and why.
LEFT_OUT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "tests/e2e/test_a_bad_reload_keeps_everything_old.py::"
        "test_a_bad_reload_keeps_everything_old[readable_secret]": _TEXT,
        "tests/e2e/test_systemd_passes_sockets_and_gets_notifications.py": _TEXT,
        "tests/e2e/test_the_running_proxy_is_controlled_and_inspected.py::"
        "test_metrics_follow_events_and_actions": _TEXT,
        "tests/e2e/test_users_are_changed_while_the_service_runs.py::"
        "test_an_added_user_can_log_in_at_once": "adds a user without servers, which is refused",
        "tests/asterisk/test_link_by_tls.py::"
        "test_a_wrong_secret_or_name_is_logged_with_the_reason": "wants no link up, and the other one is",
        "tests/faults/test_one_of_several_servers.py": "has several servers of its own",
        "tests/faults/test_failures_of_the_proxy.py::"
        "test_a_link_task_that_crashes_is_restarted": "counts crashes, and each server's link crashes",
    }
)


def files() -> list[str]:
    """The files with tests to run, from the top of the tree."""
    found = (path for folder in _FOLDERS for path in (TOP / "tests" / folder).glob("test_*.py"))
    return sorted(str(path.relative_to(TOP)) for path in found)


def chosen(among: list[str], number: int | None, seed: str) -> list[str]:
    """As many of these files, the same ones for the same seed; all of them if ``number`` is None."""
    return among if number is None else sorted(random.Random(seed).sample(among, number))


def main() -> int:
    """Returns pytest's exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sample", type=int, metavar="N")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--way", choices=WAYS, default=WAYS[0])
    arguments, rest = parser.parse_known_args()
    sample = chosen(files(), arguments.sample, arguments.seed)
    sys.stderr.write(f"beside a second server, bound by {arguments.way}: {' '.join(sample)}\n")
    left_out = [f"--deselect={name}" for name in LEFT_OUT]
    command = [sys.executable, "-m", "pytest", "-m", "not serial", *left_out, *rest, *sample]
    environment = {**os.environ, "AMIPROXY_TWIN": arguments.way}
    return subprocess.run(command, env=environment, cwd=TOP, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
