"""Real Asterisks that serve AJAM, and the proxy in front of them, which serves it too."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.asterisk.ajam.door import PREFIX, TIMEOUT, AjamDoor, AjamProxy
from tests.asterisk.conftest import running
from tests.asterisk.lab.asterisk import Asterisk, Http
from tests.asterisk.lab.cache import Unavailable
from tests.support.requirements import give_up


def _serving(suite: str) -> Iterator[Asterisk]:
    try:
        asterisk = Asterisk(suite, http=Http(PREFIX.removeprefix("/"), TIMEOUT))
    except Unavailable as reason:
        give_up("ASTERISK", reason)
    try:
        asterisk.start()
        yield asterisk
    finally:
        asterisk.remove()


@pytest.fixture(scope="session")
def web22() -> Iterator[Asterisk]:
    """Asterisk 22 with AJAM."""
    yield from _serving("sid")


@pytest.fixture(scope="session")
def web16() -> Iterator[Asterisk]:
    """Asterisk 16 with AJAM."""
    yield from _serving("bullseye")


@contextmanager
def proxy_with_ajam(asterisk: Asterisk, directory: Path, **listener: Any) -> Iterator[AjamProxy]:
    """The proxy in front of this Asterisk, with these keys of its listener for HTTP."""
    with running(AjamProxy(directory, asterisk, **listener), asterisk.secret) as proxy:
        assert isinstance(proxy, AjamProxy)
        yield proxy


@pytest.fixture(scope="session")
def webproxy22(web22: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AjamProxy]:
    """The proxy in front of Asterisk 22."""
    with proxy_with_ajam(web22, tmp_path_factory.mktemp("webproxy22")) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def webproxy16(web16: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AjamProxy]:
    """The proxy in front of Asterisk 16."""
    with proxy_with_ajam(web16, tmp_path_factory.mktemp("webproxy16")) as proxy:
        yield proxy


@pytest.fixture(scope="session", params=["22", "16"])
def web(request: pytest.FixtureRequest) -> Asterisk:
    """Each version in turn."""
    found: Asterisk = request.getfixturevalue(f"web{request.param}")
    return found


@pytest.fixture
def native(web: Asterisk) -> AjamDoor:
    """Asterisk's own AJAM."""
    return AjamDoor(web, None)


@pytest.fixture
def ours(web: Asterisk, request: pytest.FixtureRequest) -> AjamDoor:
    """The proxy's."""
    return AjamDoor(web, request.getfixturevalue(f"webproxy{web.version}"))


@pytest.fixture(params=["native", "ours"])
def either(web: Asterisk, request: pytest.FixtureRequest) -> AjamDoor:
    """Asterisk's own and the proxy's in turn: what a test asserts of one holds for the other."""
    if request.param == "native":
        return AjamDoor(web, None)
    return AjamDoor(web, request.getfixturevalue(f"webproxy{web.version}"))
