"""Things that take long to build are built once, completely or not at all, and kept between runs."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Unavailable(Exception):
    """Something that these tests need is not available on this machine; the text gives reason and remedy."""


def cache_home() -> Path:
    """Where it is kept: ``AMIPROXY_ASTERISK_CACHE``, or a folder of the user's cache."""
    configured = os.environ.get("AMIPROXY_ASTERISK_CACHE")
    return Path(configured) if configured else Path.home() / ".cache" / "amiproxy-tests"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of what is, or will be, at ``path``; wait for its present holder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def kept(path: Path, make: Callable[[Path], None]) -> None:
    """Make sure that the directory ``path`` exists: ``make`` fills another, which is then renamed."""
    with locked(path):
        if path.exists():
            return
        growing = path.with_name(f"{path.name}.building")
        shutil.rmtree(growing, ignore_errors=True)
        make(growing)
        growing.rename(path)
