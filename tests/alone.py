"""Run the tests that failed in a parallel run once more, alone.

python -m tests.alone CACHE_DIR UNSTEADY_FILE PYTEST_ARGUMENT...

Tests in parallel can starve one another on a small machine; a failure that does not recur alone is then a
fault of the test, not of the product.  `make test` lists such a test as unsteady at its end, and it is to be
fixed like any other fault; its first failure is in the output of the parallel run.  If more than a few tests
failed, that is no coincidence: they are not repeated, and the run fails.
"""

import json
import subprocess
import sys
from pathlib import Path

#: Most tests that may pass only alone.
MOST = 6


def failed_in(cache: Path) -> list[str]:
    """Ids of the tests that failed in the run that used this cache directory; none without such a run."""
    record = cache / "v" / "cache" / "lastfailed"
    return list(json.loads(record.read_text())) if record.exists() else []


def main(cache: Path, unsteady: Path, arguments: list[str]) -> int:
    """Returns an exit status: 0 if each of the tests that failed, at most MOST, passes alone.

    Their ids are then written to ``unsteady``, one a line.
    """
    failed = failed_in(cache)
    if not 0 < len(failed) <= MOST:
        sys.stderr.write(f"{len(failed)} tests failed; they are not repeated\n")
        return 1
    sys.stderr.write("\n  ".join(["repeating alone:", *failed]) + "\n")
    status = subprocess.run([sys.executable, "-m", "pytest", *arguments, *failed], check=False).returncode
    if status == 0:
        unsteady.write_text("".join(f"{name}\n" for name in failed))
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
