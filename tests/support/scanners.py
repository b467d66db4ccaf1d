"""External TLS scanners: sslyze in an environment of its own, made once; testssl.sh from the system.

``python3 -m tests.support.scanners`` makes it ahead of the tests.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.asterisk.lab.cache import Unavailable, cache_home, kept

_PINS = Path(__file__).parents[2] / "requirements-scanners.txt"


def sslyze() -> list[str]:
    """The command.  Raises Unavailable without a package index."""
    pins = hashlib.sha256(_PINS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache_home() / f"sslyze-{pins}"
    kept(folder, _install)
    return [str(folder / "bin" / "python"), "-m", "sslyze"]


def testssl() -> list[str]:
    """The command.  Raises Unavailable if it is not installed."""
    found = shutil.which("testssl") or shutil.which("testssl.sh")
    if found is None:
        raise Unavailable("testssl.sh is not installed: apt-get install testssl.sh")
    return [found]


testssl.__test__ = False  # type: ignore[attr-defined]  # pytest takes the name for a test's


def _install(folder: Path) -> None:
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(_PINS)], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"sslyze cannot be installed: {error.stderr}") from error


if __name__ == "__main__":
    try:
        sslyze()
    except Unavailable as reason:
        sys.exit(f"scanners: {reason}")
