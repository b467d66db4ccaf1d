from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from amiproxy import log
from tests.service.running import SECRET, USERS
from tests.support.ports import free_port
from tests.support.proxy_process import ProxyProcess


@pytest.fixture(autouse=True)
def log_text(tmp_path: Path, log_restored: None) -> Iterator[Callable[[], str]]:
    """All lines of the log; afterwards the log is restored."""
    with (tmp_path / "log").open("w") as stream:
        log.configure("text", "debug", stream)
        yield (tmp_path / "log").read_text


@pytest.fixture
def files(tmp_path: Path) -> ProxyProcess:
    """proxy.yaml and its files, with an upstream port where nothing listens."""
    directory = tmp_path / "etc"
    directory.mkdir(mode=0o700)
    return ProxyProcess(directory, ("127.0.0.1", free_port(), "proxy", SECRET), USERS)
