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

_TOP: Final = Path(__file__).parents[1]
_FOLDERS: Final = ("e2e", "faults", "asterisk")
_OWN = "starts its proxies by other means, with a configuration of its own"
#: Files in which a second server proves nothing, and why.
LEFT_OUT: Final[Mapping[str, str]] = MappingProxyType({})


def files() -> list[str]:
    """The files with tests to run, from the top of the tree."""
    found = (path for folder in _FOLDERS for path in (_TOP / "tests" / folder).glob("test_*.py"))
    return sorted(str(path.relative_to(_TOP)) for path in found if path.name not in LEFT_OUT)


def chosen(among: list[str], number: int | None, seed: str) -> list[str]:
    """As many of these files, the same ones for the same seed; all of them if ``number`` is None."""
    return among if number is None else sorted(random.Random(seed).sample(among, number))


def main() -> int:
    """Returns pytest's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, metavar="N")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--way", choices=WAYS, default=WAYS[0])
    arguments, rest = parser.parse_known_args()
    sample = chosen(files(), arguments.sample, arguments.seed)
    sys.stderr.write(f"beside a second server, bound by {arguments.way}: {' '.join(sample)}\n")
    command = [sys.executable, "-m", "pytest", "-m", "not serial", *rest, *sample]
    environment = {**os.environ, "AMIPROXY_TWIN": arguments.way}
    return subprocess.run(command, env=environment, cwd=_TOP, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
