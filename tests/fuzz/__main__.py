"""``python -m tests.fuzz SECONDS [TARGET…]``: coverage-guided fuzzing of all targets by atheris.

As many at a time as there are processors, so that all are done in the seconds
given, in wall-clock time, plus the time to start each.  Each target
has a process of its own, because libFuzzer ends the one it runs in.  An input
that fails is left in ``results/fuzz/TARGET``; put it into
``tests/fuzz/found/TARGET`` with the fix, and the suite runs it from then on.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tests.fuzz.corpus import LONGEST, seeds
from tests.fuzz.names import NAMES

_RESULTS = Path(__file__).parents[2] / "results" / "fuzz"
_DONE = re.compile(r"Done (\d+) (?:runs )?in (\d+) second")
#: Marks the child, which fuzzes one target and never returns.
_CHILD = "FUZZ_TARGET"


def main() -> int:
    """All targets; 1 if any found something."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description="Fuzz what reads others' bytes."
    )
    parser.add_argument("seconds", type=int, help="for all targets together, by the clock")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"only these of {', '.join(NAMES)}")
    parser.add_argument("--seed", type=int, default=0, help="the same choices as last time; 0 takes others")
    arguments = parser.parse_args()
    targets = arguments.targets or NAMES
    if unknown := set(targets) - set(NAMES):
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    # A target that ends early makes room for the next: none waits for the slowest of a round.
    together = min(len(os.sched_getaffinity(0)), len(targets))
    seconds = max(1, arguments.seconds * together // len(targets))
    total = 0
    failed: list[str] = []
    with ThreadPoolExecutor(together) as pool:
        under_way = {pool.submit(_fuzz, name, seconds, arguments.seed): name for name in targets}
        for done in as_completed(under_way):
            name, runs = under_way[done], done.result()
            if runs is None:
                failed.append(name)
            else:
                total += runs
                _say(f"fuzz: {name:18} {runs:9,} inputs in {seconds} s")
    _say(f"fuzz: {total:,} inputs, {len(failed)} of {len(targets)} targets failed {failed or ''}")
    return 1 if failed else 0


def _fuzz(name: str, seconds: int, seed: int) -> int | None:
    """How many inputs were run; None if one failed, which is reported with its file."""
    kept = _RESULTS / name
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for number, first in enumerate(seeds(name)):
            (Path(corpus) / f"{number:04}").write_bytes(first)
        command = [
            *(sys.executable, "-m", "tests.fuzz.child", corpus),
            *(f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-timeout=10", "-rss_limit_mb=1024"),
            *(f"-seed={seed}", f"-artifact_prefix={kept}/"),
        ]
        done = subprocess.run(
            command,
            env={**os.environ, _CHILD: name},
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
        )
    found = _DONE.search(done.stderr)
    if done.returncode or found is None:
        _say(f"fuzz: {name} FAILED (exit status {done.returncode}); inputs in {kept}\n{done.stderr[-4000:]}")
        return None
    return int(found[1])


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
