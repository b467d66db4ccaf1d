"""Run the model test for as long as wanted: half of the time on each version of Asterisk.

python -m tests.asterisk.history --minutes 30 --seed 7
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.asterisk.history.flows import EXTENSIONS, FEATURES
from tests.asterisk.history.model import Model
from tests.asterisk.lab import chroot
from tests.asterisk.lab.asterisk import Asterisk

#: Asterisk is killed after this many rounds.
_ROUNDS = 25


async def _run(pbx: Asterisk, directory: Path, seed: int, seconds: float) -> Model:
    give_up = time.monotonic() + seconds
    model = Model(pbx, directory, seed)
    try:
        await model.start()
        while time.monotonic() < give_up:
            for _ in range(_ROUNDS):
                await model.round_until_a_crash()
                if time.monotonic() > give_up:
                    break
            else:
                await model.restart()
    finally:
        await model.stop()
    return model


def main() -> int:
    """Run it; the exit status is 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.asterisk.history", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for suite, version in chroot.SUITES.items():
        pbx = Asterisk(suite, extensions_extra=EXTENSIONS)
        try:
            pbx.write("features.conf", FEATURES)
            pbx.start()
            seconds = options.minutes * 60 / len(chroot.SUITES)
            with tempfile.TemporaryDirectory() as directory:
                model = asyncio.run(_run(pbx, Path(directory), options.seed, seconds))
        finally:
            pbx.remove()
        said = ", ".join(f"{number} {name}" for name, number in model.done.items())
        sys.stdout.write(f"Asterisk {version}, seed {options.seed}: {said}; nothing wrong with the proxy\n")
        sys.stdout.writelines(f"  Asterisk crashed: {crash}\n" for crash in model.crashes)
        sys.stdout.writelines(
            f"  events and lists of Asterisk differ: {line}\n" for line in model.contradictions
        )
        sys.stdout.flush()
    return 0


sys.exit(main())
